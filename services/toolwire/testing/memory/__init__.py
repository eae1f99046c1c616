"""A RabbitMQ of one virtual host, in memory: what clients and services meet of it, and nothing else.

A test double of the broker, not of our code: the real `Client` and the real `Replica` run over it unchanged.
It knows topic exchanges and bindings, mandatory messages, confirms, acks and rejections with redelivery,
delivery limits, dead-lettering, bounded queues, exclusive and fresh queues, exclusive consumers, prefetch,
and the requeueing of what a lost consumer held. It knows neither time (`x-expires`, `x-message-ttl`) nor
users, policies and the loss of connections: those are for tests on a real broker.
"""

from toolwire.testing.memory.broker import MemoryBroker

__all__ = ["MemoryBroker"]
