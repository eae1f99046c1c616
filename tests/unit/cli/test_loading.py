"""A service that cannot be loaded is told in a few lines, with the one that its author has to mend."""

from importlib import invalidate_caches
from pathlib import Path

import pytest

from toolwire.cli import exits
from toolwire.cli.commands import app
from toolwire.cli.loading import load_service
from toolwire.cli.running import exit_code_of
from toolwire.contracts.errors import ConfigurationError

IMPORT = "from toolwire.services import Service\n"


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where modules are looked for."""
    monkeypatch.chdir(tmp_path)


def written(folder: Path, name: str, source: str) -> Path:
    """A module that Python has to look for anew."""
    file = folder / f"{name}.py"
    file.write_text(source)
    invalidate_caches()
    return file


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            f"{IMPORT}service = Servce('x')\n",
            "{name} cannot be imported: NameError: name 'Servce' is not defined\n"
            "  File \"{file}\", line 2, in <module>\n    service = Servce('x')",
        ),
        (
            f"{IMPORT}service = Service('x')\n@service.tool()\nasync def add(a): ...\n",
            "{name} cannot be imported: tool function 'add': parameter 'a' needs a plain name and a type "
            "annotation; arguments travel by name and are validated by type\n"
            '  File "{file}", line 3, in <module>\n    @service.tool()',
        ),
        (
            "import no_such_thing\n",
            "{name} cannot be imported: ModuleNotFoundError: No module named 'no_such_thing'\n"
            '  File "{file}", line 1, in <module>\n    import no_such_thing',
        ),
    ],
    ids=["a typo", "a tool that cannot be", "a module that is missing"],
)
def test_the_users_own_line_is_shown(source: str, said: str, tmp_path: Path) -> None:
    name = f"loaded_{abs(hash(source))}"
    file = written(tmp_path, name, source)
    with pytest.raises(ConfigurationError) as raised:
        load_service(f"{name}:service")
    assert str(raised.value) == said.format(name=name, file=file)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("app.py:service", "app:service"),
        ("shop/app.py:service", "shop.app:service"),
        ("/srv/app.py:a.b", "app:a.b"),
    ],
)
def test_who_names_the_file_is_told_the_module(target: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"write {meant}$"):
        load_service(target)


def test_a_syntax_error_is_told_once(tmp_path: Path) -> None:
    written(tmp_path, "loaded_badly", "service = (\n")
    with pytest.raises(ConfigurationError) as raised:
        load_service("loaded_badly:service")
    assert str(raised.value).count("loaded_badly.py") == 1
    assert "'(' was never closed" in str(raised.value)


def test_serve_ends_with_3_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "loaded_broken", "1 / 0\n")
    assert exit_code_of(app, ["serve", "loaded_broken:service"]) == exits.CONFIGURATION
    said = capsys.readouterr().err
    assert said.startswith("error: loaded_broken cannot be imported: ZeroDivisionError: division by zero\n")
    assert "Traceback" not in said
