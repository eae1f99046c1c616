"""RabbitMQ in a container: whether this machine can run one, and running it.

testcontainers' own RabbitMQ module is not used: it imports pika. Its `DockerContainer` is, with a readiness
check of our own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import docker
from docker.errors import DockerException, ImageNotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from toolwire.broker.greeting import broker_version
from toolwire.broker.management import Management
from toolwire.broker.node_settings import erlang_arguments

AMQP, MANAGEMENT = 5672, 15672  # the ports inside the container
DEFAULT_IMAGE = "rabbitmq:4-management"
ENGINE_ANSWERS_WITHIN = 2  # seconds
PULL_WITHIN = 300.0  # seconds: the image is about 100 MB
READY_WITHIN = 90.0  # seconds: a cold start on two busy cores takes up to thirty


class ContainerUnavailable(Exception):
    """No container with RabbitMQ can run, or it did not become ready; the message says why."""


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
    prepare_image(image)
    if not _reaper_can_run():
        # The reaper is a second image, which removes what a killed run leaves. Tests pass without it.
        testcontainers_config.ryuk_disabled = True
    container = DockerContainer(image).with_exposed_ports(AMQP, MANAGEMENT)
    if server:
        container.with_env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang_arguments(server).strip())
    if _is_local(container):
        for port in (AMQP, MANAGEMENT):  # under free numbers of the loopback interface alone
            container.ports[str(port)] = ("127.0.0.1", 0)  # type: ignore[assignment]  # as create() takes it
    with container:
        yield _when_ready(container)


def _engine() -> closing[docker.DockerClient]:
    try:
        engine = DockerClient(timeout=ENGINE_ANSWERS_WITHIN).client
        engine.ping()
    except (DockerException, OSError) as error:
        raise ContainerUnavailable(f"no Docker engine answers within {ENGINE_ANSWERS_WITHIN} s") from error
    return closing(engine)


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


def _when_ready(container: DockerContainer) -> ContainerBroker:
    until = time.monotonic() + READY_WITHIN
    candidates = [ContainerBroker.at(*address) for address in _addresses(container)]
    while True:
        for broker in candidates:
            if _is_ready(broker):
                return broker
        container.reload()
        if container.status != "running" or time.monotonic() > until:
            logs = b"\n".join(container.get_logs()).decode("utf-8", "replace").strip().splitlines()
            last = "\n".join(logs[-5:])
            raise ContainerUnavailable(f"{container.image} did not become ready; its last lines:\n{last}")
        time.sleep(0.1)


def _addresses(container: DockerContainer) -> list[tuple[str, int, int]]:
    """List where the broker may be reached: host, port for AMQP, port for the management API.

    Who runs in a container beside it, with the engine's socket mounted, has another loopback interface and
    reaches it by its address in the engine's network.
    """
    client = container.get_docker_client()
    ports = container.get_exposed_port(AMQP), container.get_exposed_port(MANAGEMENT)
    if not _is_local(container):
        return [(client.host(), *ports)]
    return [("127.0.0.1", *ports), (client.bridge_ip(container.get_container_id()), AMQP, MANAGEMENT)]


def _is_ready(broker: ContainerBroker) -> bool:
    try:
        broker_version(broker.url)
    except OSError:
        return False
    return Management(broker.management_url).may_administer()
