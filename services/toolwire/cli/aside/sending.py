"""One line of a dead letter as a new request of the operator's own client, and what came of it."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from toolwire.cli.aside.audit import Outcome
from toolwire.cli.aside.plan import Errand
from toolwire.cli.aside.shelf import Shelf
from toolwire.cli.asking import Asking
from toolwire.cli.explain import explain
from toolwire.client import Client
from toolwire.contracts.errors import CallFailed, Code, DeadlineExceeded, RemoteError

RAN = frozenset(
    {
        Code.TOOL_ERROR,
        Code.INTERNAL,
        Code.RESULT_INVALID,
        Code.RESULT_TOO_LARGE,
        Code.DEADLINE_EXCEEDED,
        Code.CANCELLED,
        Code.INTERRUPTED,
    }
)
"""What the service says when it has run the tool, or begun to: it will say the same to the same request."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one line."""

    outcome: Outcome
    note: str = ""
    job_id: str | None = None
    code: Code | None = None
    result: Any = None
    trouble: Exception | None = None
    """Why to send no more: the next line would meet the same."""

    def traces(self) -> dict[str, Any]:
        """What of it may be kept: neither the result nor a text."""
        return ({"job_id": self.job_id} if self.job_id else {}) | ({"code": self.code} if self.code else {})

    def document(self) -> dict[str, Any]:
        """For programs."""
        told: dict[str, Any] = {"outcome": self.outcome, "note": self.note or None, **self.traces()}
        return told | ({"result": self.result} if self.outcome == "answered" else {})


class Sender:
    """The operator's client, to be entered. It is opened with the first line that is sent.

    Raises what opening a client and asking for the catalogue raise.
    """

    def __init__(self, place: Shelf, asking: Asking, deadline: float | None) -> None:
        self._client = asking.made()
        self._server = place.server
        self._deadline = deadline
        self._stack = AsyncExitStack()
        self._kinds: Mapping[str, str] | None = None
        self.client_id = self._client.client_id
        self.kid = place.home.client_signer(self.client_id, asking.key, server_id=place.server).kid

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def send(self, errand: Errand) -> Sent:
        """Send one line and wait for the answer, or for a job's acceptance."""
        assert errand.request is not None  # noqa: S101 - what has no obstacle can be read
        tool, args = errand.request.tool, errand.request.args
        try:
            client, kinds = await self._opened()
            options = client.options(
                server=self._server, request_id=errand.request_id, deadline=self._deadline
            )
            if kinds.get(tool) == "job":
                return Sent("accepted", job_id=(await options.submit(tool, args)).id)
            return Sent("answered", result=await options.call(tool, args))
        except RemoteError as error:
            return _refused(error)
        except DeadlineExceeded as error:
            return Sent("no_answer", note=str(error), trouble=error)
        except CallFailed as error:
            return Sent("undelivered", note=str(error), trouble=error)

    async def _opened(self) -> tuple[Client, Mapping[str, str]]:
        if self._kinds is None:
            await self._stack.enter_async_context(self._client)
            catalogue = await self._client.options(server=self._server).list_tools()
            self._kinds = {tool.name: tool.kind for tool in catalogue.tools}
        return self._client, self._kinds


def _refused(error: RemoteError) -> Sent:
    said = "; ".join(explain(error).lines)
    if error.code in RAN:
        return Sent("failed", note=f"{said}. It ran; --again runs it once more", code=error.code)
    return Sent("refused", note=said, code=error.code)
