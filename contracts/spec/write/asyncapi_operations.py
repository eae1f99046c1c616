"""The operations of asyncapi.yaml: what a client, a server's replica and an operator do."""

from typing import Literal

from spec.write.asyncapi_channels import BINDING_VERSION, Section

Who = Literal["client", "server", "operator"]


def operations() -> Section:
    """All of them, by who does them."""
    answer = {"reply": _reply("response")}
    return {
        "ask": _send("client", "requests", "request", "Ask a server to run a tool.", mandatory=True) | answer,
        "hear": _receive(
            "client",
            "freshReplyQueue",
            "Take answers and the events of one's own jobs. Consume before the first request is published.",
            *("response", "event"),
            ack=False,
        ),
        "hearUnderAName": _receive(
            "client",
            "namedReplyQueue",
            "The same under a name that stays, so that nothing is lost while the client is away.",
            *("response", "event"),
            ack=True,
        ),
        "watch": _receive(
            "client", "watchQueue", "Follow jobs of those that one may watch.", "event", ack=True
        ),
        "serve": _receive(
            "server", "callQueue", "Check each line, run its tool, answer.", "request", ack=True
        )
        | answer,
        "tellTheOwner": _send(
            "server", "replies", "event", "Tell of a job to the instance that asked.", mandatory=True
        ),
        "tellWatchers": _send(
            "server",
            "events",
            "event",
            "Tell of a job to whoever watches, sealed with the server's own Ed25519 key.",
            mandatory=False,
        ),
        "hint": _send(
            "server", "jobs", "hint", "Wake a replica: there is work in the store.", mandatory=False
        ),
        "wake": _receive("server", "jobQueue", "Look into the store.", "hint", ack=False),
        "command": _send("server", "control", "control", "Have all replicas look.", mandatory=False),
        "obey": _receive("server", "controlQueue", "Look at the jobs that run here.", "control", ack=False),
        "putAside": _send(
            "server", "dead", "dead", "Keep an authentic line that cannot be handled.", mandatory=True
        ),
        "throwOut": _send(
            "server", "junk", "junk", "Keep what nobody known signed; it gets no answer.", mandatory=False
        ),
        "lookAtDead": _receive("operator", "deadQueue", "See what could not be handled.", "dead", ack=True),
        "lookAtJunk": _receive("operator", "junkQueue", "See what never authenticated.", "junk", ack=True),
    }


def _send(who: Who, channel: str, message: str, summary: str, *, mandatory: bool) -> Section:
    return _operation("send", who, channel, (message,), summary, {"deliveryMode": 2, "mandatory": mandatory})


def _receive(who: Who, channel: str, summary: str, *messages: str, ack: bool) -> Section:
    return _operation("receive", who, channel, messages, summary, {"ack": ack})


def _operation(
    action: str, who: Who, channel: str, messages: tuple[str, ...], summary: str, amqp: Section
) -> Section:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "tags": [{"name": who}],
        "bindings": {"amqp": {**amqp, "bindingVersion": BINDING_VERSION}},
        "messages": [_of(channel, message) for message in messages],
    }


def _reply(message: str) -> Section:
    return {"channel": {"$ref": "#/channels/replies"}, "messages": [_of("replies", message)]}


def _of(channel: str, message: str) -> Section:
    return {"$ref": f"#/channels/{channel}/messages/{message}"}
