"""A PostgreSQL that writes to the disk as it would anywhere else, and can be killed and started again."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from toolwire.testing.postgres_cluster import installed_postgres

START_S = 60.0
SPARE_USER = "postgres"
"""Runs it where this program is root, as whom PostgreSQL refuses to run."""


class Database:
    """One server in a temporary folder, with the settings that PostgreSQL comes with."""

    def __init__(self, port: int) -> None:
        programs = installed_postgres()
        if programs is None:
            raise SystemExit("no PostgreSQL server is installed: install the package postgresql")
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="toolwire-chaos-"))
        self._password = secrets.token_urlsafe(18)
        self._port = port
        self._user = SPARE_USER if os.geteuid() == 0 else None

    def __enter__(self) -> Self:
        password = self._folder / "password"
        password.write_text(self._password)
        if self._user is not None:
            for path in (self._folder, password):
                os.chown(path, pwd.getpwnam(self._user).pw_uid, -1)
        initdb = ("initdb", "--pgdata=data", "--encoding=UTF8", "--locale=C", "--username=toolwire")
        self._run(*initdb, f"--pwfile={password}", "--auth=scram-sha-256").wait()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """The URL of its superuser's database."""
        return f"postgresql://toolwire:{self._password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        until = time.monotonic() + START_S
        while True:
            self._server = self._run(
                *("postgres", "-D", "data", "-p", str(self._port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            )
            # What is left of a killed one keeps its shared memory for a moment: it is tried again then.
            while self._server.poll() is None:
                if self._answers():
                    return
                time.sleep(0.05)
            if time.monotonic() > until:
                raise SystemExit(f"PostgreSQL did not start; {self._folder}/log says why")

    def kill(self) -> None:
        """End it without a warning (SIGKILL); its data stays."""
        self._server.kill()
        self._server.wait()

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """The rows that answer a query."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return list(connection.execute(query.encode()))

    def _answers(self) -> bool:
        return _succeeds(lambda: self.ask("SELECT 1"))

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else (),
                start_new_session=True,
            )


def _succeeds(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except psycopg.OperationalError:
        return False
    return True
