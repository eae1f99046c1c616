"""A service with a tool of every shape, for what reads catalogues."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from toolwire.services import JobContext, Service

SERVER = "server-1"
service = Service(SERVER)


class Colour(enum.Enum):
    RED = "red"
    ODD = 'bl"ue\n'


class Point(BaseModel):
    """A point."""

    x: Annotated[int, Field(ge=1, description="How far right.")] = 3
    from_: Annotated[str, Field(validation_alias="from", serialization_alias="from")] = "here"
    seen: datetime = datetime(2020, 1, 1)  # noqa: DTZ001 - a default that JSON Schema cannot say as a time


class Tree(BaseModel):
    children: list["Tree"] = []
    pair: tuple[int, str] = (1, "a")
    colour: Colour = Colour.RED
    kind: Literal["leaf", 1] = "leaf"
    point: Point | None = None
    other: Point = Point()
    anything: JsonValue = None
    price: Decimal = Decimal("1.5")
    notes: list[str] = Field(default_factory=list)


@service.tool(name="plant.tree-1")
def plant(tree: Tree) -> Tree:
    """Plant it.

    And water it.
    """
    return tree


@service.tool()
def points(at: Annotated[str, Field(pattern="^a+$")], copy: int = 3) -> list[Point] | None: ...


@service.tool()
def ping() -> None: ...


@service.job(name="class")
def grow(ctx: JobContext[None], steps: int) -> dict[str, int]: ...  # type: ignore[empty-body]  # pyright: ignore[reportReturnType] - never called
