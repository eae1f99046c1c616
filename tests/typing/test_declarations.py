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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A written module twice: with right uses, and with a wrong one. A checker takes seconds to start."""
    catalogue = Catalogue(tools=tuple(spec.descriptor for spec in gallery.service.tools.values()))
    right = write_module(gallery.SERVER, catalogue) + USES
    (tmp_path / "right.py").write_text(right, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(right + WRONG, encoding="utf-8")
    return tmp_path


def test_mypy_is_satisfied_and_finds_what_is_wrong(folder: Path) -> None:
    said = run("mypy", "--strict", str(folder / "right.py"), str(folder / "wrong.py"))
    errors = [line for line in said.splitlines() if ": error:" in line]
    assert all("wrong.py:" in error for error in errors), said
    assert any("[arg-type]" in error for error in errors), said


def test_pyright_is_satisfied_and_finds_what_is_wrong(folder: Path) -> None:
    project = folder / "pyrightconfig.json"
    extra = [str(ROOT / name) for name in ("contracts", "broker", "services")]
    project.write_text(json.dumps({"typeCheckingMode": "strict", "extraPaths": extra}))
    said = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(project)))
    told = {(Path(each["file"]).name, each["rule"]) for each in said["generalDiagnostics"]}
    assert told == {("wrong.py", "reportArgumentType")}
    assert said["summary"]["filesAnalyzed"] == 2
