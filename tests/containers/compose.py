"""docker-compose.yml as a person uses it, under a project name and on ports of the tests' own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = "toolwire-demo"
PORTS = ("TOOLWIRE_AMQP_PORT", "TOOLWIRE_AMQP_PORT_2", "TOOLWIRE_AMQP_PORT_3", "TOOLWIRE_MANAGEMENT_PORT")
PATIENCE_S = 120.0
UP_S = 600.0
"""The first start builds an image, and may have to pull others."""
LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Compose:
    """One run of docker-compose.yml."""

    project: str
    profiles: Sequence[str] = ()
    ports: dict[str, str] = field(default_factory=lambda: dict(zip(PORTS, free_ports(), strict=True)))

    def __call__(self, *words: str, timeout: float = PATIENCE_S) -> str:
        """Run `docker compose WORDS` and return what it printed; it has to end with 0."""
        profiles = [f"--profile={name}" for name in self.profiles]
        return output(
            "docker", "compose", f"--project-name={self.project}", *profiles, *words,
            timeout=timeout, environment=self.ports,
        )  # fmt: skip

    def up(self, *words: str) -> None:
        """Start what is not running, and wait until all of it is healthy."""
        self("up", "--wait", *words, timeout=UP_S)

    def toolwire(self, *words: str) -> Any:
        """The JSON that `docker compose run --rm toolwire WORDS --json` prints."""
        return json.loads(self("run", "--rm", "-T", "toolwire", *words, "--json"))

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, also of stopped ones."""
        return self("ps", "--all", "--quiet", service).split()

    def container(self, service: str) -> str:
        """The id of a service's one container."""
        (one,) = self.containers(service)
        return one

    def client_home(self, folder: Path) -> Path:
        """The client's home, copied to the host as the comment in docker-compose.yml says."""
        home = folder / "compose-client"
        self("cp", "keys:/homes/client/.toolwire/.", str(home))
        return home


@contextmanager
def running(*profiles: str) -> Generator[Compose]:
    """Everything of those profiles, started from nothing, and removed without a trace at the end."""
    compose = Compose(f"toolwire-test-{secrets.token_hex(4)}", profiles)
    try:
        compose.up()
        yield compose
    except BaseException:
        print(compose("logs", "--no-color", "--tail=30"))  # noqa: T201 - pytest shows it with the failure
        raise
    finally:
        compose("down", "--volumes", "--remove-orphans", "--timeout=1")


def build_image() -> None:
    """Have the image built, as `docker compose up` does."""
    output("docker", "compose", "build", "keys", timeout=UP_S)


def output(*command: str, timeout: float = PATIENCE_S, environment: dict[str, str] | None = None) -> str:
    """What a command printed; it has to end with 0."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    told = f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, told
    return done.stdout


def inspect(what: str) -> Any:
    """All that the engine knows of a container or an image."""
    return json.loads(output("docker", "inspect", what))[0]


def health(container: str) -> str:
    """What its health check found last: starting, healthy, unhealthy."""
    return str(inspect(container)["State"]["Health"]["Status"])


def eventually(check: Callable[[], object], what: str, within: float = PATIENCE_S) -> None:
    """Look until it is so."""
    until = time.monotonic() + within
    while not check():
        assert time.monotonic() < until, f"not within {within:g} s: {what}"
        time.sleep(LOOK_EVERY_S)


def need_an_engine() -> None:
    """End the whole run, with one line, where there is no Docker engine with compose."""
    for command in ("docker version", "docker compose version"):
        words = command.split()
        if not shutil.which("docker") or subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.exit(f"FAILED: these tests need a Docker engine with compose: `{command}` fails", 3)


def free_ports() -> list[str]:
    """Ports of 127.0.0.1 that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in PORTS]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in sockets]
