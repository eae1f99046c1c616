"""Human approval in an agent's pipeline: a job drafts a reply, asks whether to send it, and waits.

While it waits it holds no worker, for as long as its deadline allows, and whatever is restarted meanwhile. To
run it:

    toolwire dev examples.approval:service
    python -m examples.approval "Where is my parcel?"     in a second terminal: it asks you

Who answers need not be who asked. In a third terminal, instead of answering in the second:

    toolwire jobs list --status input_required
    toolwire answer JOB send=true
"""

import asyncio
import sys

from pydantic import BaseModel

from toolwire.client import Client, JobFailed, NotAsked
from toolwire.services import Fail, JobContext, Service

service = Service("support")


class Review(BaseModel):
    """What a human says of a draft."""

    send: bool
    text: str | None = None
    """To be sent instead of the draft."""


class Reply(BaseModel):
    """What was sent."""

    text: str


@service.job(asks=(Review,), max_attempts=3)
async def reply(ctx: JobContext[None], question: str) -> Reply:
    """Draft a reply, have it approved, and send it."""
    draft = ctx.checkpoint
    if not isinstance(draft, str):
        draft = await write_draft(question)
        await ctx.save(draft)  # after the answer this runs again, from its first line: no second draft
    review = ctx.ask(Review, f"Send this? {draft}")
    if not review.send:
        raise Fail("not_approved", "A human did not want this to be sent")
    return Reply(text=review.text or draft)


async def write_draft(question: str) -> str:
    """Where an agent would ask a model."""
    print(f"drafting a reply to {question!r}", flush=True)
    await asyncio.sleep(0.1)
    return f"You ask: {question} We are looking into it."


async def main(question: str) -> None:
    async with Client() as client:
        job = await client.submit(reply, question=question)
        async for event in job.events():
            asked = event.snapshot.question
            if asked is not None:
                print(asked.prompt)
                said = await asyncio.to_thread(input, "yes, no, or a better text: ")
                review = Review(send=said != "no", text=None if said in ("yes", "no") else said)
                try:
                    await job.answer(review, key=asked.key)
                except NotAsked:
                    print("somebody else was faster")
        try:
            print(f"sent: {(await job.result()).text}")
        except JobFailed as failed:
            print(f"not sent: {failed.reason}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
