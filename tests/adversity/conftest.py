"""The stage of the end-to-end tests, and the stores that they go through on."""

import pytest

from tests.stage import Stage, stage

__all__ = ["stage", "store_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, stage: Stage) -> str:
    """A store for the stage, on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{stage.home.store_file}"
    url: str = request.getfixturevalue("postgres_url")
    return url
