"""The second service: summarises whatever was transcribed. `transcriber` says how to run all three."""

import asyncio

from examples.pipeline.contracts import Summary, Transcript, summarise, transcribe
from examples.pipeline.react import react
from toolwire.services import JobContext, Service

service = Service("summariser")


@service.implements(summarise, max_attempts=3)
async def summarise_it(ctx: JobContext[None], transcript: Transcript) -> Summary:
    """Keep the first sentence, which says it all."""
    await ctx.progress(0.5, "thinking")
    return Summary(title=transcript.title, text=transcript.sentences[0])


if __name__ == "__main__":
    asyncio.run(react(service, after=transcribe, then=summarise))
