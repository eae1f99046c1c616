"""`job_output`: what a job has put out so far, in pages that fit a message."""

import json

from toolwire.contracts.builtin import JobOutput, OutputPieces, ReadOutput
from toolwire.contracts.errors import Code, WireError
from toolwire.services.declaring.tools import Declaration, Manners, ToolSpec
from toolwire.services.running.context import Caller
from toolwire.services.running.execute import Refusal
from toolwire.services.store.port import Outputs, Store
from toolwire.services.telling.pieces import MOST_TOGETHER

PAGE_EVENTS = 100
"""Of how many events one page tells at the most."""
PAGE_BYTES = MOST_TOGETHER
"""How many bytes of pieces it has, unless one event has more; that fits a message, too."""


def output_tool(store: Store, server_id: str) -> ToolSpec:
    """The tool. To its callers, another client's job and no job look the same (promise P5)."""

    async def job_output(ctx: Caller, args: ReadOutput) -> JobOutput:
        """What a job put out so far, or what was told since an event."""
        found = await store.outputs(
            ctx.client_id, args.job_id, after=args.after, limit=PAGE_EVENTS, most_bytes=PAGE_BYTES
        )
        if found is None:
            raise no_such_job()
        return _page(args.job_id, server_id, found)

    declared = Declaration(manners=Manners(read_only=True, open_world=False), takes_context=True)
    return declared.spec(job_output, "tool", builtin=True)


def no_such_job() -> Refusal:
    """The one answer for a job that is another's, that never was, and whose body has left."""
    return Refusal(WireError(code=Code.JOB_NOT_FOUND, message="this client has no such job", retryable=False))


def _page(job_id: str, server_id: str, found: Outputs) -> JobOutput:
    pieces = [
        OutputPieces(seq=emitted.seq, attempt=emitted.attempt, output=tuple(json.loads(emitted.pieces)))
        for emitted in found.emitted
    ]
    return JobOutput(job_id=job_id, server_id=server_id, pieces=tuple(pieces), more=found.more, seq=found.seq)
