"""The third service: publishes every summary, once. `transcriber` says how to run all three."""

import asyncio
from pathlib import Path

from examples.pipeline.contracts import Summary, publish, summarise
from examples.pipeline.react import react
from toolwire.services import JobContext, Service

PUBLISHED = Path("published.txt")

service = Service("publisher")


# What is published cannot be taken back: one attempt. Were this replica lost in the middle, the job would end
# as `interrupted`, for a person to look at.
@service.implements(publish)
def publish_it(ctx: JobContext[None], summary: Summary) -> int:
    """Add a line to published.txt, and give its number."""
    ctx.progress(0.5, "writing")
    with PUBLISHED.open("a+", encoding="utf-8") as file:
        file.write(f"{summary.title}: {summary.text}\n")
        file.seek(0)
        return len(file.readlines())


if __name__ == "__main__":
    asyncio.run(react(service, after=summarise, then=publish))
