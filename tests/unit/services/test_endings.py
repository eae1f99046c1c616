"""What follows from how an attempt ended: another one, or an outcome on record."""

from dataclasses import replace

import pytest

from tests.unit.services.given import NOW, record_of, request
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.history import Why
from toolwire.contracts.jobs import Status
from toolwire.services import Backoff, JobContext, Service
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.running.coded_errors import cancelled, deadline_exceeded, interrupted
from toolwire.services.running.endings import Again, Ended, cause_of, outcome_of, retry_delay
from toolwire.services.running.leases import Ending
from toolwire.services.store.port import Cause, Outcome, Record

ERROR = WireError(code=Code.INTERNAL, message="broke", retryable=False, data={"error_id": "id-1"})
BROKE = Ended(error=ERROR, cause=Cause(Why.BROKE, "id-1"), again=Again())
FINAL = replace(BROKE, again=None)


def spec_of(*, max_attempts: int = 2, backoff: Backoff = Backoff()) -> ToolSpec:  # noqa: B008 - frozen
    service = Service("server-1")

    @service.job(max_attempts=max_attempts, backoff=backoff)
    async def build(ctx: JobContext[None]) -> None: ...

    return service.tools["build"]


SPEC = spec_of()
JOB = replace(record_of(request(tool="build", args={}), kind="job"), max_attempts=2)
CALL = replace(record_of(request(tool="put", args={"amount": 1})), max_attempts=2)


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    ("record", "ended", "again"),
    [
        (JOB, Ending.DRAINING, True),
        (JOB, BROKE, True),
        (JOB, FINAL, False),
        (JOB, Ended(result="1"), False),
        (JOB, Ending.CANCELLED, False),
        (CALL, Ending.DRAINING, True),
        (CALL, BROKE, False),
        (CALL, Ended(result="1"), False),
    ],
)
@pytest.mark.parametrize("attempts_left", [True, False])
def test_what_is_tried_again(record: Record, ended: Ended | Ending, again: bool, attempts_left: bool) -> None:
    delay = retry_delay(replace(record, max_attempts=2 if attempts_left else 1), SPEC, ended, NOW)
    assert (delay is not None) == (again and attempts_left)


def test_a_hand_back_does_not_wait() -> None:
    assert retry_delay(JOB, SPEC, Ending.DRAINING, NOW) == 0


@pytest.mark.parametrize(("after", "delay"), [(0, 0), (0.25, 250), (19, 19_000)])
def test_a_wait_that_the_tool_asked_for(after: float, delay: int) -> None:
    assert retry_delay(JOB, SPEC, Ended(error=ERROR, again=Again(after)), NOW) == delay


@pytest.mark.promise("P7")
def test_a_wait_beyond_all_integers_is_no_attempt() -> None:
    assert retry_delay(JOB, SPEC, Ended(error=ERROR, again=Again(1e306)), NOW) is None


@pytest.mark.promise("P7")
@pytest.mark.parametrize(("left_ms", "again"), [(5_001, True), (5_000, False), (1, False)])
def test_no_attempt_is_made_that_would_be_due_at_the_deadline(left_ms: int, again: bool) -> None:
    now = JOB.deadline_ms - left_ms
    asked = retry_delay(JOB, SPEC, Ended(error=ERROR, again=Again(5)), now)
    assert asked == (5_000 if again else None)


def test_the_backoff_is_the_jobs_own() -> None:
    spec = spec_of(max_attempts=3, backoff=Backoff(first=4, longest=5))
    first, second = replace(JOB, max_attempts=3), replace(JOB, max_attempts=3, attempt=2)
    assert 2_000 <= (retry_delay(first, spec, BROKE, NOW) or 0) <= 4_000
    assert 2_500 <= (retry_delay(second, spec, BROKE, NOW) or 0) <= 5_000


def test_an_attempt_that_was_parked_lengthens_no_wait() -> None:
    """It started three times, twice only to ask: this was the first of its two tries."""
    spec = spec_of(max_attempts=2, backoff=Backoff(first=1, longest=60))
    parked = replace(JOB, attempt=3, max_attempts=4)
    assert 500 <= (retry_delay(parked, spec, BROKE, NOW) or 0) <= 1_000


@pytest.mark.parametrize("max_attempts", [1, 9])
def test_a_record_of_another_release_is_tried_as_often_as_that_one_said(max_attempts: int) -> None:
    spec = spec_of(max_attempts=max_attempts)
    assert retry_delay(JOB, spec, BROKE, NOW) is not None
    assert retry_delay(replace(JOB, attempt=2), spec, BROKE, NOW) is None


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (Ended(result="7"), Outcome(Status.DONE, result="7")),
        (
            BROKE,
            Outcome(Status.ERROR, error=ERROR.model_dump_json(), cause=Cause(Why.BROKE, "id-1")),
        ),
        (Ended(error=ERROR), Outcome(Status.ERROR, error=ERROR.model_dump_json())),
        (
            Ended(error=deadline_exceeded(), cause=Cause(Why.DEADLINE)),
            Outcome(Status.ERROR, error=deadline_exceeded().model_dump_json(), cause=Cause(Why.DEADLINE)),
        ),
        (Ending.CANCELLED, Outcome(Status.CANCELLED, error=cancelled().model_dump_json())),
        (
            Ending.DRAINING,
            Outcome(Status.ERROR, error=interrupted().model_dump_json(), cause=Cause(Why.DRAINED)),
        ),
    ],
)
def test_the_outcome_of_the_last_attempt(ended: Ended | Ending, outcome: Outcome) -> None:
    assert outcome_of(ended) == outcome


@pytest.mark.parametrize(
    ("ended", "cause"),
    [
        (BROKE, Cause(Why.BROKE, "id-1")),
        (Ended(result="7"), None),
        (Ending.DRAINING, Cause(Why.DRAINED)),
        (Ending.CANCELLED, None),
    ],
)
def test_what_the_history_says_of_it(ended: Ended | Ending, cause: Cause | None) -> None:
    assert cause_of(ended) == cause
