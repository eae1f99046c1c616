"""The schemas of the tools that every server has are those of the tools that a real service serves."""

import json
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from spec.write.schemas import BUILT_IN_TOOLS
from tests.unit.spec.odd_values import VALUES
from tests.unit.spec.reading_schemas import DRAFTS, validator
from toolwire.client import Job
from toolwire.contracts.builtin import BUILT_IN
from toolwire.contracts.descriptors import input_schema, output_schema
from toolwire.services import JobContext, Service
from toolwire.testing import in_memory

service = Service("library")


class Shelf(BaseModel):
    number: int


@service.job(asks=(Shelf,))
async def count(ctx: JobContext[None], books: int) -> int:
    """Count the books."""
    await ctx.progress(0.5, "half way")
    await ctx.emit("a book")
    ctx.ask(Shelf, "On which shelf?")
    return books


async def asked_something(job: Job[int]) -> None:
    async with aclosing(job.events()) as events:
        async for event in events:
            if event.snapshot.question is not None:
                return


def test_every_built_in_tool_has_its_schemas() -> None:
    assert BUILT_IN_TOOLS.keys() == BUILT_IN


async def test_what_a_service_answers_fits() -> None:
    async with in_memory(service) as client:
        job = await client.submit(count, books=3)
        await asked_something(job)
        answer = {"job_id": job.id, "key": "Shelf", "answer": {"number": 7}}
        answered = await client.call("answer_job", answer)
        await job.result(timeout=10)
        polled, cancelled = await job.poll(), await job.cancel()
        about_it = {"job_id": job.id}
        questions: dict[str, dict[str, Any]] = {
            "server_identity": {},
            "list_tools": {"built_in": True},
            "list_jobs": {"statuses": ["done"], "limit": 10},
            "job_history": about_it,
            "job_output": {**about_it, "after": 1},
        }
        asked = {tool: (args, await client.call(tool, args)) for tool, args in questions.items()}
    asked["answer_job"] = (answer, answered)
    asked["poll_job"] = (about_it, polled.model_dump(mode="json"))
    asked["cancel_job"] = (about_it, cancelled.model_dump(mode="json"))
    assert asked.keys() == BUILT_IN
    for draft in DRAFTS:
        for tool, (args, result) in asked.items():
            validator(f"{tool}.arguments.json", draft).validate(args)
            validator(f"{tool}.result.json", draft).validate(result)


async def test_the_catalogue_tells_of_the_same_models() -> None:
    async with in_memory(service) as client:
        catalogue: Any = await client.call("list_tools", {"built_in": True})
    told = {tool["name"]: tool for tool in catalogue["tools"]}
    for name, (arguments, result) in BUILT_IN_TOOLS.items():
        assert told[name]["inputSchema"] == input_schema(arguments)
        assert told[name]["outputSchema"] == output_schema(TypeAdapter(result))


@pytest.mark.parametrize("tool", BUILT_IN_TOOLS)
@given(data=st.data())
def test_the_schema_takes_just_the_arguments_that_the_model_takes(tool: str, data: st.DataObject) -> None:
    model = BUILT_IN_TOOLS[tool].arguments
    args = data.draw(st.dictionaries(st.sampled_from([*model.model_fields, "another"]), VALUES))
    try:
        model.model_validate_json(json.dumps(args))
        taken = True
    except ValidationError:
        taken = False
    assert {validator(f"{tool}.arguments.json", draft).is_valid(args) for draft in DRAFTS} == {taken}
