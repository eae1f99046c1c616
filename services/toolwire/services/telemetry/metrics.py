"""The figures that signals make, for Prometheus: counters and histograms in a registry of one replica's own.

Labels take few values: tools that exist (any other is `other`), codes, statuses and reasons of closed sets.
Nothing that a client chooses becomes a label.
"""

from collections.abc import Container
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram
from typing_extensions import override

from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.telemetry.signals import How, Signals, Whom

OTHER = "other"
"""Stands for tools that this release does not have, such as those of a job that an older one accepted."""

CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
JOB_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
"""Upper bounds in seconds."""


JUNK_REASONS = (
    "malformed_properties",
    "too_large",
    "too_many_lines",
    "bad_lines",
    "bad_content_type",
    "bad_content_encoding",
    "bad_envelope",
    "unknown_key",
    "revoked_key",
    "key_out_of_date",
    "bad_signature",
    "control",
)
"""Why a message is put aside unread; `control` is a word to the replicas that is not the server's own."""


class Metrics(Signals):
    """Counts and measures into `registry`. `tools`: the names that may be labels."""

    def __init__(self, registry: CollectorRegistry, tools: Container[str]) -> None:
        self._tools = tools

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"toolwire_{name}", text, labels, registry=registry)

        def histogram(
            name: str, text: str, *labels: str, buckets: tuple[float, ...] = CALL_BUCKETS
        ) -> Histogram:
            return Histogram(f"toolwire_{name}_seconds", text, labels, buckets=buckets, registry=registry)

        self._junk = counter("junk", "Messages that nobody known signed, put aside.", "reason")
        self._dead = counter("dead", "Authentic messages that could not be handled, put aside.", "reason")
        self._refusals = counter("refusals", "Requests that were refused.", "code")
        self._repeated = counter("repeated_requests", "Requests that had been seen before.", "how")
        self._request_wait = histogram(
            "request_wait", "From when a client signed a call until its tool started."
        )
        self._calls = counter(
            "calls", "Calls that ended; the outcome is ok or an error's code.", "tool", "outcome"
        )
        self._call_duration = histogram("call_duration", "How long the tool of a call ran.", "tool")
        self._jobs_accepted = counter("jobs_accepted", "Jobs that were accepted.", "tool")
        self._job_wait = histogram(
            "job_wait", "From when a job was due until an attempt started.", "tool", buckets=JOB_BUCKETS
        )
        self._job_duration = histogram(
            "job_duration", "How long the tool of a job ran, in one attempt.", "tool", buckets=JOB_BUCKETS
        )
        self._jobs_ended = counter(
            "jobs_ended",
            "Jobs that reached their final status; the code is ok or an error's.",
            "tool",
            "status",
            "code",
        )
        self._retries = counter("retries", "Attempts that were given back to be run again.", "tool")
        self._cancels = counter("cancels", "Cancels of jobs that were asked for.", "tool")
        self._leases_lost = counter("leases_lost", "Outcomes dropped because the lease was lost.")
        self._takeovers = counter(
            "takeovers", "Requests of lost replicas, by the status that they were put into.", "status"
        )
        self._undeliverable = counter(
            "undeliverable", "Answers and events whose client's queue was gone.", "kind"
        )
        self._unanswered = counter("unanswered", "Answers that the broker did not take in time.")
        self._reconnects = counter("reconnects", "Connections to the broker that were made anew.", "link")
        # What is told of every call: looking up a labelled child takes as long as counting in it.
        self._calls_of = cache(self._calls.labels)
        self._call_duration_of = cache(self._call_duration.labels)
        self._begin_at_zero()

    @override
    def junk(self, reason: str, size: int, routing_key: str) -> None:
        self._junk.labels(reason).inc()

    @override
    def dead(self, reason: str, routing_key: str) -> None:
        self._dead.labels(reason).inc()

    @override
    def refused(self, whom: Whom, code: Code) -> None:
        self._refusals.labels(code.value).inc()

    @override
    def repeated(self, whom: Whom, how: How) -> None:
        self._repeated.labels(how).inc()

    @override
    def accepted(self, whom: Whom) -> None:
        self._jobs_accepted.labels(self._tool(whom)).inc()

    @override
    def started(self, whom: Whom, attempt: int, waited_s: float) -> None:
        if whom.job_id is None:
            self._request_wait.observe(waited_s)
        else:
            self._job_wait.labels(self._tool(whom)).observe(waited_s)

    @override
    def ran(self, whom: Whom, seconds: float) -> None:
        if whom.job_id is None:
            self._call_duration_of(self._tool(whom)).observe(seconds)
        else:
            self._job_duration.labels(self._tool(whom)).observe(seconds)

    @override
    def retried(self, whom: Whom, attempt: int, delay_ms: int) -> None:
        self._retries.labels(self._tool(whom)).inc()

    @override
    def lease_lost(self, whom: Whom) -> None:
        self._leases_lost.inc()

    @override
    def taken_over(self, whom: Whom, status: Status) -> None:
        self._takeovers.labels(status.value).inc()

    @override
    def cancel_asked(self, whom: Whom) -> None:
        self._cancels.labels(self._tool(whom)).inc()

    @override
    def settled(self, whom: Whom, status: Status, code: Code | None) -> None:
        outcome = "ok" if code is None else code.value
        if whom.job_id is None:
            self._calls_of(self._tool(whom), outcome).inc()
        else:
            self._jobs_ended.labels(self._tool(whom), status.value, outcome).inc()

    @override
    def undeliverable(self, kind: str) -> None:
        self._undeliverable.labels(kind).inc()

    @override
    def unanswered(self, whom: Whom) -> None:
        self._unanswered.inc()

    @override
    def reconnected(self, link: str) -> None:
        self._reconnects.labels(link).inc()

    def _begin_at_zero(self) -> None:
        """What should never happen is there before it does: of a series that begins at 1 no rate is seen."""
        for reason in JUNK_REASONS:
            self._junk.labels(reason)
        for status in (Status.ACCEPTED, Status.ERROR, Status.CANCELLED):
            self._takeovers.labels(status.value)
        for link in ("publish", "consume"):
            self._reconnects.labels(link)

    def _tool(self, whom: Whom) -> str:
        return whom.tool if whom.tool in self._tools else OTHER
