"""A verified answer is the result that its caller expects, or one typed error."""

import pytest
from pydantic import BaseModel, JsonValue, TypeAdapter

from tests.unit.contracts.samples import WIRE_ERROR, response
from toolwire.client.results import accepted_job, outcome, reader_as, reader_of
from toolwire.contracts.envelopes import Response
from toolwire.contracts.errors import InternalError, ResultMismatch
from toolwire.contracts.jobs import Status
from toolwire.contracts.signatures import Signature
from toolwire.contracts.tools import Tool


class Total(BaseModel):
    total: int


def add(a: int, b: int) -> Total:
    return Total(total=a + b)


ADD = Tool[[int, int], Total]("add", Signature.of(add, takes_context=False))
REFUSED = response(ok=False, status=Status.ERROR, result=None, error=WIRE_ERROR)


@pytest.mark.parametrize(
    ("returns", "result", "value"),
    [
        (None, {"any": ["thing"]}, {"any": ["thing"]}),
        (Total, {"total": 3}, Total(total=3)),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (tuple[int, ...], [1, 2], (1, 2)),
        (TypeAdapter[int | None](int | None), None, None),
    ],
)
def test_a_result_is_read_as_the_type_that_was_named(
    returns: type[object] | TypeAdapter[object] | None, result: JsonValue, value: object
) -> None:
    assert reader_as("tool", returns)(result) == value


def test_a_result_is_read_by_the_contract() -> None:
    assert reader_of(ADD)({"total": 3}) == Total(total=3)


@pytest.mark.parametrize("result", [{"total": "3"}, {"total": 3.5}, {}, None, [3]])
def test_a_result_that_does_not_fit_is_refused_without_showing_it(result: JsonValue) -> None:
    for read in (reader_of(ADD), reader_as("add", Total)):
        with pytest.raises(ResultMismatch) as caught:
            read(result)
        assert caught.value.tool == "add"
        assert caught.value.fields


def test_a_good_answer_is_its_result() -> None:
    assert outcome("add", response(result=3)) == 3


@pytest.mark.parametrize("status", [Status.RUNNING, Status.DONE, Status.ERROR])
def test_a_built_in_tool_may_answer_with_the_status_of_a_job(status: Status) -> None:
    assert outcome("poll_job", response(status=status, result={"job_id": "job-1"})) == {"job_id": "job-1"}


@pytest.mark.parametrize("read", [outcome, accepted_job])
def test_a_signed_error_is_raised_as_its_class(read: type) -> None:
    with pytest.raises(InternalError) as caught:
        read("add", REFUSED)
    assert caught.value.data == {"error_id": "e1"}


def test_an_accepted_submission_is_its_job_id() -> None:
    assert accepted_job("long", response(status=Status.ACCEPTED, result={"job_id": "job-1"})) == "job-1"


@pytest.mark.parametrize(
    "answer",
    [
        response(),
        response(status=Status.ACCEPTED, result={"id": "job-1"}),
        response(status=Status.ACCEPTED, result={"job_id": "no spaces"}),
        response(status=Status.RUNNING, result={"job_id": "job-1"}),
    ],
)
def test_any_other_answer_to_a_submission_is_refused(answer: Response) -> None:
    with pytest.raises(ResultMismatch):
        accepted_job("long", answer)


def test_a_call_ends_with_ok_and_no_other_status() -> None:
    with pytest.raises(ResultMismatch, match="running"):
        outcome("add", response(status=Status.RUNNING))
