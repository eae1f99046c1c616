"""A submitted job, as its owner sees it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

from pydantic import JsonValue

from toolwire.client.following import Following
from toolwire.client.job_news import JobNews
from toolwire.client.job_output import MOST_AHEAD, all_output, checked
from toolwire.client.results import not_asked, result_of
from toolwire.contracts.builtin import ANSWER_JOB, CANCEL_JOB, JOB_HISTORY, JOB_OUTPUT, POLL_JOB, JobOutput
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import ResultMismatch
from toolwire.contracts.events import Current, JobEvent, event_of, final_event
from toolwire.contracts.history import JobHistory
from toolwire.contracts.signatures import jsonable_arguments
from toolwire.contracts.snapshots import JobSnapshot

R_co = TypeVar("R_co", covariant=True)
Told = TypeVar("Told", JobSnapshot, JobHistory, JobOutput)


class AskAboutJob(Protocol):
    """Asks one of the built-in tools about a job id; `more` are its other arguments."""

    async def __call__(self, tool: str, job_id: str, returns: type[Told], /, **more: JsonValue) -> Told: ...


NOTHING_SEEN = -1


class Job(Generic[R_co]):
    """A job of one server. The server has it on record: this object may be lost, the id is enough."""

    # A program may keep a hundred thousand: each takes a third of what it would without slots.
    __slots__ = ("_ask", "_deadline_ms", "_following", "_read", "_request_id")

    def __init__(
        self,
        following: Following,
        ask: AskAboutJob,
        read: Callable[[JsonValue], R_co],
        *,
        request_id: str | None = None,
        deadline_ms: int | None = None,
    ) -> None:
        self._request_id = request_id
        self._following = following
        self._ask = ask
        self._read = read
        self._deadline_ms = deadline_ms

    def __repr__(self) -> str:
        return f"<Job {self.id} of {self.server_id}>"

    @property
    def id(self) -> str:
        """What the server knows it by."""
        return self._following.job_id

    @property
    def server_id(self) -> str:
        """Whose job it is."""
        return self._following.server_id

    @property
    def request_id(self) -> str | None:
        """That of the submission; None for a job that `client.job(id)` found again."""
        return self._request_id

    @property
    def deadline_ms(self) -> int | None:
        """When it ends at the latest, by its submission; None for a job that `client.job(id)` found again."""
        return self._deadline_ms

    async def poll(self) -> JobSnapshot:
        """The job as it stands now. Raises like a call; `JobNotFound` where this client has no such job."""
        return await self._standing(POLL_JOB)

    async def cancel(self) -> JobSnapshot:
        """Ask for the job's end, and return how it stands then: a running one goes on until its tool notices.

        A job that is over stays as it is. Raises like a call.
        """
        return await self._standing(CANCEL_JOB)

    async def answer(self, value: object, *, key: str | None = None) -> JobSnapshot:
        """Answer what the job asks, and return how it stands then. The first answer counts.

        `value` is a pydantic model, a dataclass, or anything else that has a JSON form. `key` is that of the
        question; without one it is the question that the newest snapshot shows, or else a poll. Raises
        `NotAsked` where the job does not ask that (now), `InvalidArguments` where the answer does not fit
        (then it asks on), and like a call.
        """
        answer = jsonable_arguments({"answer": value})["answer"]
        asked = await self._asked_key() if key is None else key
        return await self._standing(ANSWER_JOB, key=asked, answer=answer)

    async def history(self) -> JobHistory:
        """What became of the job so far: every attempt, who made it, and why it was not the last.

        Raises like `poll`.
        """
        return await self._told_by(JOB_HISTORY, JobHistory)

    async def read_output(self, *, after: int = 0) -> JobOutput:
        """What the job put out so far, by its events and attempts, as much as fits a message: `more` says
        whether that is all. `after` is the `seq` of the last event that is known already.

        Raises like `poll`.
        """
        return checked(await self._told_by(JOB_OUTPUT, JobOutput, after=after), after=after)

    async def outputs(self, *, look_every: float | None = None) -> AsyncGenerator[JsonValue, None]:
        """What the job puts out: each piece once and in order, from the first one on, until the job is over.

        Pieces come with events. Where events were lost on the way, or go to somebody else, the server is
        asked for the rest. Those of another attempt, which may begin anew, follow those of the first:
        `read_output` and `events` tell attempts apart. `look_every` and what is raised are as in `events`.
        """
        async with self._watch(look_every=look_every, most=MOST_AHEAD) as watch:
            pieces = all_output(watch, self.poll, lambda after: self.read_output(after=after))
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def events(self, *, look_every: float | None = None) -> AsyncGenerator[JobEvent, None]:
        """The job's news: `Current` first, then every event that is newer, the final one last.

        Where events were lost on the way, another `Current` tells how the job stands. Events go to whoever
        submitted the job: for anybody else `look_every` says how many seconds may pass between two looks,
        where the server's own advice is too slow. Raises like a call at first, later what lasts (such as
        `JobNotFound`), and `JobNotOver` a minute after the deadline.
        """
        async with self._watch(look_every=look_every) as watch:
            snapshot = await self.poll()
            yield Current(snapshot)
            while not snapshot.final:
                news = await watch.newer_than(snapshot.seq)
                snapshot = news.data if isinstance(news, Event) else news
                if not snapshot.final:
                    yield event_of(news) if isinstance(news, Event) else Current(snapshot)
            yield final_event(snapshot)

    async def result(self, *, timeout: float | None = None) -> R_co:
        """The job's result, as soon as it is over.

        Waits `timeout` seconds; without one, until a minute after the job's deadline. Raises `JobFailed`,
        `JobCancelled`, `JobNotOver` (a `DeadlineExceeded`) or `ResultMismatch`.
        """
        snapshot = self._following.newest
        if snapshot is None or not snapshot.final:
            snapshot = await self._end(timeout)
        return result_of(snapshot, self._read)

    async def _end(self, timeout: float | None) -> JobSnapshot:
        async with self._watch(timeout) as watch:
            if self._following.missed or self._following.digests is None:
                watch.look()  # its end may have been told, to nobody or to somebody else
            snapshot, seq = self._following.newest, NOTHING_SEEN
            while snapshot is None or not snapshot.final:
                news = await watch.newer_than(seq)
                snapshot = news.data if isinstance(news, Event) else news
                seq = snapshot.seq
        return snapshot

    def _watch(self, timeout: float | None = None, look_every: float | None = None, most: int = 0) -> JobNews:
        return JobNews(
            self._following,
            self.poll,
            request_id=self.request_id,
            deadline_ms=self.deadline_ms,
            timeout=timeout,
            look_every=look_every,
            most=most,
        )

    async def _asked_key(self) -> str:
        snapshot = self._following.newest
        if snapshot is None or snapshot.question is None:
            snapshot = await self.poll()
        if snapshot.question is None:
            raise not_asked(snapshot)
        return snapshot.question.key

    async def _standing(self, tool: str, **more: JsonValue) -> JobSnapshot:
        snapshot = await self._told_by(tool, JobSnapshot, **more)
        self._following.learn(snapshot)
        self._following.missed = False
        return snapshot

    async def _told_by(self, tool: str, returns: type[Told], **more: JsonValue) -> Told:
        told = await self._ask(tool, self.id, returns, **more)
        if (told.server_id, told.job_id) != (self.server_id, self.id):
            raise ResultMismatch(tool, f"it tells of another job than {self.id}")
        return told
