"""A job can ask whoever submitted it, and waits for the answer without holding a worker."""

from pydantic import BaseModel

from tests.tutorial.conftest import Together
from toolwire.services import JobContext, Service

service = Service("bakery")


class Taste(BaseModel):
    """What the answer must look like."""

    sweet: bool


@service.job(asks=(Taste,))
async def bake(ctx: JobContext[None]) -> str:
    """The tool is called again once there is an answer: what it has saved, it need not do twice."""
    if ctx.checkpoint is None:
        await ctx.save({"dough": "kneaded"})
    taste = ctx.ask(Taste, "Sweet or salty?")
    return "brioche" if taste.sweet else "bretzel"


async def test_a_job_goes_on_with_the_answer(together: Together) -> None:
    """The question comes with its JSON Schema; who polls sees it as well as who follows the events."""
    async with together(service) as client:
        job = await client.submit(bake)
        async for event in job.events():
            if event.snapshot.question is not None:
                assert event.snapshot.question.prompt == "Sweet or salty?"
                await job.answer(Taste(sweet=False))
        assert await job.result() == "bretzel"
