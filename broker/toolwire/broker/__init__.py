"""The only code that speaks AMQP: names, connections, publishing, consuming, and a private node."""

from toolwire.broker import guard

guard.install()
