"""What was probably meant: the names of the catalogue that are nearly those that were typed."""

from collections.abc import Sequence
from difflib import get_close_matches

from toolwire.client.calls import Calls
from toolwire.contracts.descriptors import ToolDescriptor
from toolwire.contracts.errors import InvalidArguments, RemoteError, ToolNotAvailable, ToolwireError

CATALOGUE_S = 5.0
UNKNOWN = "extra_forbidden"
"""pydantic's name of the rule that an argument breaks which the tool does not have."""


def near(name: str, names: Sequence[str]) -> str | None:
    """A question that names what `name` nearly is."""
    found = get_close_matches(name, names, n=3)
    return f"Did you mean {' or '.join(found)}?" if found else None


async def suggest(client: Calls, tool: str, error: RemoteError) -> None:
    """Add to an error, as notes, what was probably meant. Without a catalogue there is less to say."""
    unknown = [field.path[1:] for field in error.fields if field.type == UNKNOWN]
    hints: list[str | None] = []
    if isinstance(error, ToolNotAvailable):
        hints.append(near(tool, [each.name for each in await _catalogue(client)]))
    elif isinstance(error, InvalidArguments):
        names = _arguments(await _catalogue(client), tool) if unknown else ()
        hints += [near(name, names) for name in unknown]
        hints.append(f"Its arguments: toolwire tools describe {tool}")
    for hint in filter(None, hints):
        error.add_note(hint)


async def _catalogue(client: Calls) -> Sequence[ToolDescriptor]:
    try:
        return (await client.options(timeout=CATALOGUE_S).list_tools(built_in=True)).tools
    except ToolwireError:
        return ()  # the first error is what counts


def _arguments(tools: Sequence[ToolDescriptor], name: str) -> Sequence[str]:
    found = (tool.inputSchema.get("properties") for tool in tools if tool.name == name)
    return [argument for properties in found if isinstance(properties, dict) for argument in properties]
