"""The models of one module."""

from collections.abc import Collection

from toolwire.cli.declarations import names


class Models:
    """Models by what they are made of: equal schemas share one. `needed` are the names to import.

    `imports` are the names that may be imported, `taken` those that other things of the module have.
    """

    def __init__(self, imports: Collection[str], taken: Collection[str]) -> None:
        self.lines: list[str] = []
        self.needed: set[str] = set()
        self._types = set(imports)
        self._taken = {*imports, *taken}
        self._known: dict[str, str] = {}

    def known(self, made_of: str) -> str | None:
        """The model that was made of this."""
        return self._known.get(made_of)

    def name(self, title: str, role: str, made_of: str) -> str:
        """A name for a new model; `role` tells it from another one with the same title."""
        wanted = names.class_name(title)
        name = names.free(f"{wanted}{role}" if wanted in self._taken else wanted, self._taken)
        self._known[made_of] = name
        self._types.add(name)
        self._taken.add(name)
        return name

    def field(self, name: str, taken: set[str]) -> str:
        """A name for a field: no other field's, and nothing that annotations mean otherwise."""
        return names.field(name, taken | self._types)

    def need(self, *names: str) -> None:
        """Have these names imported; what Python knows itself is not."""
        self.needed.update(names)
