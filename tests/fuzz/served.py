"""Tools whose arguments use what pydantic has: every kind of type that a service's author may write."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePosixPath
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import AnyUrl, Base64Bytes, BaseModel, Field, JsonValue

from tests.unit.services.given import LOOK, SERVER
from toolwire.services import JobContext, Service
from toolwire.services.declaring.tools import ToolSpec

service = Service(SERVER)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Tree(BaseModel):
    """A model in itself."""

    name: str
    children: list["Tree"] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=0, le=9)] = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: frozenset[str] = frozenset()


class Point(NamedTuple):
    x: float
    y: float


class Everything(BaseModel):
    """The whole of a tool's arguments: one field of each kind."""

    at: datetime | None = None
    day: date | None = None
    hour: time | None = None
    lasts: timedelta | None = None
    price: Decimal | None = None
    id: UUID | None = None
    colour: Colour = Colour.RED
    level: Level | None = None
    address: IPv4Address | IPv6Address | None = None
    path: PurePosixPath | None = None
    url: AnyUrl | None = None
    data: bytes = b""
    coded: Base64Bytes | None = None
    flags: set[int] = set()
    corner: Point | None = None
    pair: tuple[int, str] | None = None
    counts: dict[str, int] = {}
    numbered: dict[int, float] = {}
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{3}$")] | None = None
    short: Annotated[str, Field(min_length=1, max_length=8)] | None = None
    even: Annotated[int, Field(multiple_of=2)] | None = None
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    anything: JsonValue = None


@service.tool(read_only=True)
async def add(numbers: Annotated[list[int], Field(min_length=1)]) -> int:
    """Reads only."""
    return sum(numbers)


@service.tool()
async def everything(given: Everything) -> None:
    """Takes one model as the whole of its arguments."""


@service.tool(idempotent=True)
async def grow(tree: Tree, copy: float = 1.0, weights: Mapping[str, float] | None = None) -> None:
    """Takes a model beside other arguments, one of which is named as a method of pydantic's models."""


@service.job(max_attempts=2)
async def build(ctx: JobContext[None], parts: int | str | list[int | float] = 1) -> None:
    """A job that takes a union."""


@service.tool(name="not.allowed")
async def not_allowed() -> None:
    """What the registry does not allow to anybody."""


TOOLS: dict[str, ToolSpec] = {**service.tools, LOOK.name: LOOK}
