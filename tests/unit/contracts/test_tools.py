"""A tool as both sides know it: what does not fit is told before anything is sent."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from toolwire.contracts.errors import Code, DefinitionError, InvalidArguments
from toolwire.contracts.signatures import Signature
from toolwire.contracts.tools import JobTool, Tool, read_result


class Sum(BaseModel):
    count: int
    total: float


def batch_sum(numbers: Annotated[list[float], Field(min_length=1)]) -> Sum:
    return Sum(count=len(numbers), total=sum(numbers))


TOOL: Tool[[list[float]], Sum] = Tool("batch_sum", Signature.of(batch_sum, takes_context=False))


def test_good_arguments_are_encoded() -> None:
    assert TOOL.encode([1, 2.5]) == {"numbers": [1, 2.5]}


BAD_ARGUMENTS: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((), {}, "/numbers"),
    (([],), {}, "/numbers"),
    ((["do not show"],), {}, "/numbers/0"),
    (([1],), {"do/not~show": "me"}, "/do~1not~0show"),
]


@pytest.mark.parametrize(("args", "kwargs", "path"), BAD_ARGUMENTS)
def test_bad_arguments_are_told_by_their_paths_and_never_by_their_values(
    args: Any, kwargs: Any, path: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        TOOL.encode(*args, **kwargs)
    error = refused.value
    assert [field.path for field in error.fields] == [path]
    assert (error.code, error.retryable) == (Code.INVALID_ARGS, False)
    assert str(error).startswith("invalid_args: the arguments do not fit 'batch_sum'; ")
    assert "do not show" not in f"{error} {error.error}"


def test_good_arguments_are_written() -> None:
    assert TOOL.write([1, 2.5]) == '{"numbers":[1,2.5]}'
    assert TOOL.write([2**60, 1e-7]) == '{"numbers":[1152921504606846976,1e-07]}'


@pytest.mark.parametrize(("args", "kwargs", "path"), BAD_ARGUMENTS)
def test_bad_arguments_are_not_written(args: Any, kwargs: Any, path: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        TOOL.write(*args, **kwargs)
    assert [field.path for field in refused.value.fields] == [path]


@pytest.mark.parametrize(
    "value", [object(), float("nan"), [10**309], "\ud800"], ids=["object", "nan", "large", "text"]
)
def test_what_has_no_json_form_is_not_written(value: Any) -> None:
    with pytest.raises(DefinitionError, match=r"^the arguments cannot be sent as JSON: "):
        TOOL.write([value])


def test_a_received_result_is_of_the_type_that_was_stated() -> None:
    assert TOOL.decode_result({"count": 2, "total": 3}) == Sum(count=2, total=3.0)


@pytest.mark.parametrize(
    "result", [None, 5, {"count": "2", "total": 3}, {"count": 2}, {"count": 2.0, "total": 3}]
)
def test_a_result_that_does_not_fit_is_refused(result: Any) -> None:
    with pytest.raises(ValidationError):
        TOOL.decode_result(result)


def test_results_are_read_as_json() -> None:
    assert read_result(TypeAdapter(tuple[int, bytes]), [1, "é"]) == (1, "é".encode())
    assert read_result(TypeAdapter(None), None) is None


@pytest.mark.parametrize("name", ["", "a b", "a\n", "é", "x" * 129, "a*"])
def test_a_tool_has_a_name_that_mcp_allows(name: str) -> None:
    with pytest.raises(DefinitionError, match=r"the tool name .* must match"):
        Tool(name, TOOL.signature)


def test_tools_show_what_they_are() -> None:
    assert repr(TOOL) == "<Tool batch_sum>"
    job: JobTool[[], int] = JobTool("x.y-z", TOOL.signature)
    assert repr(job) == "<JobTool x.y-z>"
