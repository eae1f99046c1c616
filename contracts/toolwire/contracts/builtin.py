"""The tools that every server has: what they take and what they give.

| tool | arguments | result |
|---|---|---|
| `server_identity` | `NoArguments` | `ServerIdentity` |
| `list_tools` | `ListTools` | `Catalogue` |
| `poll_job` | `PollJob` | `JobSnapshot`; the response's status is the job's |
| `cancel_job` | `CancelJob` | `JobSnapshot`, as it stands after the cancel or its intent |
| `list_jobs` | `ListJobs` | `JobList` |
| `job_history` | `ReadHistory` | `JobHistory` (in `history`) |
| `job_output` | `ReadOutput` | `JobOutput` |
| `answer_job` | `AnswerJob` | `JobSnapshot`, as it stands after the answer |
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from toolwire.contracts.descriptors import ToolDescriptor
from toolwire.contracts.jobs import Status
from toolwire.contracts.names import Count, Id
from toolwire.contracts.snapshots import KEY_PATTERN, JobSnapshot

SERVER_IDENTITY: Final = "server_identity"
LIST_TOOLS: Final = "list_tools"
POLL_JOB: Final = "poll_job"
CANCEL_JOB: Final = "cancel_job"
LIST_JOBS: Final = "list_jobs"
JOB_HISTORY: Final = "job_history"
JOB_OUTPUT: Final = "job_output"
ANSWER_JOB: Final = "answer_job"

BUILT_IN = frozenset(
    {
        SERVER_IDENTITY,
        LIST_TOOLS,
        POLL_JOB,
        CANCEL_JOB,
        LIST_JOBS,
        JOB_HISTORY,
        JOB_OUTPUT,
        ANSWER_JOB,
    }
)
"""The names that no service may give to a tool of its own."""

MAX_LISTED = 100
"""The most jobs that one `list_jobs` answers with: their results have to fit one message."""


class _BuiltIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class NoArguments(_BuiltIn):
    """What tools take that need to be told nothing."""


class ListTools(_BuiltIn):
    """Which tools may I use?"""

    built_in: bool = False
    """Also those that every server has."""


class PollJob(_BuiltIn):
    """How does this job stand?"""

    job_id: Id


class CancelJob(_BuiltIn):
    """End this job, if it is not over yet."""

    job_id: Id


class ListJobs(_BuiltIn):
    """Which jobs of mine are there? The newest come first."""

    statuses: tuple[Annotated[Status, Field(strict=False)], ...] = Field(default=(), strict=False)
    """Only jobs in one of these; empty: in any."""
    limit: Annotated[int, Field(ge=1, le=MAX_LISTED)] = MAX_LISTED
    before: Id | None = None
    """Only jobs older than this one: the last job of the page before."""


class ReadHistory(_BuiltIn):
    """What became of this job so far: who tried, and why it was not the last attempt?"""

    job_id: Id


class ReadOutput(_BuiltIn):
    """What did this job put out so far, or since an event?"""

    job_id: Id
    after: Count = 0
    """Only what was told by events with a greater `seq`."""


class AnswerJob(_BuiltIn):
    """The answer to the question that a job asks; the first one counts."""

    job_id: Id
    key: Annotated[str, Field(pattern=KEY_PATTERN)]
    """The question's."""
    answer: JsonValue
    """As the question's `answer_schema` wants it."""


class Capabilities(BaseModel):
    """What a server can do besides answering calls."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    async_: bool = Field(alias="async")  # Python keeps the word that travels
    """It takes jobs and tells of them by events."""
    stateless: bool
    """Any replica answers any message."""


class ServerIdentity(_BuiltIn):
    """Who answers."""

    server_id: Id
    fingerprint: Annotated[str, Field(min_length=1, max_length=128)]
    """Of the public key that signs the answers; to a client with an HMAC key, the kid. Never of a secret."""
    capabilities: Capabilities


class AcceptedJob(_BuiltIn):
    """The result of every response with status `accepted` to a submission: where to ask from now on."""

    job_id: Id


class Catalogue(_BuiltIn):
    """The tools that the asking client may use."""

    tools: tuple[ToolDescriptor, ...] = Field(strict=False)


class JobList(_BuiltIn):
    """Jobs of the asking client."""

    jobs: tuple[JobSnapshot, ...] = Field(strict=False)


class OutputPieces(_BuiltIn):
    """The pieces of one output event."""

    seq: Count
    """The event's."""
    attempt: Count
    """The attempt that put them out: a later one may begin anew."""
    output: Annotated[tuple[JsonValue, ...], Field(strict=False, min_length=1)]


class JobOutput(_BuiltIn):
    """What a job put out so far, oldest first, or as much of it as fits one message."""

    job_id: Id
    server_id: Id
    pieces: Annotated[tuple[OutputPieces, ...], Field(strict=False)]
    more: bool
    """Whether there is more to read after the last of them."""
    seq: Count
    """How many events the job had recorded when this was read."""
