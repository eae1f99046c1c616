"""The answer to a job's question on its way in: checked as arguments are, and the first one counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, JsonValue, ValidationError

from toolwire.contracts.builtin import AnswerJob
from toolwire.contracts.encoding import canonical
from toolwire.contracts.errors import Code, FieldError, WireError
from toolwire.contracts.fields import field_errors
from toolwire.contracts.snapshots import JobSnapshot
from toolwire.services.asking.questions import MAX_ANSWER_BYTES, Asked, Given, answers_on, read_answer
from toolwire.services.declaring.tools import Declaration, Manners, ToolSpec
from toolwire.services.running.context import Caller
from toolwire.services.running.execute import Refusal
from toolwire.services.store.port import Changed, Record, Store

ANSWER = "/answer"
"""Where the answer stands in the arguments."""
LONGEST_PATH = 200
"""Characters of a `FieldError`'s path."""


@dataclass(frozen=True, slots=True)
class Answering:
    """What an answer is taken with."""

    store: Store
    tools: Mapping[str, ToolSpec]
    holder: str
    lease_ms: int
    answered: Callable[[Changed], None]
    """Tells of a job that has its answer, and has it taken."""

    async def take(self, client_id: str, request_id: str, args: AnswerJob) -> Record | None:
        """Give a client's job its answer, and return how it stands then. None: this client has no such job.

        Raises `Refusal`, and what a validator of the question's model raises.
        """
        record = await self.store.job(client_id, args.job_id)
        if record is None or record.forgotten:
            return None
        if _brought_by(request_id, args.key, record):
            return record
        asked = None if record.question is None else Asked.model_validate_json(record.question)
        if record.question is None or asked is None or asked.key != args.key:
            raise Refusal(_NOT_ASKED)
        self._check(args.answer, record.tool, asked.model)
        given = Given(answer=args.answer, model=asked.model, request_id=request_id)
        changed = await self.store.answer(
            client_id,
            args.job_id,
            args.key,
            canonical(given.model_dump()),
            asked=record.question,
            holder=self.holder,
            lease_ms=self.lease_ms,
        )
        if isinstance(changed, Changed):
            self.answered(changed)
            return changed.record
        if changed is None or _brought_by(request_id, args.key, changed):
            return changed
        raise Refusal(_NOT_ASKED)

    def _check(self, answer: JsonValue, tool: str, name: str) -> None:
        if len(canonical(answer).encode()) > MAX_ANSWER_BYTES:
            size = FieldError(path=ANSWER, type="too_long", message=f"has more than {MAX_ANSWER_BYTES} bytes")
            raise Refusal(_unfit((size,)))
        model = self._model(tool, name)
        if model is None:
            raise Refusal(_TOOL_CHANGED)
        try:
            read_answer(model, answer)
        except ValidationError as error:
            raise Refusal(_unfit(tuple(map(_inside, field_errors(error))))) from None

    def _model(self, tool: str, name: str) -> type[BaseModel] | None:
        """The model of that name, where this release of the tool has it."""
        spec = self.tools.get(tool)
        models = () if spec is None else spec.asks
        return next((model for model in models if model.__name__ == name), None)


def answer_tool(answering: Answering, found: Callable[[Record | None], JobSnapshot]) -> ToolSpec:
    """The built-in tool. `found` makes a snapshot of a record, and refuses where there is none."""

    async def answer_job(ctx: Caller, args: AnswerJob) -> JobSnapshot:
        """Answer what a job asks, as its question's schema wants it. The first answer counts."""
        return found(await answering.take(ctx.client_id, ctx.request_id, args))

    manners = Manners(idempotent=True, open_world=False)
    return Declaration(manners=manners, takes_context=True).spec(
        answer_job, "tool", builtin=True, claimed=True
    )


def _brought_by(request_id: str, key: str, record: Record) -> bool:
    """Whether the same request was here before, and was lost before its end was recorded."""
    given = answers_on(record.answers).get(key)
    return given is not None and given.request_id == request_id


def _inside(field: FieldError) -> FieldError:
    """A field of the answer as one of the arguments."""
    return field.model_copy(update={"path": (ANSWER + field.path)[:LONGEST_PATH].removesuffix("~")})


def _unfit(fields: tuple[FieldError, ...]) -> WireError:
    return WireError(
        code=Code.INVALID_ARGS,
        message="the answer does not fit what the job asks; it asks on",
        retryable=False,
        fields=fields,
    )


_NOT_ASKED = WireError(
    code=Code.NOT_ASKED,
    message="the job does not ask this now: it never did, it has its answer, or it is over",
    retryable=False,
)
_TOOL_CHANGED = WireError(
    code=Code.TOOL_CHANGED,
    message="the replica that got this answer has another release of the tool, which asks no such question",
    retryable=False,
)
