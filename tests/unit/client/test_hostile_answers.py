"""Whatever a server signs, and whatever others do: who hears it is compared with a second wording."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.client.test_answers import OLD, OTHER, PINNED, SECRET, SERVER
from tests.unit.contracts import samples
from tests.unit.contracts.samples import DIGEST, forge
from toolwire.client.answers import Answer, Drop, read_answer
from toolwire.client.inbox import Inbox
from toolwire.client.ledger import Ledger
from toolwire.contracts.encoding import canonical
from toolwire.contracts.envelopes import Event, Response
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import Ed25519Signer, Signer
from toolwire.contracts.sealing import seal

STEADY = settings(
    deadline=None, database=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
CLIENT = "client-001"
STRANGER = Ed25519Signer("stranger.1", OTHER.seed)
FORGER = Ed25519Signer(SERVER.kid, OTHER.seed)
OWNERS = {SERVER.kid: "server-1", SECRET.kid: "server-1", OTHER.kid: "server-2"}

signers = st.sampled_from([SERVER, SERVER, SECRET, OTHER, OLD, STRANGER, FORGER])
told_types = st.sampled_from(["response", "event", None, "nonsense"])


WRONG = ("server", "client", "request", "digest", "job's server", "job")


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """A response or an event that is for this client's request, or not quite."""
    wrong = draw(st.sets(st.sampled_from(WRONG), max_size=2))
    server = "server-2" if "server" in wrong else "server-1"
    fields: dict[str, Any] = {
        "server_id": server,
        "client_id": "client-002" if "client" in wrong else CLIENT,
        "request_id": "request-2" if "request" in wrong else "request-1",
        "request_digest": "B" * 43 if "digest" in wrong else DIGEST,
    }
    if draw(st.booleans()):
        return samples.response(**fields)
    return samples.event(
        data=samples.snapshot(
            server_id="server-3" if "job's server" in wrong else server,
            job_id="job-2" if "job" in wrong else "job-1",
            seq=draw(st.integers(0, 5)),
        ),
        **fields,
    )


def expected(answer: Answer, by: Signer) -> str | None:
    """Why the line is dropped, in the order of the client's checks; None: it is an answer."""
    causes = {
        "unknown_key": by is STRANGER,
        "revoked_key": by is OLD,
        "bad_signature": by is FORGER,
        "foreign_key": OWNERS.get(by.kid) != answer.server_id,
        "foreign_job": isinstance(answer, Event) and answer.data.server_id != answer.server_id,
        "not_mine": answer.client_id != CLIENT,
    }
    return next((reason for reason, there in causes.items() if there), None)


@pytest.mark.promise("P1", "P2", "P5")
@settings(STEADY, max_examples=250)
@given(answer=answers(), by=signers, told_type=told_types)
def test_the_first_check_that_fails_drops_a_line(answer: Answer, by: Signer, told_type: str | None) -> None:
    found = read_answer(seal(answer, by), PINNED, CLIENT, told_type, samples.NOW_MS)
    reason = expected(answer, by)
    if reason is None:
        assert found == answer
    else:
        # What a pinned server said to somebody else, or of somebody else's job, is nobody's lost answer.
        assert found == Drop(reason, attributable=reason in ("foreign_job", "not_mine"))


@STEADY
@given(asked=st.lists(answers(), max_size=8))
def test_a_request_hears_its_own_answers_and_nothing_else(asked: list[Answer]) -> None:
    ledger = Ledger()
    with ledger.expecting("server-1", "request-1", submission=True) as pending:
        ledger.sent(pending, DIGEST)
        for answer in asked:
            ledger.take(answer)
        taken = heard(pending.inbox)
    mine = [
        answer
        for answer in asked
        if (answer.server_id, answer.request_id, answer.request_digest) == ("server-1", "request-1", DIGEST)
    ]
    assert taken == [answer for answer in mine if isinstance(answer, Response)]
    told = [answer.data for answer in mine if isinstance(answer, Event)]
    assert pending.newest == max(told, key=lambda snapshot: snapshot.seq, default=None)
    assert sum(ledger.dropped.values()) == len(asked) - len(mine)


@STEADY
@given(told=st.lists(answers(), max_size=12), known=st.booleans())
def test_a_followed_job_is_told_forward_only_and_each_event_once(told: list[Answer], known: bool) -> None:
    """In whatever order and however often they come, and whoever else's come between them."""
    ledger = Ledger()
    following = ledger.follow("server-1", "job-1", [DIGEST] if known else None)
    with following.listening() as news:
        for answer in told:
            ledger.take(answer)
    taken = heard(news)
    seqs = [event.data.seq for event in taken]
    assert seqs == sorted(set(seqs))
    of_it = [
        answer
        for answer in told
        if isinstance(answer, Event)
        and (answer.server_id, answer.data.job_id) == ("server-1", "job-1")
        and (answer.request_digest == DIGEST or not known)
    ]
    assert all(event in of_it for event in taken)
    assert max(seqs, default=None) == max((event.data.seq for event in of_it), default=None)
    assert (following.newest is None) == (not of_it)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*Response.model_fields, *Event.model_fields, *EventName]) | texts


@pytest.mark.promise("P9")
@STEADY
@given(
    answer=st.sampled_from([samples.response(), samples.event()]),
    changes=st.dictionaries(names, values, max_size=3),
    left_out=st.sets(names, max_size=2),
)
def test_whatever_a_pinned_server_signs_is_an_answer_or_dropped(
    answer: Answer, changes: dict[str, Any], left_out: set[str]
) -> None:
    fields = answer.model_dump(mode="json") | changes
    if not fields.get("output", True):
        del fields["output"]  # it is sent where there is any, and not as null
    said = {name: value for name, value in fields.items() if name not in left_out}
    line = forge(canonical(said).encode(), SERVER, type_=answer.TYPE)
    found = read_answer(line, PINNED, CLIENT, None, samples.NOW_MS)
    if isinstance(found, Drop):
        assert found.reason in ("invalid_envelope", "foreign_key", "foreign_job", "not_mine")
    else:
        assert found.client_id == CLIENT
        assert canonical(vars(found), default=vars)
    ledger = Ledger()
    ledger.take(found)
    assert sum(ledger.dropped.values()) == 1


def heard(queue: Inbox[Any]) -> list[Any]:
    return [queue.get_nowait() for _ in range(queue.qsize())]
