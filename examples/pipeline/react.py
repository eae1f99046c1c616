"""The whole of the pipeline: serve one job, and start it whenever the job before it is done."""

from typing import TypeVar

from pydantic import BaseModel

from toolwire.client import Client, JobTool, request_id_for
from toolwire.services import Service

M = TypeVar("M", bound=BaseModel)


async def react(service: Service, *, after: JobTool[..., M], then: JobTool[[M], object]) -> None:
    """Run a replica of `service`, and submit `then` with the result of every `after` that is done.

    An event counts as handled once `submit` has returned: the next job is on record then. If this process
    dies before, the event comes again, to its successor or to another replica. If it dies just after, it
    comes again too, and the request id, made from the job and the step, makes it the same request: the
    service answers with the job that is there.
    """
    name = service.server_id
    async with (
        service.running(),
        Client(name, server=name) as client,
        client.watch(then.name, tools=[after], events=["done"]) as finished,
    ):
        print(f"{name} is ready", flush=True)
        async for seen in finished:
            request_id = request_id_for(seen.job_id, then.name)
            job = await client.options(request_id=request_id).submit(then, seen.result(after))
            print(f"{after.name} {seen.job_id} is done: {then.name} {job.id}", flush=True)
