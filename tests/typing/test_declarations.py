"""What `toolwire stubs` writes satisfies the type checkers, and tells them what the tools take."""

import json
import sys
from pathlib import Path

import pytest

from tests import gallery
from tests.typing.test_uses import ROOT, run
from toolwire.cli.declarations.module import write_module
from toolwire.contracts.builtin import Catalogue

USES = """

from typing import assert_type

from toolwire.client import Client, Job


async def uses(client: Client) -> None:
    assert_type(await client.call(plant_tree_1, Tree(children=[Tree(kind=1)], pair=(1, "a"))), TreeResult)
    assert_type(await client.call(points, PointsArguments(at="a", copy_=2)), list[PointResult] | None)
    assert_type(await client.submit(class_, GrowArguments(steps=1)), Job[dict[str, int]])
    await client.call(ping)
"""
WRONG = "    await client.call(points, PointsArguments(at=1))\n"


@pytest.fixture(params=["right", "wrong"])
def module(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, bool]:
    """A written module with uses of it, and whether they are right."""
    catalogue = Catalogue(tools=tuple(spec.descriptor for spec in gallery.service.tools.values()))
    file = tmp_path / "declared.py"
    right = request.param == "right"
    text = write_module(gallery.SERVER, catalogue) + USES + ("" if right else WRONG)
    file.write_text(text, encoding="utf-8")
    return file, right


def test_mypy_is_satisfied(module: tuple[Path, bool]) -> None:
    file, right = module
    said = run("mypy", "--strict", str(file))
    assert ("Success" in said) == right, said
    assert right or "[arg-type]" in said


def test_pyright_is_satisfied(module: tuple[Path, bool]) -> None:
    file, right = module
    project = file.with_name("pyrightconfig.json")
    extra = [str(ROOT / name) for name in ("contracts", "broker", "services")]
    project.write_text(
        json.dumps({"include": [file.name], "typeCheckingMode": "strict", "extraPaths": extra})
    )
    said = run("pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(project))
    rules = {told["rule"] for told in json.loads(said)["generalDiagnostics"]}
    assert rules == (set() if right else {"reportArgumentType"})
