"""docs/troubleshooting.md: every error has a section, every section an error, in the words that are printed.

Sections begin with quotes (`> …`): parts of messages, with `…` for what differs.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.contracts.test_errors import MESSAGES
from toolwire.broker.errors import BrokerError
from toolwire.broker.node import NodeError
from toolwire.cli.aside.reasons import DEAD, JUNK
from toolwire.cli.commands import app
from toolwire.cli.doctor.finding import Area
from toolwire.contracts import errors
from toolwire.contracts.errors import Code, RemoteError, ToolwireError, WireError
from toolwire.contracts.sealing import BadEnvelope
from toolwire.services.store.port import CommitUnknown, StoreAway

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SIGNED = "What the service says"
SOURCES = [
    *(file for root in ("contracts", "broker", "services") for file in (ROOT / root).rglob("*.py")),
]
DOCTOR = sorted((ROOT / "services" / "toolwire" / "cli" / "doctor").glob("*.py"))


def chapters() -> dict[str, str]:
    """The page by its headings of the second level."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def sections(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The sections of a chapter: the names in each heading, and what stands below."""
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        yield tuple(re.findall(r"`(\w+)`", heading)), body


def quotes(text: str) -> list[str]:
    """The quoted lines, without the mark that breaks a line in Markdown."""
    return [line.strip("> \\") for line in text.splitlines() if line.startswith(">")]


@cache
def said() -> str:
    """Every text in the sources."""
    nodes = (node for file in SOURCES for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return "\0".join(
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def parts_of(quote: str) -> list[str]:
    return [part.strip() for part in quote.split("…") if part.strip()]


def kinds(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(kinds(kind) for kind in root.__subclasses__()))


def by_name() -> dict[str, str]:
    """The section of each class that is no signed refusal."""
    unsigned = "".join(text for title, text in chapters().items() if title != SIGNED)
    return {name: body for names, body in sections(unsigned) for name in names}


def test_every_class_has_a_section_and_every_section_a_class() -> None:
    ours = {
        kind
        for kind in kinds(ToolwireError)
        if kind.__module__ == errors.__name__ and (kind is RemoteError or not issubclass(kind, RemoteError))
    }
    others = {BadEnvelope, StoreAway, CommitUnknown, NodeError, *kinds(BrokerError)}
    assert set(by_name()) == {kind.__name__ for kind in ours | others}


def test_every_code_has_a_section_that_names_its_class() -> None:
    found = [names for names, _ in sections(chapters()[SIGNED])]
    expected = [
        (code.value, type(RemoteError.of(WireError(code=code, message="", retryable=False))).__name__)
        for code in Code
    ]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("quote", quotes(PAGE))
def test_every_quoted_message_is_one_that_is_printed(quote: str) -> None:
    assert [part for part in parts_of(quote) if part not in said()] == []


@pytest.mark.parametrize("error", [error for error, _ in MESSAGES], ids=lambda error: type(error).__name__)
def test_whoever_searches_for_a_message_finds_its_section(error: ToolwireError) -> None:
    name = type(error).__name__
    quoted = quotes(by_name().get(name, ""))
    if isinstance(error, RemoteError) or name == "Unverified" or name == "ToolError":
        return  # their words are the service's, one of a table's, or the tool's own
    assert any(all(part in str(error) for part in parts_of(quote)) for quote in quoted), quoted


def test_the_reasons_of_what_is_put_aside_are_those_that_there_are() -> None:
    table = re.findall(r"^\| `(\w+)` \|", chapters()["Messages that were put aside"], flags=re.MULTILINE)
    assert sorted(table) == sorted({*DEAD, *JUNK})


def test_the_lines_of_the_log_are_those_that_are_written() -> None:
    table = re.findall(r"^\| `(.+?)` \|", chapters()["Lines in the log of a replica"], flags=re.MULTILINE)
    assert len(table) > 5
    assert [part for line in table for part in parts_of(line) if part not in said()] == []


@pytest.mark.parametrize("text", [PAGE, *(file.read_text() for file in DOCTOR)], ids=lambda text: text[:20])
def test_the_commands_of_every_remedy_exist(text: str) -> None:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    named = re.findall(r"\btoolwire (keys|dead|junk|jobs|tools) (\w+)", text)
    assert set(re.findall(r"\btoolwire ([a-z]+)\b", text)) <= commands | set(groups)
    for group, command in named:
        of_group = groups[group]
        assert of_group is not None
        known = {each.name or getattr(each.callback, "__name__", "") for each in of_group.registered_commands}
        assert command in known, f"toolwire {group} {command}"


def test_the_areas_that_are_named_exist() -> None:
    named = {area for areas in re.findall(r"--only\s+([a-z,]+)", PAGE) for area in areas.split(",")}
    assert named <= set(Area)


def test_every_link_within_the_page_leads_somewhere() -> None:
    titles = re.findall(r"^##+ (.+)$", PAGE, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
