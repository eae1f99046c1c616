"""What a tool can ask, and what it gets: the question as it is recorded, the answer as its model."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, field_validator

from toolwire.contracts.descriptors import JSON_SCHEMA_DIALECT
from toolwire.contracts.errors import DefinitionError
from toolwire.services.asking.questions import MAX_QUESTION_BYTES, Asked, Asking, InputRequired, question_in


class Approval(BaseModel):
    """Whether it may be done."""

    approved: bool
    limits: list[Annotated[int, Field(ge=0)]] = []


class Address(BaseModel):
    street: str


class Large(BaseModel):
    model_config = {"json_schema_extra": {"examples": ["x" * MAX_QUESTION_BYTES]}}

    approved: bool


class Fragile(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def break_down(cls, text: str) -> str:
        raise RuntimeError("a secret")


def asking(**answers: Any) -> Asking:
    """What an attempt of a job that asks for two models has; `answers` are answers to `Approval`."""
    given = {
        key: {"answer": answer, "model": "Approval", "request_id": "r"} for key, answer in answers.items()
    }
    return Asking(["Approval", "Address"], json.dumps(given) if given else None)


def test_what_is_not_answered_is_asked() -> None:
    with pytest.raises(InputRequired) as asked:
        asking().ask(Approval, "Deploy?", None)
    question = asked.value.question
    assert (question.key, question.prompt, question.model) == ("Approval", "Deploy?", "Approval")
    schema = question.answer_schema
    assert (schema["$schema"], schema["additionalProperties"]) == (JSON_SCHEMA_DIALECT, False)
    assert json.loads(question.recorded()) == question.model_dump()


def test_what_is_answered_is_there_as_its_model() -> None:
    approval = asking(deploy={"approved": True, "limits": [1]}).ask(Approval, "Deploy?", "deploy")
    assert approval == Approval(approved=True, limits=[1])


def test_all_answers_are_there_as_json() -> None:
    assert asking().answers == {}
    assert asking(a={"approved": True}, b={"approved": False}).answers == {
        "a": {"approved": True},
        "b": {"approved": False},
    }


def test_each_question_has_its_own_key() -> None:
    with pytest.raises(InputRequired) as asked:
        asking(deploy={"approved": True}).ask(Approval, "And now?", "undeploy")
    assert asked.value.question.key == "undeploy"


@pytest.mark.parametrize(
    "stale", [{"approved": "yes"}, {"approved": True, "by": "ada"}, {"approved": True, "limits": [-1]}, None]
)
def test_an_answer_that_fits_this_release_no_more_is_asked_for_again(stale: Any) -> None:
    with pytest.raises(InputRequired):
        asking(Approval=stale).ask(Approval, "Deploy?", None)


@pytest.mark.parametrize(
    ("model", "prompt", "key", "complaint"),
    [
        pytest.param(Large, "Deploy?", None, "asks=(Large,)", id="undeclared"),
        pytest.param(Approval, "x" * 2001, None, "prompt", id="prompt"),
        pytest.param(Approval, "Deploy?", "no spaces", "key", id="key"),
        pytest.param(Approval, "Deploy?", "", "key", id="no_key"),
        pytest.param(Address, "Where?", "taken", "an answer of Approval already", id="taken_key"),
    ],
)
def test_what_cannot_be_asked_is_a_mistake_of_the_tool(
    model: type[BaseModel], prompt: str, key: str | None, complaint: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        asking(taken={"approved": True}).ask(model, prompt, key)
    assert complaint in str(refused.value)


def test_a_question_that_fits_no_message_is_a_mistake_of_the_tool() -> None:
    with pytest.raises(DefinitionError, match="at most"):
        Asking(["Large"]).ask(Large, "Deploy?", None)


def test_an_answer_under_a_models_old_name_is_taken() -> None:
    """The model was called otherwise in the release that asked."""
    given = {"deploy": {"answer": {"approved": True}, "model": "Consent", "request_id": "r"}}
    assert Asking(["Approval"], json.dumps(given)).ask(Approval, "Deploy?", "deploy").approved


def test_a_validator_that_breaks_breaks_the_tool() -> None:
    given = {"Fragile": {"answer": {"text": "x"}, "model": "Fragile", "request_id": "r"}}
    with pytest.raises(RuntimeError, match="a secret"):
        Asking(["Fragile"], json.dumps(given)).ask(Fragile, "Text?", None)


async def test_the_first_question_of_a_group_of_tasks_is_found() -> None:
    async def ask(key: str) -> None:
        asking().ask(Approval, "Deploy?", key)

    async def ask_beside_another(key: str) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(key))
            group.create_task(asyncio.sleep(60))

    async def ask_both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask_beside_another("one"))
            group.create_task(ask("two"))

    with pytest.raises(BaseExceptionGroup) as raised:
        await ask_both()
    found = question_in(raised.value)
    assert found is not None
    assert found.key in ("one", "two")


def test_a_group_with_an_error_in_it_is_an_error() -> None:
    with pytest.raises(InputRequired) as asked:
        asking().ask(Approval, "Deploy?", None)
    assert question_in(BaseExceptionGroup("", [asked.value, RuntimeError()])) is None
    assert question_in(RuntimeError()) is None


def test_what_a_newer_release_has_added_is_passed_over() -> None:
    given = {"Approval": {"answer": {"approved": True}, "model": "Approval", "request_id": "r", "new": 1}}
    assert Asking(["Approval"], json.dumps(given)).ask(Approval, "Deploy?", None).approved
    recorded: dict[str, Any] = {
        "key": "go",
        "prompt": "Go?",
        "answer_schema": {},
        "model": "Approval",
        "new": 1,
    }
    assert Asked.model_validate_json(json.dumps(recorded)).key == "go"
