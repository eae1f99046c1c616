"""The tools that every service has: who it is, what it offers, and its clients' jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from toolwire.contracts.builtin import (
    CancelJob,
    Capabilities,
    Catalogue,
    JobList,
    ListJobs,
    ListTools,
    NoArguments,
    PollJob,
    ReadHistory,
    ServerIdentity,
)
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.history import JobHistory
from toolwire.contracts.jobs import Status
from toolwire.contracts.registry import ClientEntry
from toolwire.contracts.sealing import MAX_LINE_BYTES
from toolwire.contracts.snapshots import JobSnapshot
from toolwire.services.asking.answering import Answering, answer_tool
from toolwire.services.declaring.tools import Declaration, Manners, ToolSpec
from toolwire.services.running.coded_errors import cancelled
from toolwire.services.running.context import Caller
from toolwire.services.running.execute import Refusal
from toolwire.services.store.port import Changed, Record, Store
from toolwire.services.telling.output_pages import no_such_job, output_tool
from toolwire.services.telling.snapshots import snapshot_of


@dataclass(frozen=True, slots=True)
class Desk:
    """What the built-in tools work with."""

    server_id: str
    fingerprint: Callable[[str], str]
    """What a caller under this kid may know this server by."""
    store: Store
    holder: str
    lease_ms: int
    clients: Mapping[str, ClientEntry]
    tools: Mapping[str, ToolSpec]
    changed: Callable[[Changed], None]
    """Tells of a job that was cancelled, and wakes whoever runs it."""
    answered: Callable[[Changed], None]
    """Tells of a job that has its answer, and has it taken."""


def builtin_tools(desk: Desk) -> list[ToolSpec]:
    """The built-in tools, over `desk`. Each sees the calling client's own things only (promise P5)."""

    async def server_identity(ctx: Caller, _: NoArguments) -> ServerIdentity:
        """Who this server is and what it can do."""
        return ServerIdentity(
            server_id=desk.server_id,
            fingerprint=desk.fingerprint(ctx.kid),
            capabilities=Capabilities.model_validate({"async": True, "stateless": True}),
        )

    async def list_tools(ctx: Caller, args: ListTools) -> Catalogue:
        """The tools that this client may use, by name; with `built_in` also those that every server has."""
        client = desk.clients.get(ctx.client_id)  # it may have left the registry meanwhile
        open_to_it = (
            spec.descriptor
            for spec in desk.tools.values()
            if (args.built_in if spec.builtin else client is not None and client.allows(spec.name))
        )
        return Catalogue(tools=tuple(sorted(open_to_it, key=lambda told: told.name)))

    async def poll_job(ctx: Caller, args: PollJob) -> JobSnapshot:
        """How a job stands."""
        return _found(await desk.store.job(ctx.client_id, args.job_id), desk.server_id)

    async def cancel_job(ctx: Caller, args: CancelJob) -> JobSnapshot:
        """End a job: at once while it waits, else by asking whoever runs it. A finished one stays."""
        changed = await desk.store.cancel(
            ctx.client_id,
            args.job_id,
            cancelled().model_dump_json(),
            holder=desk.holder,
            lease_ms=desk.lease_ms,
        )
        if changed is not None:
            desk.changed(changed)
        return _found(None if changed is None else changed.record, desk.server_id)

    async def list_jobs(ctx: Caller, args: ListJobs) -> JobList:
        """This client's jobs, newest first."""
        records = await desk.store.jobs(
            ctx.client_id, statuses=args.statuses or tuple(Status), limit=args.limit, before=args.before
        )
        # Before any of it is read: a hundred results of a megabyte would stop the replica for seconds.
        if sum(map(_size, records)) > MAX_LINE_BYTES:
            raise Refusal(_TOO_LONG)
        return JobList(jobs=tuple(snapshot_of(record, desk.server_id) for record in records))

    async def job_history(ctx: Caller, args: ReadHistory) -> JobHistory:
        """What became of a job so far: every attempt, who made it, and why it was not the last."""
        entries = await desk.store.history(ctx.client_id, args.job_id)
        if not entries:
            _found(await desk.store.job(ctx.client_id, args.job_id), desk.server_id)
        return JobHistory(job_id=args.job_id, server_id=desk.server_id, entries=tuple(entries))

    reads = Declaration(manners=Manners(read_only=True, open_world=False), takes_context=True)
    writes = Declaration(manners=Manners(idempotent=True, open_world=False), takes_context=True)
    return [
        reads.spec(server_identity, "tool", builtin=True),
        reads.spec(list_tools, "tool", builtin=True),
        reads.spec(poll_job, "tool", builtin=True),
        writes.spec(cancel_job, "tool", builtin=True),
        answer_tool(
            Answering(desk.store, desk.tools, desk.holder, desk.lease_ms, desk.answered),
            lambda record: _found(record, desk.server_id),
        ),
        reads.spec(list_jobs, "tool", builtin=True),
        reads.spec(job_history, "tool", builtin=True),
        output_tool(desk.store, desk.server_id),
    ]


_TOO_LONG = WireError(
    code=Code.RESULT_TOO_LARGE,
    message="the results of these jobs do not fit a message; ask for fewer with `limit`",
    retryable=False,
)


def _size(record: Record) -> int:
    """About how many bytes of a message its snapshot takes."""
    return len(record.result or "") + len(record.error or "") + len(record.question or "")


def _found(record: Record | None, server_id: str) -> JobSnapshot:
    if record is None or record.forgotten:  # without its outcome a job tells nothing true any more
        raise no_such_job()
    return snapshot_of(record, server_id)
