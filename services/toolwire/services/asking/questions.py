"""What a job asks its owner: the question as its tool puts it, and the answer as its tool gets it.

An attempt ends where its tool asks what is not answered yet. Once it is, the tool is called again from its
first line, and the same `ask` gives the answer: what was done before it is done once more, unless the tool
finds in its checkpoint that it is.
"""

from collections.abc import Collection, Mapping
from typing import TypeVar, cast

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from toolwire.contracts.descriptors import input_schema
from toolwire.contracts.encoding import canonical, sendable
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.names import Id
from toolwire.contracts.snapshots import Question

M = TypeVar("M", bound=BaseModel)

MAX_QUESTION_BYTES = 128 * 1024
"""A question travels in every snapshot while it waits, beside the job's progress."""
MAX_ANSWER_BYTES = 256 * 1024
"""All answers of a job are kept until it is over, and go to each of its attempts."""


class Asked(Question):
    """A question on record: what its owner sees, and the name of the model that the answer has to fit."""

    model_config = ConfigDict(extra="ignore")  # a newer release may have written more

    model: Id

    def recorded(self) -> str:
        """As the record keeps it."""
        return sendable(self.model_dump(mode="json"))


class InputRequired(BaseException):
    """Leaves a tool that asked what is not answered yet; let it pass. The job waits then, and holds nothing.

    No `Exception`, so that a tool that catches its own errors does not catch it by accident.
    """

    def __init__(self, question: Asked) -> None:
        super().__init__(question.key)
        self.question = question


def question_in(error: BaseException) -> Asked | None:
    """The question that a tool ended with, if it did; also where tasks of its own group asked, the first."""
    if isinstance(error, InputRequired):
        return error.question
    if not isinstance(error, BaseExceptionGroup):
        return None
    group = cast("BaseExceptionGroup[BaseException]", error)
    return None if group.split(InputRequired)[1] else question_in(group.exceptions[0])


class Given(BaseModel):
    """An answer on record, as its question's model found it good."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    answer: JsonValue
    model: Id
    """The name of the model."""
    request_id: Id
    """The request that brought it: the same one, run again, finds that it was the first."""


_ANSWERS: TypeAdapter[dict[str, Given]] = TypeAdapter(dict[str, Given])


def answers_on(recorded: str | None) -> Mapping[str, Given]:
    """The answers of a record, by the questions' keys."""
    return {} if recorded is None else _ANSWERS.validate_json(recorded)


def read_answer(model: type[M], answer: JsonValue) -> M:
    """A JSON answer as its model, strictly, as arguments are: no conversions, no unknown names.

    Raises pydantic's `ValidationError` where it does not fit, and what a validator of the model raises.
    """
    return model.model_validate_json(canonical(answer).encode(), strict=True, extra="forbid")


class Asking:
    """What one attempt may ask, and what was answered before it.

    `declared` are the names of the tool's models in `asks=`; `recorded` is the record's `answers`.
    """

    def __init__(self, declared: Collection[str] = (), recorded: str | None = None) -> None:
        self.declared = frozenset(declared)
        self.recorded = recorded
        self._given = answers_on(recorded)

    @property
    def answers(self) -> Mapping[str, JsonValue]:
        """The answers so far, by the questions' keys."""
        return {key: given.answer for key, given in self._given.items()}

    def ask(self, model: type[M], prompt: str, key: str | None) -> M:
        """The answer, where it is there. Raises `InputRequired` otherwise.

        `DefinitionError` for what cannot be asked.
        """
        name = model.__name__
        if name not in self.declared:
            raise DefinitionError(
                f"a job asks for what it declares: write asks=({name},) where the job is declared"
            )
        question = _question(model, prompt, name if key is None else key)
        given = self._given.get(question.key)
        if given is not None:
            if given.model != name and given.model in self.declared:
                raise DefinitionError(
                    f"the key {question.key!r} stands for an answer of {given.model} already: ask for {name} "
                    "under a key= of its own"
                )
            try:
                return read_answer(model, given.answer)
            except ValidationError:
                pass  # another release took it: this one asks in its own words
        raise InputRequired(question)


def _question(model: type[BaseModel], prompt: str, key: str) -> Asked:
    try:
        asked = Asked(key=key, prompt=prompt, answer_schema=input_schema(model), model=model.__name__)
    except ValidationError as error:
        # The tool's own words, for its author's log.
        raise DefinitionError(f"this cannot be asked: {error}") from None
    if (size := len(asked.recorded().encode())) > MAX_QUESTION_BYTES:
        raise DefinitionError(
            f"the question {key!r} has {size} bytes with the schema of {asked.model}: at most "
            f"{MAX_QUESTION_BYTES} travel"
        )
    return asked
