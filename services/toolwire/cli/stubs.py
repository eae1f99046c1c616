"""`stubs`: a server's signed catalogue as a Python module of typed declarations."""

from pathlib import Path

from toolwire.cli import exits
from toolwire.cli.asking import Asking
from toolwire.cli.declarations.module import MARK, write_module
from toolwire.cli.output import print_json, print_line, print_note
from toolwire.contracts.errors import UsageError


async def stubs(asking: Asking, file: Path | None, *, check: bool) -> int:
    """Print the module, write it to `file` or, with `check`, say whether it stands there already."""
    if check and file is None:
        raise UsageError("--check compares with a file: name it with --output FILE")
    before = None if file is None else _read(file)
    async with asking.open() as client:
        server_id = (await client.server_identity()).server_id
        module = write_module(server_id, await client.list_tools())
    if file is None:
        if asking.json:
            print_json({"server_id": server_id, "module": module})
        else:
            print_line(module.removesuffix("\n"))
        return exits.OK
    current = module == before
    if not (check or current):
        _write(file, module)
    _tell(asking, file, server_id, current=current, check=check)
    return exits.FAILED if check and not current else exits.OK


def _read(file: Path) -> str | None:
    """What stands in a module that was written before; None where there is none.

    `UsageError` where somebody else wrote it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    if not text.startswith(MARK):
        raise UsageError(f"`toolwire stubs` did not write {file}, and leaves it alone: name another file")
    return text


def _write(file: Path, module: str) -> None:
    try:
        file.write_text(module, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error}") from error


def _tell(asking: Asking, file: Path, server_id: str, *, current: bool, check: bool) -> None:
    if asking.json:
        written = not (check or current)
        print_json({"server_id": server_id, "file": str(file), "current": current, "written": written})
    elif current:
        print_note(f"{file} is what {server_id} declares")
    elif check:
        print_note(f"{file} is not what {server_id} declares: write it again without --check")
    else:
        print_note(f"{file} written")
