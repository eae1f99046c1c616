"""Contracts without code: what callers and service agree on, before anybody wrote the tool."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from toolwire.contracts.declare import declare, declare_job
from toolwire.contracts.errors import DefinitionError, InvalidArguments
from toolwire.contracts.tools import JobTool, Tool


class AddIn(BaseModel):
    a: int
    b: Annotated[int, Field(ge=0)] = 0


class AddOut(BaseModel):
    total: int


class Plain:
    """A class that pydantic knows nothing of."""


def test_a_declared_tool_is_called_with_its_model() -> None:
    add = declare("add", args=AddIn, returns=AddOut)
    assert isinstance(add, Tool)
    assert add.name == "add"
    assert add.encode(AddIn(a=1, b=2)) == {"a": 1, "b": 2}
    assert add.decode_result({"total": 3}) == AddOut(total=3)


def test_a_declared_job_is_a_job() -> None:
    build = declare_job("build", args=AddIn, returns=list[int])
    assert isinstance(build, JobTool)
    assert build.encode(AddIn(a=1)) == {"a": 1, "b": 0}
    assert build.decode_result([1]) == [1]


def test_a_tool_without_arguments() -> None:
    ping = declare("ping", returns=str)
    assert ping.encode() == {}
    assert ping.signature.decode({}) == ((), {})
    wrong: Any = ping
    with pytest.raises(InvalidArguments):
        wrong.encode(a=1)
    with pytest.raises(DefinitionError, match="1 positional arguments given, the tool takes 0"):
        wrong.encode(AddIn(a=1))


def test_results_that_are_no_classes() -> None:
    assert declare("a", returns=None).decode_result(None) is None
    assert declare("a", returns=TypeAdapter[int | None](int | None)).decode_result(None) is None


def test_what_does_not_fit_is_told_before_it_is_sent() -> None:
    add = declare("add", args=AddIn, returns=AddOut)
    unchecked = AddIn.model_construct(a=1, b=-1)
    with pytest.raises(InvalidArguments, match="/b"):
        add.encode(unchecked)
    wrong: Any = add
    with pytest.raises(DefinitionError, match="2 positional arguments given, the tool takes one AddIn"):
        wrong.encode(1, 2)


@pytest.mark.parametrize(
    ("args", "returns", "text"),
    [
        (int, int, "a pydantic model declares the arguments, and <class 'int'> is none"),
        (AddIn(a=1), int, "declares the arguments"),
        (AddIn, Plain, "the result .*Plain.*cannot validate"),
    ],
)
def test_what_cannot_be_a_contract_is_told_when_it_is_declared(args: Any, returns: Any, text: str) -> None:
    with pytest.raises(DefinitionError, match=text):
        declare("add", args=args, returns=returns)
    with pytest.raises(DefinitionError, match="the tool name 'no name' must match"):
        declare_job("no name", args=AddIn, returns=int)
