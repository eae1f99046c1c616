"""The messages of asyncapi.yaml, each with real sealed lines as examples."""

import json

from spec.write.asyncapi_channels import BINDING_VERSION, Section
from spec.write.docstrings import text_of
from spec.write.examples import EXAMPLES, sealed
from spec.write.schemas import LINES
from toolwire.broker.topology import ASIDE_KEY, ASIDE_REASON, ASIDE_TIME
from toolwire.contracts.envelopes import Envelope
from toolwire.contracts.lines import CONTENT_TYPE

_REQUEST_ID = {
    "description": "Joins a request, its answers and the events of its job.",
    "location": "$message.payload#/request_id",
}

_LABEL = {
    "type": "object",
    "properties": {
        ASIDE_REASON: {"type": "string", "description": "Why, in one word."},
        ASIDE_KEY: {"type": "string", "description": "The routing key that the message came under."},
        ASIDE_TIME: {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "When, in milliseconds since 1970-01-01 UTC.",
        },
    },
}


def messages() -> Section:
    """All of them, by what stands in the AMQP property `type`."""
    return {
        **{envelope.TYPE: _lines(envelope) for envelope in LINES},
        "hint": _message(
            "hint", "There is work in the store. Its body says nothing, and nobody reads it.", {}
        ),
        "dead": _message(
            "dead",
            "One line that a client signed, and that could neither be handled nor answered. What the broker "
            "itself gave up to deliver is a request still, and has the broker's headers.",
            {"headers": _LABEL},
        ),
        "junk": _message(
            "junk",
            "Any bytes: they never authenticated, and nothing in them may be believed.",
            {"headers": {**_LABEL, "required": [*_LABEL["properties"]]}},
        ),
    }


def _lines(envelope: type[Envelope]) -> Section:
    """A message of envelopes. Its payload's schema is that of each of its lines."""
    told: Section = {"payload": {"$ref": f"./schemas/{envelope.TYPE}.json"}}
    if "request_id" in envelope.model_fields:
        told["correlationId"] = _REQUEST_ID
    told["examples"] = [
        {"name": name, "payload": json.loads(sealed(example))}
        for name, example in EXAMPLES.items()
        if isinstance(example, envelope)
    ]
    return _message(envelope.TYPE, text_of(envelope), told)


def _message(type_: str, summary: str, told: Section) -> Section:
    return {
        "name": type_,
        "summary": summary,
        "contentType": CONTENT_TYPE,
        "bindings": {"amqp": {"messageType": type_, "bindingVersion": BINDING_VERSION}},
        **told,
    }
