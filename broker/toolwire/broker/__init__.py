"""The only code that speaks AMQP: names, connections, publishing, consuming, and a private node."""

import logging

from toolwire.broker import guard

guard.install()

# Whatever aiormq logs of a lost connection also reaches the link as an exception, which says it once and in
# few words; without this a program that has set up no logging shows tracebacks for every failed attempt.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)
