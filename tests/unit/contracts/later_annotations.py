"""Tools in a module whose annotations are text until somebody asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class Item(BaseModel):
    name: str


def buy(item: Item, count: Annotated[int, Field(ge=1)] = 1) -> list[Item]:
    """Buy some of one item."""
    return [item] * count


def of_a_local_type() -> object:
    """A tool whose parameter's type no longer has a name where annotations are resolved."""

    class Local(BaseModel):
        a: int

    def tool(local: Local) -> None: ...

    return tool
