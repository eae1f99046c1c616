"""The tests of the image and of docker-compose.yml: minutes long, they run only where they are named.

make containers
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.compose import IMAGE, Compose, build_image, need_an_engine, running

HERE = Path(__file__).parent
TIMEOUT_S = 900  # for each test, with its fixtures: the first one builds the image


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these tests out unless the command line names their folder or one of them."""
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    for item in ours:
        item.add_marker(pytest.mark.timeout(TIMEOUT_S))
    named = (Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args)
    if not any(path.is_relative_to(HERE) for path in named):
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="session")
def engine() -> None:
    """There is a Docker engine."""
    need_an_engine()


@pytest.fixture(scope="module")
def image(engine: None) -> str:
    """The image as the files here make it; its name."""
    build_image()
    return IMAGE


@pytest.fixture(scope="module")
def system(engine: None) -> Iterator[Compose]:
    """One RabbitMQ and two replicas."""
    with running() as compose:
        yield compose


@pytest.fixture(scope="module")
def cluster(engine: None) -> Iterator[Compose]:
    """Three RabbitMQ nodes and two replicas."""
    with running("cluster") as compose:
        yield compose
