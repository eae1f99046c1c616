"""Any text, truly signed by a server, on its way through a client's checks to whoever waits for it.

Two choices come first: the key, and the type that is signed.
"""

from contextlib import suppress

from tests.fuzz import invariants, vectors
from tests.fuzz.signing import TYPES, seed, signed
from tests.fuzz.target import Target
from tests.unit.contracts import samples
from tests.unit.services.given import OWN, SERVER, key_of
from toolwire.client.answers import Answer, Drop, read_answer, read_sealed
from toolwire.client.ledger import Ledger
from toolwire.client.results import accepted_job, outcome, reader_as, result_of
from toolwire.contracts.builtin import AcceptedJob
from toolwire.contracts.envelopes import Control, Event, Response
from toolwire.contracts.errors import CallFailed, Code
from toolwire.contracts.events import event_of, final_event
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, Signer
from toolwire.services.requests.authenticate import read_control

CHOICES = 2
CLIENT = "client-1"
OTHER = Ed25519Signer("server-2.1", b"\x04" * 32)
SECRET = HmacKey("client-001.1", b"t" * 32)
SIGNERS: tuple[Signer, ...] = (OWN, SECRET, OTHER)
PINNED = Keyring([key_of(OWN, SERVER), Key(SECRET.kid, SERVER, SECRET), key_of(OTHER, "server-2")])
OWN_KEYS = Keyring([key_of(OWN, SERVER)])
OWNERS = {OWN.kid: SERVER, SECRET.kid: SERVER, OTHER.kid: "server-2"}
DROPS = frozenset({"invalid_envelope", "foreign_key", "foreign_job", "not_mine"})


def seeds() -> list[bytes]:
    mine = {"client_id": CLIENT}
    responses = [
        samples.response(**mine),
        samples.response(**mine, status="accepted", result={"job_id": "job-1"}),
        samples.response(**mine, ok=False, status="error", result=None, error=samples.WIRE_ERROR),
    ]
    events = [
        samples.event(**mine),
        samples.event(**mine, event=EventName.OUTPUT, output=[{"piece": ["@@", 1.5]}]),
        samples.event(**mine, event=EventName.DONE, data=samples.DONE),
        samples.event(**mine, event=EventName.ERROR, data=samples.FAILED),
        samples.event(**mine, event=EventName.CANCELLED, data=samples.CANCELLED),
    ]
    return [
        *(seed((key, 1), response) for response in responses for key in range(len(SIGNERS))),
        *(seed((key, 2), event) for event in events for key in range(len(SIGNERS))),
        *(bytes((0, at)) + payload for at in (1, 2, 3) for payload in vectors.payloads(TYPES[at])),
        *(seed((key, 3), samples.control()) for key in range(len(SIGNERS))),
    ]


def check(data: bytes) -> None:
    if len(data) <= CHOICES:
        return
    signer, type_ = SIGNERS[data[0] % len(SIGNERS)], TYPES[data[1] % len(TYPES)]
    text, line = signed(data[CHOICES:], signer, type_)
    if type_ == "control":
        _check_control(line, text, signer)
    told = (type_, "event", "response", None)[data[1] // len(TYPES) % 4]
    found = read_answer(line, PINNED, CLIENT, told, samples.NOW_MS)
    if isinstance(found, Drop):
        _check_dropped(found, line, text, readable=type_ in ("response", "event"))
        return
    assert type_ == found.TYPE, "what was signed as one type is read as another"
    assert found.client_id == CLIENT, "somebody else's answer is mine"
    assert found.server_id == OWNERS[signer.kid], "a server speaks for another"
    invariants.check_accepted(found, text, signer, PINNED, samples.NOW_MS)
    _check_told(found)
    _check_ledger(found)


def _check_dropped(dropped: Drop, line: bytes, text: bytes, *, readable: bool) -> None:
    if not readable or not text.startswith(b"{"):
        assert dropped.reason in ("bad_signature", "bad_envelope"), dropped.reason
        return
    assert dropped.reason in DROPS, f"what a server signed is {dropped.reason}"
    if dropped.reason == "not_mine":
        assert isinstance(read_sealed(line, PINNED, ("response", "event"), samples.NOW_MS), Response | Event)


def _check_control(line: bytes, text: bytes, signer: Signer) -> None:
    told = read_control(line, OWN_KEYS, SERVER, samples.NOW_MS)
    if isinstance(told, Control):
        assert signer is OWN, "another's word is obeyed"
        assert told.server_id == SERVER
        invariants.check_accepted(told, text, signer, OWN_KEYS, samples.NOW_MS)


def _check_told(answer: Answer) -> None:
    """Whatever a server says becomes a value or one of Toolwire's own exceptions."""
    if isinstance(answer, Event):
        event = event_of(answer)
        assert event.snapshot == answer.data
        if answer.data.status.final:
            assert final_event(answer.data).snapshot == answer.data
            with suppress(CallFailed):
                result_of(answer.data, reader_as("t", AcceptedJob))
        return
    with suppress(CallFailed):
        outcome("t", answer)
    with suppress(CallFailed):
        accepted_job("t", answer)


def _check_ledger(answer: Answer) -> None:
    """It reaches the one who asked for exactly this, and nobody else."""
    ledger = Ledger()
    with ledger.expecting(SERVER, "request-1", submission=True) as asked:
        ledger.sent(asked, samples.DIGEST)
        ledger.take(answer)
        address = (answer.server_id, answer.request_id, answer.request_digest)
        heard = address == (SERVER, "request-1", samples.DIGEST) and not _is_misled(answer)
        received = asked.inbox.qsize() + (asked.newest is not None)
        assert received == heard, "an answer is lost, or reaches another"
    following = ledger.follow(SERVER, "job-1", None)
    ledger.take(answer)
    ledger.take(answer)
    heard = isinstance(answer, Event) and (answer.server_id, answer.data.job_id) == (SERVER, "job-1")
    assert (following.newest is not None) == heard, "an event is lost, or reaches another job"
    assert ledger.dropped.get("duplicate", 0) == heard, "an event is told twice"


def _is_misled(answer: Answer) -> bool:
    """Whether it answers a copy that somebody sent elsewhere: nobody is to hear that."""
    error = answer.error if isinstance(answer, Response) else None
    return error is not None and error.code is Code.WRONG_DESTINATION


TOKENS = tuple(
    f'"{word}"'.encode()
    for word in (
        *(*Response.model_fields, *Event.model_fields, *type(samples.snapshot()).model_fields),
        *(
            *Status,
            *EventName,
            CLIENT,
            SERVER,
            "server-2",
            "toolwire/1",
            "ok",
            "fraction",
            "code",
            "retryable",
        ),
    )
)
TARGET = Target(seeds, check, tokens=TOKENS, json_from=CHOICES)
