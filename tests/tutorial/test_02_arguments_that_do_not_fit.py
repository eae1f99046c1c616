"""Arguments are checked against a strict model, and the error says which field does not fit and why."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from tests.tutorial.conftest import Together
from toolwire.client import InvalidArguments
from toolwire.services import Service

service = Service("statistics")


class Mean(BaseModel):
    """An average, and over how many."""

    value: float
    count: int


@service.tool(read_only=True)
async def mean(numbers: Annotated[list[float], Field(min_length=1)]) -> Mean:
    """The average of some numbers."""
    return Mean(value=sum(numbers) / len(numbers), count=len(numbers))


async def test_a_result_can_be_a_model(together: Together) -> None:
    """What comes back is the model that the function promised."""
    async with together(service) as client:
        assert await client.call(mean, numbers=[1, 2, 3]) == Mean(value=2, count=3)


async def test_the_error_names_the_field(together: Together) -> None:
    """The path is a JSON Pointer into the arguments."""
    async with together(service) as client:
        with pytest.raises(InvalidArguments) as caught:
            await client.call("mean", {"numbers": [1, "two"]})
    assert [field.path for field in caught.value.fields] == ["/numbers/1"]


async def test_unknown_arguments_are_refused_too(together: Together) -> None:
    """A misspelt argument is an error, not silence."""
    async with together(service) as client:
        with pytest.raises(InvalidArguments) as caught:
            await client.call("mean", {"numbers": [1], "rounded": True})
    assert [(field.path, field.type) for field in caught.value.fields] == [("/rounded", "extra_forbidden")]
