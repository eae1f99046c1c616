"""Servers in containers: whether this machine can run one, and running RabbitMQ or PostgreSQL.

testcontainers' own modules are not used: they import packages of their own, pika for one. Its
`DockerContainer` is, with a readiness check of our own.
"""

from __future__ import annotations

import gc
import os
import secrets
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import docker
from docker.errors import DockerException, ImageNotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from toolwire.broker.greeting import broker_version
from toolwire.broker.management import Management
from toolwire.broker.node_settings import erlang_arguments

AMQP, MANAGEMENT, POSTGRES = 5672, 15672, 5432  # the ports inside the containers
DEFAULT_IMAGE = "rabbitmq:4-management"
POSTGRES_IMAGE = "postgres:17"
ENGINE_ANSWERS_WITHIN = 2  # seconds
PULL_WITHIN = 300.0  # seconds: the images are about 100 MB
READY_WITHIN = 90.0  # seconds: a cold start of RabbitMQ on two busy cores takes up to thirty

T = TypeVar("T")


class ContainerUnavailable(Exception):
    """No such container can run, or it did not become ready; the message says why."""


@dataclass(frozen=True, slots=True)
class ContainerBroker:
    """A RabbitMQ that runs in a container of ours."""

    url: str
    management_url: str

    @classmethod
    def at(cls, host: str, amqp: int, management: int) -> Self:
        """Make both URLs, with the name and password that the image begins with."""
        return cls(f"amqp://guest:guest@{host}:{amqp}/", f"http://guest:guest@{host}:{management}")


def image_name() -> str:
    """Name the image to run: TOOLWIRE_TEST_IMAGE, or the current RabbitMQ with its management API."""
    return os.environ.get("TOOLWIRE_TEST_IMAGE") or DEFAULT_IMAGE


def prepare_image(image: str) -> None:
    """See to it that a Docker engine answers and has `image`, pulling it where it is not there.

    Raises ContainerUnavailable.
    """
    with _engine() as engine:
        try:
            engine.images.get(image)
        except ImageNotFound:
            _pull(engine, image)


@contextmanager
def container_broker(image: str, server: Mapping[str, int] | None = None) -> Generator[ContainerBroker]:
    """Run RabbitMQ in a container until the block ends.

    `server`: settings of the server by their Erlang names, such as `consumer_timeout` in milliseconds. Raises
    ContainerUnavailable when it is not ready within READY_WITHIN seconds.
    """
    container = DockerContainer(image)
    if server:
        container.with_env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang_arguments(server).strip())
    with _serving(container, (AMQP, MANAGEMENT), _broker_at) as broker:
        yield broker


@contextmanager
def container_postgres(
    is_ready: Callable[[str], object], settings: Mapping[str, str], image: str = POSTGRES_IMAGE
) -> Generator[str]:
    """Run PostgreSQL in a container until the block ends; give the URL of its superuser's database.

    `is_ready` is asked, with the URL, until it says so; `settings` go onto its command line. Raises
    ContainerUnavailable when it is not ready within READY_WITHIN seconds.
    """
    password = secrets.token_urlsafe(18)
    container = DockerContainer(image).with_envs(POSTGRES_USER="toolwire", POSTGRES_PASSWORD=password)
    container.with_command(["postgres", *(f"-c{name}={value}" for name, value in settings.items())])

    def url_at(host: str, port: int) -> str | None:
        url = f"postgresql://toolwire:{password}@{host}:{port}/toolwire"
        return url if is_ready(url) else None

    with _serving(container, (POSTGRES,), url_at) as url:
        yield url


@contextmanager
def _serving(container: DockerContainer, ports: Sequence[int], at: Callable[..., T | None]) -> Generator[T]:
    """Run a container until the block ends; give what `at` says of it, once it is more than None.

    `at` is given a host, and the numbers that `ports` have there.
    """
    prepare_image(container.image)
    if not _reaper_can_run():
        # The reaper is a second image, which removes what a killed run leaves. Tests pass without it.
        testcontainers_config.ryuk_disabled = True
    container.with_exposed_ports(*ports)
    if _is_local(container):
        for port in ports:  # under free numbers of the loopback interface alone
            container.ports[str(port)] = ("127.0.0.1", 0)  # type: ignore[assignment]  # as create() takes it
    with container:
        yield _when_ready(container, ports, at)


def _engine() -> closing[docker.DockerClient]:
    with suppress(DockerException, OSError):
        engine = DockerClient(timeout=ENGINE_ANSWERS_WITHIN).client
        engine.ping()
        return closing(engine)
    # docker leaves the socket open that led nowhere. Collected now, it fails no test of somebody's later on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    raise ContainerUnavailable(f"no Docker engine answers within {ENGINE_ANSWERS_WITHIN} s")


def _pull(engine: docker.DockerClient, image: str) -> None:
    """Pull `image`, for as long as PULL_WITHIN allows; the layers that arrived are kept for the next try."""
    until = time.monotonic() + PULL_WITHIN
    api: Any = engine.api  # what its pull yields has no type
    api.timeout = 60  # seconds of silence: a registry may think longer than a local engine
    try:
        for news in api.pull(image, stream=True, decode=True):
            if "error" in news:
                raise ContainerUnavailable(f"the image {image} cannot be pulled: {news['error']}")
            if time.monotonic() > until:
                raise ContainerUnavailable(f"the image {image} was not pulled within {PULL_WITHIN:.0f} s")
    except (DockerException, OSError) as error:
        raise ContainerUnavailable(f"the image {image} is not here and cannot be pulled: {error}") from error


def _reaper_can_run() -> bool:
    if testcontainers_config.ryuk_disabled:
        return False
    with suppress(ContainerUnavailable):
        prepare_image(testcontainers_config.ryuk_image)
        return True
    return False


def _is_local(container: DockerContainer) -> bool:
    return container.get_docker_client().host() == "localhost"


def _when_ready(container: DockerContainer, ports: Sequence[int], at: Callable[..., T | None]) -> T:
    until = time.monotonic() + READY_WITHIN
    addresses = _addresses(container, ports)
    while True:
        for host, *numbers in addresses:
            if (ready := at(host, *numbers)) is not None:
                return ready
        container.reload()
        if container.status != "running" or time.monotonic() > until:
            logs = b"\n".join(container.get_logs()).decode("utf-8", "replace").strip().splitlines()
            last = "\n".join(logs[-5:])
            raise ContainerUnavailable(f"{container.image} did not become ready; its last lines:\n{last}")
        time.sleep(0.1)


def _addresses(container: DockerContainer, ports: Sequence[int]) -> list[tuple[str, *tuple[int, ...]]]:
    """List where the server may be reached: a host, and the numbers of its ports there.

    Who runs in a container beside it, with the engine's socket mounted, has another loopback interface and
    reaches it by its address in the engine's network.
    """
    client = container.get_docker_client()
    published = [container.get_exposed_port(port) for port in ports]
    if not _is_local(container):
        return [(client.host(), *published)]
    return [("127.0.0.1", *published), (client.bridge_ip(container.get_container_id()), *ports)]


def _broker_at(host: str, amqp: int, management: int) -> ContainerBroker | None:
    broker = ContainerBroker.at(host, amqp, management)
    try:
        broker_version(broker.url)
    except OSError:
        return None
    return broker if Management(broker.management_url).may_administer() else None
