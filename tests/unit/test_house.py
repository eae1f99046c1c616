"""The rules that no linter knows: where packages stand, how long files may be, what an import costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = [ROOT / name for name in ("contracts", "broker", "services")]
PACKAGES = sorted({file.parent for root in SOURCE_ROOTS for file in root.glob("toolwire/*/*.py")})
SOURCES = sorted(file for root in SOURCE_ROOTS for file in root.rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
ALL_PYTHON = [*SOURCES, *BENCHMARKS, *sorted((ROOT / "tests").rglob("*.py"))]

LONGEST_FILE = 400  # lines
IMPORT_WITHIN = 0.3  # seconds of processor time, for toolwire.client
NOT_FOR_CLIENTS = {"sqlalchemy", "typer", "rich", "testcontainers"}


def in_repository(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_root_hides_the_others() -> None:
    """`toolwire` is a namespace that three folders share: an `__init__.py` in one hides the other two."""
    assert [root.name for root in SOURCE_ROOTS if (root / "toolwire" / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", PACKAGES, ids=in_repository)
def test_every_package_is_typed(package: Path) -> None:
    assert (package / "__init__.py").exists()
    assert (package / "py.typed").exists()


@pytest.mark.parametrize("file", ALL_PYTHON, ids=in_repository)
def test_nothing_is_imported_by_its_folder(file: Path) -> None:
    """`contracts.toolwire.contracts` would be a second, unequal copy of every class."""
    folders = {root.name for root in SOURCE_ROOTS}
    modules: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules.append(node.module or "")
    assert [module for module in modules if module.partition(".")[0] in folders] == []


@pytest.mark.parametrize("file", [*SOURCES, *BENCHMARKS], ids=in_repository)
def test_files_stay_short(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{lines} lines: it does more than one thing by now"


def test_bootstrap_starts_on_old_pythons() -> None:
    """It must get as far as to look for a newer Python, or to say that there is none."""
    ast.parse((ROOT / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_the_client_is_imported_soon() -> None:
    """Best of five, and in processor time, so that what else the machine is doing does not decide."""
    assert min(seconds_to_import("toolwire.client") for _ in range(5)) < IMPORT_WITHIN


def seconds_to_import(module: str) -> float:
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    return float(fresh_interpreter(code))


def test_the_client_does_not_load_what_servers_need() -> None:
    loaded = fresh_interpreter("import sys, toolwire.client; print(*sys.modules)")
    assert {name.partition(".")[0] for name in loaded.split()} & NOT_FOR_CLIENTS == set()


def test_a_missing_extra_is_named() -> None:
    """Whoever installed only the client is told what to install, not which module is missing."""
    code = "import sys; sys.modules['sqlalchemy'] = None; import toolwire.services"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "pip install 'toolwire[service]'" in ended.stderr.splitlines()[-1]


def fresh_interpreter(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
