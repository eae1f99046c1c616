"""What the demo shows, step by step. Every claim is checked where it is made."""

import secrets

from toolwire.cli.demo.replicas import LEASE_S, ReplicaProcess
from toolwire.cli.demo.stage import CLIENT_ID, Stage
from toolwire.cli.demo.telling import NotAsPromised, check, show, step
from toolwire.cli.demo.wire import Wire
from toolwire.cli.following import describe
from toolwire.client import Client, InvalidArguments, Job, JobEvent, Progressed, Status
from toolwire.contracts.builtin import AcceptedJob
from toolwire.contracts.keys import Ed25519Signer
from toolwire.contracts.sealing import digest
from toolwire.services.demo import SERVER_ID, Echo, batch_sum, start_long_task

SECONDS = 4
POLLS = 20


async def tell(stage: Stage) -> None:
    """All steps. `NotAsPromised` names the claim that does not hold."""
    async with stage.client() as client:
        await identity(client)
        await signed_calls(stage, client)
        await bad_arguments(client)
        await forged_message(stage)
        await replayed_message(stage, client)
        await lost_replica(stage, client)
    await orderly_end(stage)


async def identity(client: Client) -> None:
    step("Who is there? The server says so, signed with its own key.")
    told = await client.server_identity()
    show(f"server {told.server_id}, key fingerprint {told.fingerprint}")
    check(told.server_id == SERVER_ID, f"a signed answer of {SERVER_ID}")
    check(
        told.capabilities.async_ and told.capabilities.stateless,
        "it takes long tasks, and any replica answers",
    )


async def signed_calls(stage: Stage, client: Client) -> None:
    step("A call: batch_sum of 1, 2, 3, signed with Ed25519 and then with a shared secret.")
    total = await client.call(batch_sum, numbers=[1, 2, 3])
    show(f"Ed25519 key {stage.ed25519_key}: {total}")
    check((total.count, total.total) == (3, 6), "three numbers, 6 in all")
    async with stage.client(stage.hmac_key) as other:
        same = await other.call(batch_sum, numbers=[1, 2, 3])
    show(f"HMAC key {stage.hmac_key}: {same}")
    check(same == total, "the same answer, under the other signature")


async def bad_arguments(client: Client) -> None:
    step("Arguments that do not fit are refused with a code and the path of the field.")
    try:
        await client.call("batch_sum", {"numbers": [1, "two", 3]})
    except InvalidArguments as refused:
        show(f"code {refused.code}: {refused.message}")
        for field in refused.fields:
            show(f"at {field.path}: {field.message}")
        check(
            [field.path for field in refused.fields] == ["/numbers/1"], "the path leads to the second number"
        )
    else:
        raise NotAsPromised("bad arguments are refused")


async def forged_message(stage: Stage) -> None:
    step(f"A forged message: somebody else signs as {CLIENT_ID}. It gets silence, and is counted.")
    stranger = Ed25519Signer(stage.ed25519_key, secrets.token_bytes(32))
    async with Wire(stage) as wire:
        forged = wire.request("batch_sum", {"numbers": [1]}, stranger)
        refusal = f"refused without an answer: bad_signature ({len(forged)} bytes"
        # A demo that was interrupted may have left messages in the queue, which were refused before this one.
        before = len(stage.log_lines(refusal))
        await wire.send("batch_sum", forged)
        reason = await wire.junk(forged)
        show(f"in the junk queue: {len(forged)} bytes, reason {reason}")
        check(reason == "bad_signature", "it was refused for its signature, and kept for a look")
        # An answer to it would be here before the answer to what is sent now.
        genuine = wire.request("batch_sum", {"numbers": [1]}, stage.home.client_signer(CLIENT_ID))
        await wire.send("batch_sum", genuine)
        check(
            (await wire.answer()).request_digest == digest(genuine),
            "nobody answered it: the first answer is for the genuine message after it",
        )
    check(len(stage.log_lines(refusal)) == before + 1, "one refusal in the replicas' logs")


async def replayed_message(stage: Stage, client: Client) -> None:
    step("A replayed message: the same signed bytes, sent three times. The job runs once.")
    async with Wire(stage) as wire:
        line = wire.request("start_long_task", {"seconds": 1}, stage.home.client_signer(CLIENT_ID))
        await wire.send("start_long_task", line)
        first = AcceptedJob.model_validate((await wire.answer()).result)
        show(f"sent once: accepted as job {first.job_id}")
        await wire.send("start_long_task", line)
        check(
            AcceptedJob.model_validate((await wire.answer()).result) == first, "sent again: the stored answer"
        )
        job = client.job(first.job_id)
        await job.result()
        await wire.send("start_long_task", line)
        check(AcceptedJob.model_validate((await wire.answer()).result) == first, "and again after its end")
    jobs = (await client.list_jobs()).jobs
    check([each.job_id for each in jobs] == [first.job_id], "there is one job")
    check(
        jobs[0].attempt == 1 and len(stage.log_lines(f"(job {first.job_id}) runs")) == 1,
        "it ran once, attempt 1",
    )


async def lost_replica(stage: Stage, client: Client) -> None:
    step(f"A long task of {SECONDS} seconds. In its middle the replica that runs it is killed.")
    job = await client.submit(start_long_task, seconds=SECONDS, payload={"task": "demo"})
    show(f"submitted: job {job.id}")
    lost = False
    events: list[JobEvent] = []
    async for event in job.events():
        events.append(event)
        show(f"event: {describe(event)}")
        if not lost and isinstance(event, Progressed) and event.progress.fraction > 0:
            await killed_in_the_middle(stage, job)
            lost = True
    final = events[-1].snapshot
    done = final.status is Status.DONE and final.attempt == 2
    check(done, "the other replica finished it, as attempt 2")
    check((await job.result()).payload == {"task": "demo"}, f"the result is whole: {await job.result()}")
    check(await job.poll() == final, "the final poll tells exactly what the final event told")


async def killed_in_the_middle(stage: Stage, job: Job[Echo]) -> None:
    runs, other = stage.runs(job.id)
    show(f"{runs.name} runs it")
    await polled_elsewhere(stage, job, other)
    await runs.kill()
    show(f"{runs.name} (pid {runs.pid}) was killed with SIGKILL; its lease of {LEASE_S:g} s runs out")


async def polled_elsewhere(stage: Stage, job: Job[Echo], other: ReplicaProcess) -> None:
    """Polls go to the replicas in turn: ask until the one that does not run the job has answered."""
    for _ in range(POLLS):
        polled, answering = await stage.answering(job.poll())
        show(f"poll, answered by {answering.name}: {polled.status}, attempt {polled.attempt}")
        if answering is other:
            check(
                polled.status is Status.RUNNING, f"{other.name} knows of the job, though it does not run it"
            )
            return
    raise NotAsPromised(f"one of {POLLS} polls is answered by {other.name}")


async def orderly_end(stage: Stage) -> None:
    step("The end: the replica that is left is asked to stop (SIGTERM).")
    survivors = [replica for replica in stage.replicas if replica.running]
    for replica in survivors:
        check(await replica.stop() == 0, f"{replica.name} has stopped in order, exit code 0")
