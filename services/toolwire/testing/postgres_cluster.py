"""A private PostgreSQL: on a free port of 127.0.0.1, in a folder of its own, gone when the block ends.

It runs an installed server without touching the system's clusters, and needs no root. As root
it runs as another user: PostgreSQL refuses to run as root.
"""

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian
    "/usr/pgsql-*/bin",  # Fedora, from postgresql.org
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_INSTEAD_OF_ROOT = ("postgres", "nobody")
_PORT_ATTEMPTS = 5
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_KEEPER = Path(__file__).with_name("postgres_keeper.py")


class ClusterError(Exception):
    """The private PostgreSQL could not be started. The text ends with its own last line."""


class _PortTaken(ClusterError):
    """Somebody took the port between our look and the server's start."""


def installed_postgres() -> Path | None:
    """The folder of the server's programs, if there is one: what is on PATH was chosen, else the newest."""
    on_path = shutil.which("initdb")
    chosen = [Path(on_path).resolve().parent] if on_path else []
    found = [folder for pattern in _USUAL_PLACES for folder in Path("/").glob(pattern.removeprefix("/"))]
    for folder in [*chosen, *sorted(found, key=_version_in, reverse=True)]:
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return folder
    return None


@contextmanager
def private_postgres(is_ready: Callable[[str], object], settings: Mapping[str, str]) -> Generator[str]:
    """Run one until the block ends; give the URL of its superuser's database.

    `is_ready` is asked, with the URL, until it says so; `settings` go onto its command line. Raises
    ClusterError where PostgreSQL is not installed or does not come up.
    """
    programs = installed_postgres()
    if programs is None:
        raise ClusterError("no PostgreSQL server is installed")
    folder = Path(tempfile.mkdtemp(prefix="toolwire-postgres-"))
    cluster = _Cluster(programs, folder, settings)
    try:
        cluster.make()
        yield cluster.start(is_ready)
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


class _Cluster:
    """The server in `folder`."""

    def __init__(self, programs: Path, folder: Path, settings: Mapping[str, str]) -> None:
        self._programs = programs
        self._folder = folder
        self._settings = settings
        self._log = folder / "log"
        self._password = secrets.token_urlsafe(18)
        self._keeper: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make its files, and a superuser with a password: all users of the machine reach the port."""
        password = self._folder / "password"
        password.write_text(self._password)
        if (user := _instead_of_root()) is not None:
            for each in (self._folder, password):
                os.chown(each, user.pw_uid, user.pw_gid)
        self._keeper = initdb = self._run(
            *(str(self._programs / "initdb"), "--pgdata=data", "--no-sync", "--encoding=UTF8", "--locale=C"),
            *("--username=toolwire", f"--pwfile={password}", "--auth=scram-sha-256"),
        )
        if initdb.wait(_START_SECONDS):
            raise self._failure("initdb failed")
        initdb.communicate()  # closes its input

    def start(self, is_ready: Callable[[str], object]) -> str:
        """Start it and wait until it answers; its URL."""
        for _ in range(_PORT_ATTEMPTS - 1):
            with suppress(_PortTaken):
                return self._launch(_free_port(), is_ready)
        return self._launch(_free_port(), is_ready)

    def stop(self) -> None:
        """End it at once: nobody wants its data any more."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.communicate(timeout=_STOP_SECONDS)  # closes its input, and waits

    def _launch(self, port: int, is_ready: Callable[[str], object]) -> str:
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self._settings}
        server = [str(self._programs / "postgres"), "-D", "data", "-p", str(port)]
        options = [f"-c{name}={value}" for name, value in settings.items()]
        self._keeper = keeper = self._run(*server, *options)
        url = f"postgresql://toolwire:{self._password}@127.0.0.1:{port}/postgres"
        until = time.monotonic() + _START_SECONDS
        while not is_ready(url):
            if keeper.poll() is not None or time.monotonic() > until:
                failure = self._failure("the private PostgreSQL did not start")
                self.stop()
                raise failure
            time.sleep(0.02)
        return url

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program in the folder, as the folder's owner, until somebody closes its input."""
        with self._log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - absolute paths that we looked up ourselves
                [sys.executable, "-I", _KEEPER, self._folder, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                # Without PGDATA and its like, and without a look through all time zones.
                env={"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"},
                start_new_session=True,  # what a terminal interrupts is not the server
            )

    def _failure(self, what: str) -> ClusterError:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        taken = any("could not bind" in line or "already in use" in line for line in lines)
        return (_PortTaken if taken else ClusterError)(f"{what}: {(lines or ['it said nothing'])[-1]}")


def _version_in(folder: Path) -> int:
    number = re.search(r"\d+", str(folder))
    return int(number[0]) if number else 0


def _instead_of_root() -> pwd.struct_passwd | None:
    """The user to run it as where this is root."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    for name in _INSTEAD_OF_ROOT:
        if name in known:
            return known[name]
    raise ClusterError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
