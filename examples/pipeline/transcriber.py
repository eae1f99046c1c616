"""The first of three services that react to each other's completions; nobody calls anybody.

To run them:

    toolwire dev examples.pipeline.transcriber:service    prepares the home, and serves the first one
    toolwire keys new server summariser                   in a second terminal: who the others are
    toolwire keys new server publisher
    toolwire keys new client summariser --allow summarise --watch client-001
    toolwire keys new client publisher --allow publish --watch summariser
    python -m examples.pipeline.summariser
    python -m examples.pipeline.publisher                 in a third one
    toolwire submit transcribe title='Ten promises'       in a fourth one; then look into published.txt

Kill the second or the third at any time and start it again; start several of each. From its first start on,
none misses what the one before it has done.
"""

from examples.pipeline.contracts import Recording, Transcript, transcribe
from toolwire.services import JobContext, Service

service = Service("transcriber")


@service.implements(transcribe, max_attempts=3)
async def transcribe_it(ctx: JobContext[None], recording: Recording) -> Transcript:
    """Write down what is said."""
    await ctx.progress(0.5, "listening")
    sentences = [f"This talk is about {recording.title.lower()}.", "There are many.", "Thank you."]
    return Transcript(title=recording.title, sentences=sentences)
