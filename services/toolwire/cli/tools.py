"""`tools`: what a server offers to this client, and how to ask for it."""

import json
from collections.abc import Iterator, Sequence
from typing import cast

from pydantic import JsonValue

from toolwire.cli import exits
from toolwire.cli.asking import Asking
from toolwire.cli.examples import command_line
from toolwire.cli.output import print_json, print_line, print_note
from toolwire.cli.schema_reading import Reader, Schema
from toolwire.cli.schemas import in_words
from toolwire.cli.suggesting import near
from toolwire.cli.table import print_table
from toolwire.contracts.builtin import BUILT_IN
from toolwire.contracts.descriptors import Annotations, ToolDescriptor
from toolwire.contracts.errors import UsageError

HEADINGS = ("TOOL", "KIND", "MANNERS", "DESCRIPTION")


async def list_tools(asking: Asking, *, everything: bool) -> int:
    """Print the tools; with `everything` also those that every server has."""
    async with asking.open() as client:
        tools = (await client.list_tools(built_in=everything)).tools
    if asking.json:
        print_json({"tools": [document(tool) for tool in tools]})
    elif tools:
        print_table(HEADINGS, [_row(tool) for tool in tools])
    else:
        print_note(
            "this client may use no tool of its own: the registry's `allow` says which (toolwire keys allow)"
        )
    return exits.OK


async def describe(asking: Asking, name: str) -> int:
    """Print all that the catalogue says of one tool."""
    async with asking.open() as client:
        tool = named(name, (await client.list_tools(built_in=True)).tools)
    if asking.json:
        print_json(document(tool))
    else:
        for line in in_lines(tool):
            print_line(line)
    return exits.OK


def named(name: str, tools: Sequence[ToolDescriptor]) -> ToolDescriptor:
    """The tool of that name. `UsageError` names those that are nearly called so."""
    for tool in tools:
        if tool.name == name:
            return tool
    meant = near(name, [tool.name for tool in tools])
    raise UsageError(
        f"this client may use no tool {name!r}. {meant or 'See which there are: toolwire tools list --all'}"
    )


def document(tool: ToolDescriptor) -> dict[str, JsonValue]:
    """A tool for programs: the descriptor, whether every server has it, and a command that calls it."""
    added: dict[str, JsonValue] = {"built_in": tool.name in BUILT_IN, "example": command_line(tool)}
    return tool.model_dump(mode="json") | added


def in_lines(tool: ToolDescriptor) -> Iterator[str]:
    """A tool for people."""
    yield f"{tool.name}  ({_kind(tool)})"
    yield from (f"  {line}".rstrip() for line in tool.description.splitlines())
    yield from ("", "Arguments")
    yield from _arguments(tool) or ["  none"]
    yield from ("", "Result", f"  {in_words(tool.outputSchema, tool.outputSchema)}")
    yield from ("", "Manners", f"  {manners(tool.annotations)}")
    yield from ("", "Revision (tool_rev)", f"  {tool.tool_rev}")
    yield from ("", "Try", f"  {command_line(tool)}")


def manners(told: Annotations) -> str:
    """What a tool does to the world, in words."""
    if told.readOnlyHint:
        words = ["only reads"]
    else:
        words = ["may destroy" if told.destructiveHint else "changes something"]
        words.append("may be repeated" if told.idempotentHint else "never runs twice")
    return ", ".join([*words, *(["reaches out"] if told.openWorldHint else [])])


def _row(tool: ToolDescriptor) -> Sequence[str]:
    first_line, _, _ = (tool.title or tool.description).partition("\n")
    return tool.name, _kind(tool), manners(tool.annotations), first_line


def _kind(tool: ToolDescriptor) -> str:
    return f"built-in {tool.kind}" if tool.name in BUILT_IN else tool.kind


def _arguments(tool: ToolDescriptor) -> Sequence[str]:
    reader = Reader(tool.inputSchema, 0)
    root = reader.resolved(tool.inputSchema) or {}
    properties = cast("dict[str, JsonValue]", root.get("properties", {}))
    needed = frozenset(cast("list[str]", root.get("required", [])))
    width = max(map(len, properties), default=0)
    lines: list[str] = []
    for name, schema in sorted(properties.items(), key=lambda item: item[0] not in needed):
        told = reader.resolved(schema) or {}
        whether = "required" if name in needed else _default(told)
        lines.append(f"  {name.ljust(width)}  {in_words(schema, tool.inputSchema)}  ({whether})")
        if "description" in told:
            lines.append(f"  {' ' * width}  {told['description']}")
    return lines


def _default(schema: Schema) -> str:
    return f"default {json.dumps(schema['default'])}" if "default" in schema else "optional"
