"""Changes a JSON text in ways that leave it JSON, or nearly: what byte-wise changes would seldom reach."""

import json
from random import Random
from typing import TypeAlias, cast

Node: TypeAlias = "Members | list[Node] | Raw | str | int | float | bool | None"


class Members(list[tuple[str, "Node"]]):
    """An object whose keys may repeat and keep their order."""


class Raw(str):
    """Text that is written as it stands."""

    __slots__ = ()


_BIG = (2**53 - 1, 2**53, 2**63, 2**64, -(2**63) - 1, 10**308, 10**400, 1_800_000_000_000)
_WORDS = ("toolwire/1", "toolwire/2", "request", "response", "event", "ok", "done", "error", "accepted")
_TEXTS = (
    "client-1",
    "server-1",
    "@@",
    "../x",
    "a.b",
    "é",
    "*",
    "#",
    "P1D",
    "1E+999999",
    "2026-01-01T00:00:00Z",
)
ODD_SPELLINGS = tuple(
    map(
        Raw,
        [
            *("1.0", "-0", "-0.0", "1e0", "1E+2", "1e400", "-1E+0400", "1e-400", "NaN", "-Infinity", "01"),
            *('"\\ud800"', '"\\u0000"', '"\\u00e9"', "[" * 170 + "]" * 170, "[" * 202 + "]" * 202),
        ],
    )
)
ODD_NAMES = ("a", "@@", "signature", "p_a", "__proto__", "x/y~z", "")
ODD_VALUES: list[Node] = [
    *(None, True, False, 0, 1, -1, 0.5),
    *_BIG,
    *ODD_SPELLINGS,
    *("", "a\n", "a" * 22, "a" * 43, "a" * 65),
    *_WORDS,
    *_TEXTS,
    [],
    [[]],
    Members(),
    Members([("", None)]),
]


def mutate(text: bytes, chance: Random) -> bytes:
    """The text with one to four things in it changed; as it was where it is no JSON."""
    try:
        root: Node = json.loads(text, object_pairs_hook=Members)
    except (ValueError, RecursionError):
        return text
    for _ in range(chance.randint(1, 4)):
        root = _changed(root, chance)
    try:
        return _written(root, chance).encode("utf-8", "surrogatepass")
    except RecursionError:
        return text


def _changed(node: Node, chance: Random) -> Node:
    """Go down by chance, and change what is there."""
    if isinstance(node, Members):
        return _changed_members(node, chance)
    if isinstance(node, list):
        return _changed_list(cast("list[Node]", node), chance)
    if isinstance(node, str) and chance.random() < 0.3:
        at = chance.randint(0, len(node))
        return node[:at] + chance.choice(["é", "\x00", "@@", "/", "~", "\U0001f600", "\\"]) + node[at:]
    if isinstance(node, int | float) and chance.random() < 0.5:
        return chance.choice(ODD_SPELLINGS)
    wrapped: list[Node] = [[node], Members([("a", node)])]
    return chance.choice(ODD_VALUES + wrapped)


def _changed_members(node: Members, chance: Random) -> Node:
    members = Members(node)
    if not members or chance.random() < 0.1:
        members.append((chance.choice(ODD_NAMES), chance.choice(ODD_VALUES)))
        return members
    at = chance.randrange(len(members))
    name, value = members[at]
    match chance.randrange(10):
        case 0:
            del members[at]
        case 1:
            members.append((name, value if chance.random() < 0.5 else _changed(value, chance)))
        case 2:
            members[at] = (name, chance.choice(members)[1])
        case 3:
            members[at] = (name + chance.choice(["", " ", "_", "@@"]), value)
        case 4:
            chance.shuffle(members)
        case _:
            members[at] = (name, _changed(value, chance))
    return members


def _changed_list(node: list[Node], chance: Random) -> Node:
    items = list(node)
    if not items or chance.random() < 0.2:
        items.insert(chance.randint(0, len(items)), chance.choice(ODD_VALUES))
        return items
    at = chance.randrange(len(items))
    match chance.randrange(6):
        case 0:
            del items[at]
        case 1:
            items[at:at] = [items[at]] * chance.choice([1, 2, 1 if isinstance(items[at], list) else 64])
        case _:
            items[at] = _changed(items[at], chance)
    return items


def _written(node: Node, chance: Random) -> str:
    """JSON text in one of the many spellings of the same value."""
    if isinstance(node, Raw):
        return node
    comma, colon = (
        chance.choice([(",", ":"), (", ", ": "), ("\n,", "\t:")]) if chance.random() < 0.1 else (",", ":")
    )
    if isinstance(node, Members):
        pairs = (f"{_text(name, chance)}{colon}{_written(value, chance)}" for name, value in node)
        return "{" + comma.join(pairs) + "}"
    if isinstance(node, list):
        return "[" + comma.join(_written(item, chance) for item in cast("list[Node]", node)) + "]"
    if isinstance(node, str):
        return _text(node, chance)
    return json.dumps(node)


def _text(text: str, chance: Random) -> str:
    return json.dumps(text, ensure_ascii=chance.random() < 0.5)
