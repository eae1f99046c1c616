"""What the models' validators ask for between fields, as JSON Schema says it.

A test holds each against the validator that it stands for.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from toolwire.contracts.envelopes import Event, Response
from toolwire.contracts.jobs import FINAL, STATUS_TOLD, EventName, Status
from toolwire.contracts.snapshots import JobSnapshot

Schema = dict[str, Any]


def _is(**fields: object) -> Schema:
    """Fields that have just these values; `required`, or an absent field would fit too."""
    return {"properties": {name: {"const": value} for name, value in fields.items()}, "required": [*fields]}


def _object(name: str) -> Schema:
    return {"properties": {name: {"type": "object"}}}


def _null(name: str) -> Schema:
    return {"properties": {name: {"type": "null"}}}


def _if(condition: Schema, then: Schema, otherwise: Schema | None = None) -> Schema:
    return {"if": condition, "then": then} | ({} if otherwise is None else {"else": otherwise})


def _in_order(values: Iterable[str]) -> list[str]:
    """A set in an order that is the same in every run."""
    return sorted(str(value) for value in values)


def _both(*schemas: Schema) -> Schema:
    return {"allOf": [*schemas]}


def _status(statuses: Iterable[str]) -> Schema:
    return {"properties": {"status": {"enum": _in_order(statuses)}}, "required": ["status"]}


_REFUSED = _both(_object("error"), _null("result"), _is(status=Status.ERROR.value))

_ONE_OUTCOME = _if(_is(ok=True), _null("error"), _REFUSED)

_FINAL_SAYS_SO = _if(
    _status(FINAL),
    _both(_is(final=True), _null("poll_after_ms")),
    _both(_is(final=False), {"properties": {"poll_after_ms": {"type": "integer"}}}),
)

_SAYS_WHY = _if(_status((Status.ERROR, Status.CANCELLED)), _object("error"), _null("error"))

_RESULT_OF_WHAT_IS_DONE = _if({"not": _is(status=Status.DONE.value)}, _null("result"))

_WAITS_TO_BE_TAKEN = _if(
    _is(status=Status.ACCEPTED.value), {"properties": {"due_ms": {"type": "integer"}}}, _null("due_ms")
)

_ASKS = _if(_is(status=Status.INPUT_REQUIRED.value), _object("question"), _null("question"))

_PIECES = {"properties": {"output": {"type": "array"}}, "required": ["output"]}

CONDITIONS: Mapping[type[BaseModel], Schema] = {
    Response: _ONE_OUTCOME,
    JobSnapshot: _both(_FINAL_SAYS_SO, _SAYS_WHY, _RESULT_OF_WHAT_IS_DONE, _WAITS_TO_BE_TAKEN, _ASKS),
    Event: {
        "allOf": [
            *(
                _if(_is(event=name.value), {"properties": {"data": _is(status=status.value)}})
                for name, status in STATUS_TOLD.items()
            ),
            _if(_is(event=EventName.PROGRESS.value), {"properties": {"data": _object("progress")}}),
            _if(_is(event=EventName.OUTPUT.value), _PIECES, _null("output")),
        ]
    },
}
