"""The texts below attributes in the source: Python forgets them, and readers of a schema want them."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent
from typing import cast


def attribute_docstrings(cls: type) -> dict[str, str]:
    """The docstrings of a class's own and inherited attributes, by name."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if each.__module__.startswith("toolwire."):
            found.update(_own(each))
    return found


def text_of(cls: type) -> str:
    """The class's own docstring."""
    return as_text(cls.__doc__ or "")


def as_text(docstring: str) -> str:
    """A docstring as one line for each paragraph, in the words of JSON."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs).replace("None", "null")


def _own(cls: type) -> Iterator[tuple[str, str]]:
    [definition] = ast.parse(dedent(inspect.getsource(cls))).body
    for statement, after in pairwise(cast("ast.ClassDef", definition).body):
        match statement, after:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(value=ast.Constant(str(docstring))),
            ):
                yield name, as_text(docstring)
            case _:
                pass
