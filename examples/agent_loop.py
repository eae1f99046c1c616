"""An agent's loop: read the signed catalogue, choose a tool, call it, learn from its result or its error.

Where an agent would ask a model what to do next, `choose` reads the tools' JSON Schemas. To run it:

    toolwire dev examples.service:service
    python -m examples.agent_loop 3 staplers              in a second terminal
"""

import asyncio
import sys
from dataclasses import dataclass

from pydantic import JsonValue

from toolwire.client import Catalogue, Client, ToolFailed

Facts = dict[str, JsonValue]

MOST_STEPS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """A tool to call, and what with."""

    tool: str
    args: Facts


def choose(catalogue: Catalogue, facts: Facts, goal: str) -> Step | None:
    """The step that tells the goal or, while something is missing for it, the step that tells that."""
    for tool in catalogue.tools:
        if goal in names(tool.outputSchema.get("properties")):
            needed = names(tool.inputSchema.get("required"))
            missing = [name for name in needed if name not in facts]
            if missing:
                return choose(catalogue, facts, missing[0])
            return Step(tool.name, {name: facts[name] for name in needed})
    return None


def names(listed: JsonValue) -> list[str]:
    """The names in a list, or of the entries of an object."""
    return [str(name) for name in listed] if isinstance(listed, list | dict) else []


async def find_out(client: Client, facts: Facts, goal: str) -> JsonValue:
    """Call tools until one of them has told the goal; None where that leads nowhere."""
    catalogue = await client.list_tools()
    for _ in range(MOST_STEPS):
        step = choose(catalogue, facts, goal)
        if goal in facts or step is None:
            break
        try:
            result = await client.call(step.tool, step.args)
        except ToolFailed as error:
            print(f"{step.tool} {step.args}: {error}")
            result = error.data  # what the tool would have liked instead
        else:
            print(f"{step.tool} {step.args}: {result}")
        facts |= result if isinstance(result, dict) else {}
    return facts.get(goal)


async def main(count: int, item: str) -> None:
    async with Client() as client:
        total = await find_out(client, {"count": count, "item": item}, "total")
        print(f"{count} {item} cost {total}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
