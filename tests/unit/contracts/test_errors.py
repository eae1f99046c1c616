"""The tree, the codes and every word of the errors."""

import copy
import pickle
import re
from importlib import import_module
from pkgutil import iter_modules

import pytest
from pydantic import ValidationError

import toolwire.contracts
from toolwire.contracts import errors
from toolwire.contracts.errors import (
    RETRYABLE,
    AccessDenied,
    AnswerNotVerified,
    BrokerAway,
    ClientClosed,
    Code,
    DeadlineExceeded,
    DefinitionError,
    FieldError,
    InternalError,
    InvalidArguments,
    JobCancelled,
    JobFailed,
    JobNotOver,
    NoReplica,
    NoSuchServer,
    NotAccepted,
    NotAJob,
    QueueFull,
    RemoteDeadlineExceeded,
    RemoteError,
    ResultMismatch,
    ToolError,
    ToolwireError,
    Unverified,
    WireError,
    describe,
)
from toolwire.contracts.sealing import BadEnvelope

INVALID = WireError(
    code=Code.INVALID_ARGS,
    message="the arguments do not fit 'batch_sum'",
    retryable=False,
    fields=(
        FieldError(path="/numbers/0", type="float_type", message="Input should be a valid number"),
        FieldError(path="", type="extra", message="is not acceptable"),
    ),
)
BROKE = WireError(
    code=Code.INTERNAL, message="it broke", retryable=False, reason="why", data={"error_id": "e1"}
)

MESSAGES: list[tuple[ToolwireError, str]] = [
    (
        NoSuchServer("s1"),
        "no server 's1' on this broker: nothing is bound for it. Check the name and the virtual host in the "
        "broker URL, and that the service was started there at least once.",
    ),
    (
        NoReplica("s1"),
        "no replica of 's1' is running. Start one; the request stays in the queue and may still run before "
        "its deadline.",
    ),
    (
        QueueFull("s1"),
        "the broker refused the request to 's1': its queue is full or without a leader. Nothing was queued; "
        "try again later or add replicas.",
    ),
    (
        BrokerAway("connection refused"),
        "no broker could be reached: connection refused. Check the broker URL and that RabbitMQ is up.",
    ),
    (
        AccessDenied("write to tw.requests"),
        "the broker refuses: write to tw.requests. Check the user in the broker URL, or ask the broker's "
        "operator for permission.",
    ),
    (
        DeadlineExceeded("r1"),
        "no answer to request 'r1' came by the deadline. It may have run; sending the same request id again "
        "is safe and gives the stored answer.",
    ),
    (
        AnswerNotVerified("r1", ("unknown_key", "bad_signature")),
        "what came while request 'r1' waited could not be verified (unknown_key, bad_signature), and the "
        "deadline passed. Check that the registry pins this server's current public key.",
    ),
    (
        NotAccepted("r1"),
        "request 'r1' was not accepted in time. It may be later: submitting the same again under the same "
        "request id finds the job, and starts nothing twice. A service that does not know this key never "
        "answers: its operator sees why in `toolwire junk list`.",
    ),
    (JobNotOver("j1", "r1"), "job j1 was not over in time. It goes on: the same job id finds it later."),
    (
        ResultMismatch(
            "t", "it does not fit", (FieldError(path="/a", type="missing", message="Field required"),)
        ),
        "the result of 't' is not what was expected of it: it does not fit; /a: Field required. Compare the "
        "caller's contract with the server's catalogue (`list_tools`).",
    ),
    (
        NotAJob("t", 7),
        "'t' is a tool, not a job: it ran and answered at once, so that there is nothing to follow. Its "
        "result is in `result` of this error; use `call`.",
    ),
    (
        ClientClosed(),
        "the client was closed before the answer came. What was sent may run; keep the client open until its "
        "calls are over.",
    ),
    (JobFailed("j1", BROKE), "job j1 failed: internal (why): it broke; error id e1"),
    (JobCancelled("j1"), "job j1 was cancelled"),
    (Unverified("bad_signature"), "bad_signature"),
    (BadEnvelope("not a valid request", None), "not a valid request"),
    (ToolError("card_declined"), "card_declined"),
    (ToolError("card_declined", "Card was declined", {"left": 1}), "Card was declined"),
    (RemoteError.of(BROKE), "internal (why): it broke; error id e1"),
    (
        RemoteError.of(WireError(code=Code.DEADLINE_EXCEEDED, message="too late", retryable=False)),
        "deadline_exceeded: too late",
    ),
    (
        RemoteError.of(INVALID),
        "invalid_args: the arguments do not fit 'batch_sum'; /numbers/0: Input should be a valid number; is "
        "not acceptable",
    ),
]


@pytest.mark.parametrize(("error", "text"), MESSAGES, ids=lambda value: type(value).__name__)
def test_every_message_is_pinned(error: ToolwireError, text: str) -> None:
    assert str(error) == text


def tree_in_docstring() -> dict[str, str | None]:
    """Each class in the picture, and the one that it stands under."""
    parents: dict[str, str | None] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^    ((?:[│ ]   )*(?:[├└]── )?)(\w+)(?:  .*)?$", line):
            depth, name = len(match[1]) // 4, match[2]
            while stack and stack[-1][0] >= depth:
                stack.pop()
            parents[name] = stack[-1][1] if stack else None
            stack.append((depth, name))
    return parents


def tree_of_classes() -> dict[str, str | None]:
    """Each exception of the contracts and its base; the classes of the codes have a table of their own."""
    for module in iter_modules(toolwire.contracts.__path__):
        import_module(f"toolwire.contracts.{module.name}")
    parents: dict[str, str | None] = {"ToolwireError": None}
    waiting: list[type[ToolwireError]] = [ToolwireError]
    while waiting:
        for child in (parent := waiting.pop()).__subclasses__():
            if parent is not RemoteError and child.__module__.startswith("toolwire.contracts."):
                parents[child.__name__] = parent.__name__
                waiting.append(child)
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    assert tree_in_docstring() == tree_of_classes()


def test_every_exception_of_its_own_making_has_its_message_pinned() -> None:
    pinned = {type(error).__name__ for error, _ in MESSAGES}
    made = {
        name
        for name in tree_of_classes()
        if name != "RemoteError" and "__init__" in vars(getattr(errors, name, BadEnvelope))
    }
    assert made <= pinned


@pytest.mark.parametrize("code", Code)
def test_every_code_has_one_class(code: Code) -> None:
    error = RemoteError.of(WireError(code=code, message="m", retryable=code in RETRYABLE))
    assert type(error).code is code
    assert [cls for cls in RemoteError.__subclasses__() if cls.code is code] == [type(error)]


def test_every_class_has_a_code() -> None:
    assert {cls.code for cls in RemoteError.__subclasses__()} == set(Code)
    assert len(RemoteError.__subclasses__()) == len(Code)


def test_a_second_class_for_a_code_is_refused() -> None:
    with pytest.raises(TypeError, match="internal has a class already: InternalError"):
        type("Another", (RemoteError,), {}, code=Code.INTERNAL)
    assert type(RemoteError.of(BROKE)) is InternalError


def test_only_refusals_of_one_attempt_invite_a_retry() -> None:
    assert {"rate_limited", "overloaded", "unavailable"} == RETRYABLE


def test_a_remote_error_carries_the_signed_words() -> None:
    error = RemoteError.of(INVALID.model_copy(update={"retry_after_ms": 5}))
    assert isinstance(error, InvalidArguments)
    assert (error.message, error.retryable, error.retry_after_ms) == (INVALID.message, False, 5)
    assert [field.path for field in error.fields] == ["/numbers/0", ""]
    assert RemoteError.of(BROKE).fields == ()
    assert (RemoteError.of(BROKE).reason, RemoteError.of(BROKE).data) == ("why", {"error_id": "e1"})


def test_one_clause_catches_a_deadline_whoever_saw_it_pass() -> None:
    late = WireError(code=Code.DEADLINE_EXCEEDED, message="too late", retryable=False)
    with pytest.raises(DeadlineExceeded, match="deadline_exceeded: too late") as caught:
        raise RemoteError.of(late)
    assert isinstance(caught.value, RemoteDeadlineExceeded)
    assert (caught.value.error, caught.value.request_id) == (late, None)


def test_a_failed_job_carries_the_signed_words() -> None:
    error = JobFailed("j1", BROKE)
    assert (error.job_id, error.error, error.code) == ("j1", BROKE, Code.INTERNAL)
    assert (error.reason, error.data) == ("why", {"error_id": "e1"})


def test_local_errors_carry_what_they_speak_of() -> None:
    assert [error.server_id for error in (NoSuchServer("s"), NoReplica("s"), QueueFull("s"))] == ["s"] * 3
    assert (
        DeadlineExceeded("r").request_id
        == AnswerNotVerified("r", ()).request_id
        == NotAccepted("r").request_id
    )
    assert AnswerNotVerified("r", ("unknown_key",)).reasons == ("unknown_key",)
    assert (JobNotOver("j", None).job_id, JobNotOver("j", None).request_id) == ("j", None)
    assert JobCancelled("j").job_id == "j"
    assert (ResultMismatch("t", "d").tool, ResultMismatch("t", "d").fields) == ("t", ())
    assert (NotAJob("t", 7).tool, NotAJob("t", 7).result) == ("t", 7)
    assert Unverified("unknown_key").reason == "unknown_key"


def test_what_a_tool_says_is_cut_to_what_a_message_holds() -> None:
    error = ToolError("r" * 200, "m" * 3000)
    assert (len(error.reason), len(error.message)) == (128, 2000)
    WireError(code=Code.TOOL_ERROR, message=error.message, retryable=False, reason=error.reason)


@pytest.mark.parametrize("error", [error for error, _ in MESSAGES], ids=lambda error: type(error).__name__)
def test_errors_survive_copies_and_pickles(error: ToolwireError) -> None:
    """They cross threads and processes: `Exception` itself would call `__init__` with the finished text."""
    for again in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - made right here
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_plain_errors_survive_them_too() -> None:
    assert copy.copy(DefinitionError("a", 1)).args == ("a", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "no_such_code"},
        {"code": 1},
        {"message": "m" * 2001},
        {"retryable": 1},
        {"retry_after_ms": -1},
        {"retry_after_ms": 1.5},
        {"retry_after_ms": True},
        {"reason": "r" * 129},
        {"fields": [{"path": "", "type": "t", "message": "m"}] * 11},
        {"fields": [{"path": "p" * 201, "type": "t", "message": "m"}]},
        {"fields": [{"path": "", "type": "t" * 65, "message": "m"}]},
        {"fields": [{"path": "", "type": "t", "message": "m" * 501}]},
        {"data": [1]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_signed_error_has_limits(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WireError.model_validate({"code": "internal", "message": "m", "retryable": False, **wrong})


def test_the_largest_signed_error_is_valid() -> None:
    field = FieldError(path="p" * 200, type="t" * 64, message="m" * 500)
    error = WireError(
        code=Code.INVALID_ARGS, message="m" * 2000, retryable=False, fields=(field,) * 10, reason="r" * 128
    )
    assert WireError.model_validate_json(error.model_dump_json()) == error


def test_describe_is_one_line() -> None:
    no = WireError(code=Code.TOOL_ERROR, message="There is no tea", retryable=False, reason="sold_out")
    assert describe(BROKE) == "internal (why): it broke; error id e1"
    assert describe(no) == "tool_error (sold_out): There is no tea"
    assert describe(INVALID).count("; ") == 2
