"""The published vectors cover every code and every reason word that can come from bytes alone, and no other.

What our own code can say is read from its source, so that a new word has to get its vector, and a word that
is gone has to leave the files.
"""

import ast
import inspect
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.unit.spec.vector_files import CONTROL, EVENT, REQUEST, RESPONSE, SEALED, WATCH, Vector, load
from toolwire.client import answers, following, ledger, watched
from toolwire.contracts import keys, lines, sealing
from toolwire.contracts.envelopes import Control, Envelope, Event, Request, Response
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.requests import authenticate, decide

MESSAGES = load("messages")


def refusals(*files: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that files refuse."""
    return (vector["refused"] for file in files for vector in file["vectors"] if "refused" in vector)


def words(*files: dict[str, Any]) -> set[str]:
    """The reason words of the files' refusals without an answer."""
    return {refused["reason"] for refused in refusals(*files) if refused["code"] is None}


def codes(*files: dict[str, Any]) -> set[str]:
    """The codes of the files' refusals with an answer."""
    return {refused["code"] for refused in refusals(*files) if refused["code"] is not None}


def told_in(module: ModuleType, *names: str) -> set[str]:
    """The texts that a module's source gives to one of these calls, or returns where a name is `return`."""
    tree = ast.parse(inspect.getsource(module))
    calls = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    given = [call.args[0] for call in calls if call.func.id in names and call.args]  # type: ignore[attr-defined]  # a name
    if "return" in names:
        given += [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value]
    return {node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)}


UNVERIFIED = told_in(sealing, "Unverified") | (told_in(keys, "return") - {"Ed25519", "HS256"})
"""Why a line does not prove who wrote it."""
LINE_WORDS = told_in(lines, "Unverified")
ANSWER_WORDS = told_in(answers, "Drop")
LEDGER_WORDS = told_in(ledger, "return") | told_in(following, "return")
WATCH_WORDS = told_in(watched, "Drop")


def test_the_source_says_what_is_known_of_it() -> None:
    """Else the tests below would compare nothing with nothing."""
    assert len(UNVERIFIED) == 5
    assert {"bad_envelope", "unknown_key", "revoked_key"} < UNVERIFIED
    assert {"too_large", "bad_lines"} < LINE_WORDS
    assert {"foreign_key", "not_mine"} < ANSWER_WORDS
    assert {"not_awaited", "duplicate"} < LEDGER_WORDS
    assert {"not_granted"} < WATCH_WORDS


def test_every_reason_word_has_a_vector_and_no_other_stands_there() -> None:
    unreadable = {"invalid_envelope", "unsupported_version"}
    assert words(MESSAGES) == LINE_WORDS
    assert words(REQUEST) == UNVERIFIED | unreadable
    assert words(CONTROL) == UNVERIFIED | told_in(authenticate, "Refused")
    assert words(RESPONSE, EVENT) == UNVERIFIED | ANSWER_WORDS | LEDGER_WORDS
    assert words(WATCH) <= UNVERIFIED | ANSWER_WORDS | WATCH_WORDS
    assert words(WATCH) >= WATCH_WORDS


def codes_in(module: ModuleType) -> set[str]:
    """The codes that the source of a module names."""
    tree = ast.parse(inspect.getsource(module))
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    named = {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "Code"}
    return {Code[name].value for name in named}


NOT_FROM_BYTES = {
    *("request_id_conflict", "rate_limited", "tool_not_available", "tool_changed", "invalid_schedule"),
    "internal",
}
"""What a decision also takes from the store, from usage and from the tools."""


def test_every_code_that_bytes_alone_decide_has_a_request_and_no_other_stands_there() -> None:
    decided = codes_in(decide) | codes_in(authenticate)
    assert decided > NOT_FROM_BYTES
    assert codes(REQUEST) == decided - NOT_FROM_BYTES
    assert codes(RESPONSE, EVENT, WATCH, CONTROL, MESSAGES) == set()


def envelopes(file: dict[str, Any], outcome: str) -> Iterable[dict[str, Any]]:
    """The envelopes that a file accepts, or those that it refuses and that are JSON."""
    return [vector[outcome]["envelope"] for vector in file["vectors"] if outcome in vector]


def test_every_code_stands_in_a_response() -> None:
    """One is never heard: a client sends to the tool's own key, so that somebody else has to have sent it."""
    heard = {answer["error"]["code"] for answer in envelopes(RESPONSE, "accepted") if answer["error"]}
    assert heard == set(Code) - {Code.WRONG_DESTINATION}
    assert "wrong_destination" in words(RESPONSE)


def test_every_status_and_every_event_is_accepted() -> None:
    answers_ = envelopes(RESPONSE, "accepted")
    assert {answer["status"] for answer in answers_} == {"ok", *Status}
    assert {answer["result"]["status"] for answer in answers_ if _is_poll(answer)} == set(Status)
    assert {event["event"] for event in envelopes(EVENT, "accepted")} == set(EventName)


def _is_poll(answer: dict[str, Any]) -> bool:
    return isinstance(answer["result"], dict) and "seq" in answer["result"]


@pytest.mark.parametrize(
    ("file", "model"), [(REQUEST, Request), (RESPONSE, Response), (EVENT, Event), (CONTROL, Control)]
)
def test_every_field_is_missing_once(file: dict[str, Any], model: type[Envelope]) -> None:
    """Each that is always sent; those that may be absent are there once."""
    missing = {
        name.removeprefix("envelope: without ") for name in _names(file) if "envelope: without " in name
    }
    assert missing == model.model_fields.keys() - model.OPTIONAL
    given = {field for envelope in envelopes(file, "accepted") for field in envelope}
    assert given == model.model_fields.keys()


def _names(file: dict[str, Any]) -> list[str]:
    return [vector["name"] for vector in file["vectors"]]


@pytest.mark.parametrize("name", [*SEALED, "messages"])
def test_names_are_unique(name: str) -> None:
    names = _names(load(name))
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", SEALED)
def test_every_vector_has_one_outcome(name: str) -> None:
    """In the form that `about` and the README describe, and nothing else."""
    for vector in SEALED[name]["vectors"]:
        assert ("line" in vector) != ("line_base64url" in vector)
        assert ("accepted" in vector) != ("refused" in vector)
        assert _outcome(vector).keys() in _SHAPES


_SHAPES = [
    {"kid", "payload", "digest", "envelope"},
    {"code", "reason"},
    {"code", "reason", "answer_to"},
]


def _outcome(vector: Vector) -> dict[str, Any]:
    outcome: dict[str, Any] = vector.get("accepted") or vector["refused"]
    return outcome


def test_both_algorithms_sign_every_type_that_they_may() -> None:
    algorithms = {entry["kid"]: entry["algorithm"] for entry in load("keys")["keys"]}
    for name, file in SEALED.items():
        signed = {algorithms[vector["accepted"]["kid"]] for vector in file["vectors"] if "accepted" in vector}
        both = name in ("request", "response", "event")
        assert signed == ({"Ed25519", "HS256"} if both else {"Ed25519"})
