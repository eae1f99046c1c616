"""A private PostgreSQL leaves nothing behind, and says why it did not start. Its programs are stand-ins."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolwire.testing.postgres_cluster import ClusterError, installed_postgres, private_postgres

SOON_S = 20.0
INITDB = "#!/bin/sh\nmkdir data\n"
POSTGRES = "#!/bin/sh\necho $$ >$PLACE/pid\npwd >$PLACE/folder\nexec sleep 60\n"
KILLED = """
import os, signal
from toolwire.testing.postgres_cluster import private_postgres
with private_postgres(lambda url: os.path.getsize("{place}/folder"), {{}}):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on PATH where any user may read and write: as root the programs run as somebody else."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        for file in ("pid", "folder"):
            (folder / file).touch()
            (folder / file).chmod(0o666)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        provide(folder, "initdb", INITDB)
        provide(folder, "postgres", POSTGRES)
        yield folder


def provide(place: Path, name: str, script: str) -> None:
    program = place / name
    program.write_text(script.replace("$PLACE", str(place)), encoding="utf-8")
    program.chmod(0o755)


def written(place: Path, name: str) -> str:
    return (place / name).read_text(encoding="utf-8").strip()


def lives(pid: str) -> bool:
    """Whether there is such a process that is more than a zombie, which nobody may have collected yet."""
    asked = subprocess.run(["/bin/ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False)
    return bool(asked.stdout.strip()) and not asked.stdout.startswith("Z")


def eventually(check: Callable[[], bool]) -> None:
    until = time.monotonic() + SOON_S
    while not check():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_is_on_the_path_was_chosen(place: Path) -> None:
    assert installed_postgres() == place.resolve()
    (place / "postgres").unlink()
    assert installed_postgres() != place.resolve()


def test_it_ends_with_its_block_and_so_does_its_folder(place: Path) -> None:
    with private_postgres(lambda _: written(place, "folder"), {}) as url:
        assert url.startswith("postgresql://toolwire:")
        assert url.rpartition("@")[2].startswith("127.0.0.1:")
        pid, folder = written(place, "pid"), Path(written(place, "folder"))
        assert lives(pid)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not lives(pid)
    assert not folder.exists()


def test_it_does_not_outlive_a_program_that_is_killed(place: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED.format(place=place)], check=False)
    assert done.returncode == -9
    pid, folder = written(place, "pid"), Path(written(place, "folder"))
    eventually(lambda: not lives(pid))
    eventually(lambda: not folder.exists())


def test_what_initdb_says_is_told(place: Path) -> None:
    provide(place, "initdb", "#!/bin/sh\necho 'no room on the disk'; exit 1\n")
    with pytest.raises(ClusterError, match="initdb failed: no room on the disk"), private_postgres(bool, {}):
        pass


def test_a_server_that_ends_at_its_start_is_not_waited_for(place: Path) -> None:
    provide(place, "postgres", "#!/bin/sh\necho 'FATAL: unknown setting'; exit 1\n")
    never = private_postgres(lambda _: False, {})
    with pytest.raises(ClusterError, match="did not start: FATAL: unknown setting"), never:
        pass


def test_a_port_that_somebody_took_is_no_reason_to_give_up(place: Path) -> None:
    busy_once = 'if [ -d data/again ]; then exec "$PLACE/second"; fi\nmkdir data/again\n'
    shutil.move(place / "postgres", place / "second")
    provide(place, "postgres", f"#!/bin/sh\n{busy_once}echo 'could not bind to the port'; exit 1\n")
    with private_postgres(lambda _: written(place, "folder"), {}):
        assert lives(written(place, "pid"))
