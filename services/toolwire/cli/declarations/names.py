"""Names for Python, made of names from a catalogue."""

import keyword
import re
from collections.abc import Collection

from pydantic import BaseModel

LONGEST = 80
RESERVED = frozenset({*keyword.kwlist, "bool", "bytes", "dict", "float", "int", "list", "str", "tuple"})
"""What nothing in a written module is called: the language needs it, or its annotations do."""
OF_MODELS = frozenset(dir(BaseModel))
PROTECTED = ("model_dump", "model_validate")
"""How pydantic lets no field begin."""


def variable(name: str, prefix: str, taken: Collection[str]) -> str:
    """`billing.invoice-total` as `billing_invoice_total`; `prefix` goes before what begins no name."""
    made = re.sub(r"\W", "_", name, flags=re.ASCII)[:LONGEST]
    if not made or made[0] == "_" or made[0].isdigit():
        made = f"{prefix}_{made.strip('_')}"
    return free(made, taken)


def field(name: str, taken: Collection[str]) -> str:
    """A name for a model's field."""
    made = f"field_{name}" if name.startswith(PROTECTED) else name
    return variable(made, "field", {*taken, *OF_MODELS})


def class_name(name: str) -> str:
    """`add_arguments` as `AddArguments`."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    made = "".join(word[0].upper() + word[1:] for word in words)[:LONGEST]
    return made if made and not made[0].isdigit() else f"Model{made}"


def free(name: str, taken: Collection[str]) -> str:
    """The name or, where something else is called so, `name_`, `name_2` and so on."""
    number, made = 1, name
    while made in taken or made in RESERVED:
        made = f"{name}_{'' if number == 1 else number}"
        number += 1
    return made
