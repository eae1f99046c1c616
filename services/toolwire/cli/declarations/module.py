"""A server's catalogue as a Python module: its models, and one declaration for each tool."""

from collections.abc import Sequence

from toolwire.cli.declarations import names
from toolwire.cli.declarations.literals import docstring, literal
from toolwire.cli.declarations.models import Models
from toolwire.cli.declarations.schema import as_object
from toolwire.cli.declarations.types import Types
from toolwire.contracts.builtin import Catalogue
from toolwire.contracts.descriptors import ToolDescriptor

MARK = "# Written by `toolwire stubs`: changes are lost when it is written again."
"""The first line of every module that may be overwritten."""

IMPORTS = {
    "dt": "",
    "Annotated": "typing",
    "Literal": "typing",
    "UUID": "uuid",
    "AliasChoices": "pydantic",
    "BaseModel": "pydantic",
    "ConfigDict": "pydantic",
    "Field": "pydantic",
    "JsonValue": "pydantic",
    "TypeAdapter": "pydantic",
    "declare": "toolwire.client",
    "declare_job": "toolwire.client",
}
"""What a module may import, and from where."""


def write_module(server_id: str, catalogue: Catalogue) -> str:
    """The module. The same catalogue gives the same text."""
    tools = sorted(catalogue.tools, key=lambda tool: tool.name)
    variables: list[str] = []
    for tool in tools:
        variables.append(names.variable(tool.name, "tool", {*IMPORTS, *variables}))
    models = Models(IMPORTS, variables)
    declarations = [
        line for tool, name in zip(tools, variables, strict=True) for line in _declared(tool, name, models)
    ]
    head = [MARK, f'"""The tools of {server_id}, as its signed catalogue declares them."""', ""]
    return "\n".join([*head, *_imports(models.needed & IMPORTS.keys()), *models.lines, "", *declarations, ""])


def _declared(tool: ToolDescriptor, variable: str, models: Models) -> Sequence[str]:
    declare = "declare_job" if tool.kind == "job" else "declare"
    models.need(declare)
    told = [literal(tool.name)]
    if "$ref" in tool.inputSchema or as_object(tool.inputSchema.get("properties")):
        args = Types(tool.inputSchema, models, "Arguments", limits=True).whole(f"{tool.name} arguments")
        told.append(f"args={args}")
    # A result is the server's affair: it checks its limits before it answers.
    result = Types(tool.outputSchema, models, "Result", limits=False).whole(f"{tool.name} result")
    told.append(f"returns={_returned(result, models)}")
    description = tool.description.strip() or tool.title or ""
    return [
        "",
        f"# tool_rev: {tool.tool_rev}",
        f"{variable} = {declare}({', '.join(told)})",
        *(docstring(description) if description else []),
    ]


def _returned(result: str, models: Models) -> str:
    """A type as a value; type checkers take for one only what is a class."""
    if " | " in result or "Literal[" in result or "JsonValue" in result:
        models.need("TypeAdapter")
        return f"TypeAdapter[{result}]({result})"
    return result


def _imports(needed: set[str]) -> Sequence[str]:
    lines = ["from __future__ import annotations", ""]
    if "dt" in needed:
        lines.append("import datetime as dt")
    for module, before in (("typing", ""), ("uuid", ""), ("pydantic", "\n"), ("toolwire.client", "\n")):
        wanted = sorted(name for name in needed if IMPORTS[name] == module)
        if wanted:
            lines.append(f"{before if len(lines) > 2 else ''}from {module} import {', '.join(wanted)}")
    return lines
