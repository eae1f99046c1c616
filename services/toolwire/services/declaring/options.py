"""The options of `@service.tool`, `@service.job` and `@service.implements`, and what they make together."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, Literal, TypedDict

from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.tools import Contract
from toolwire.services.declaring.retries import Backoff
from toolwire.services.declaring.run_policy import Asks, RetryOn, Revisions, RunIn, RunPolicy
from toolwire.services.declaring.tools import Declaration, Manners


class Options(TypedDict, total=False):
    """What both kinds have."""

    title: str | None
    description: str | None
    """For its callers; the docstring without it."""
    destructive: bool
    """It may destroy something: true without it."""
    open_world: bool
    """It deals with what lies outside: true without it."""
    time_limit: float | None
    """How many seconds one run may take; the caller's deadline counts as well."""
    run_in: RunIn | None
    """Where a sync function runs: in a thread without it. A process takes functions at module level only."""


class ToolOptions(Options, total=False):
    """What tools have besides."""

    read_only: bool
    """It changes nothing, so it needs no record and may be repeated."""
    idempotent: bool
    """Running it twice for the same request does no harm."""


class JobOptions(Options, total=False):
    """What jobs have besides."""

    max_attempts: int
    """How often it may start: once without it."""
    retry_on: RetryOn
    """The exceptions after which it starts again: any `Exception` without it."""
    backoff: Backoff
    """How long it waits between attempts."""
    revisions: Revisions
    """`same`: only a replica with the very tool that accepted the job runs it."""
    asks: Asks
    """The models of the answers to what it may ask its caller."""


class NamedToolOptions(ToolOptions, total=False):
    """With the name, which a contract brings along."""

    name: str | None


class NamedJobOptions(JobOptions, total=False):
    """With the name, which a contract brings along."""

    name: str | None


_KNOWN: Mapping[Literal["tool", "job"], Collection[str]] = {
    "tool": NamedToolOptions.__optional_keys__ | {"context"},
    "job": NamedJobOptions.__optional_keys__,
}


def declaration(
    kind: Literal["tool", "job"],
    options: Mapping[str, Any],
    *,
    takes_context: bool,
    prefix: str = "",
    contract: Contract[..., Any] | None = None,
) -> Declaration:
    """What the options say together. `DefinitionError` for what cannot be."""
    _check_names(kind, options, contract)
    described = {name: options[name] for name in ("name", "title", "description") if name in options}
    return Declaration(
        **described,
        manners=Manners(**_those_of(Manners, options)),
        runs=RunPolicy(**_those_of(RunPolicy, options)),
        takes_context=takes_context,
        prefix=prefix,
        contract=contract,
    )


def _check_names(
    kind: Literal["tool", "job"], options: Mapping[str, Any], contract: Contract[..., Any] | None
) -> None:
    """Each name has to be one of this kind, and a contract has its name already."""
    for name in options:
        if name in _KNOWN[kind] and not (contract is not None and name == "name"):
            continue
        what = f"a {kind}" if contract is None else f"{contract!r} is a {kind}"
        other: Literal["tool", "job"] = "job" if kind == "tool" else "tool"
        if name in _KNOWN[other] and name != "name":
            raise DefinitionError(f"{what}; {name}= is for {other}s")
        raise DefinitionError(f"{what}, which has no option {name}=")


def _those_of(model: type[Manners] | type[RunPolicy], options: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: options[field.name] for field in fields(model) if field.name in options}
