"""`new`: a small project in a folder of its own, from the files in `template/`."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from toolwire.cli import exits
from toolwire.cli.output import print_json, print_line
from toolwire.contracts.errors import UsageError

NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?", re.ASCII)
"""What may be the name of a server, of a distribution (PEP 508) and of a folder alike."""
TEMPLATE = "template"
SUFFIX = ".in"
"""Of every file of the template, so that no tool takes it for what it will be."""
HIDDEN = "dot-"
"""Stands for the dot that a file's name begins with."""


def new(name: str, folder: Path | None, *, as_json: bool) -> int:
    """Make the project. `UsageError` where the name cannot be one, or the folder has something in it."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a project: it begins with a letter, ends with a letter or a "
            "digit, and has only letters, digits, - and _ in between, at most 64 in all"
        )
    place = folder or Path(name)
    _check_free(place)
    made = sorted(write_project(place, {"@name@": name, "@from@": toolwire_from()}))
    if as_json:
        print_json({"folder": str(place.absolute()), "files": made})
        return exits.OK
    for line in what_to_do_next(place, made):
        print_line(line)
    return exits.OK


def what_to_do_next(place: Path, made: list[str]) -> Iterator[str]:
    """The text for somebody who has just made it."""
    yield f"made {place} with {', '.join(made)}\n"
    yield f"    cd {place}"
    yield "    make demo        starts a RabbitMQ and the service, runs the client once, and ends"
    yield "    make test        runs the tests: in memory, and on a RabbitMQ"
    yield "\nWithout make: python3 make.py demo. Then write your own tool into app.py; README.md says more."


def write_project(place: Path, words: Mapping[str, str]) -> Iterator[str]:
    """Write the template's files with those words in it; their names, as they are written."""
    for source, path in _template(files("toolwire.cli") / TEMPLATE, PurePosixPath()):
        text = source.read_text(encoding="utf-8")
        for placeholder, word in words.items():
            text = text.replace(placeholder, word)
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        yield str(path)


def toolwire_from() -> str:
    """What the project's pyproject.toml says behind `toolwire[…]`: this version or, unpublished, where it is.

    A direct reference of PEP 508, made from what the installer recorded by PEP 610.
    """
    recorded = distribution("toolwire").read_text("direct_url.json")
    if recorded is None:
        return f">={version('toolwire')}"
    origin = json.loads(recorded)
    repository = origin.get("vcs_info")
    if repository is None:
        return f" @ {origin['url']}"
    return f" @ {repository['vcs']}+{origin['url']}@{repository['commit_id']}"


def _template(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[Traversable, PurePosixPath]]:
    """The template's files, and where each belongs in a project."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _template(entry, path / entry.name)
        elif entry.name.endswith(SUFFIX):
            name = entry.name.removesuffix(SUFFIX)
            yield entry, path / (f".{name.removeprefix(HIDDEN)}" if name.startswith(HIDDEN) else name)


def _check_free(place: Path) -> None:
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists():
        what = "is not empty" if place.is_dir() else "is a file"
        raise UsageError(f"{place} {what}: nothing was written. Name another folder with --folder")
