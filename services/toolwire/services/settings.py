"""What a replica can be told, besides what client and service share."""

from typing import Annotated

from pydantic import AfterValidator, Field

from toolwire.client.home import Home
from toolwire.client.settings import Settings
from toolwire.client.urls import UNREADABLE, is_whole
from toolwire.services.telemetry.address import http_address

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _address(text: str) -> str:
    return str(http_address(text))


def _store(url: str) -> str:
    # The URL may hold a password, so that the complaint must not repeat it.
    # SQLAlchemy takes the first `@` for the password's end: a second one would be told as part of the host.
    if not url.startswith("sqlite:") and not ("://" in url and is_whole(url) and url.count("@") < 2):
        raise ValueError(UNREADABLE)
    return url


class ServiceSettings(Settings):
    """The settings of a replica. Each field is also `TOOLWIRE_<NAME>` and a key of toolwire.toml."""

    store: Annotated[str, AfterValidator(_store)] | None = None
    """Where records and jobs are kept, as an SQLAlchemy URL; a SQLite file in TOOLWIRE_HOME otherwise."""
    places: Annotated[int, Field(ge=1)] = 32
    """How many calls one replica runs at the same time."""
    job_slots: Annotated[int, Field(ge=1)] = 4
    """How many jobs one replica runs at the same time."""
    lease_s: Positive = 15.0
    """How long a lost replica's jobs wait before another one takes them over."""
    grace_s: Positive = 20.0
    """How long a stopping replica lets running tools finish before it hands them back."""
    result_ttl_s: Positive = 24 * 3600.0
    """How long results are kept after a request has ended."""

    http: Annotated[str, AfterValidator(_address)] | None = None
    """HOST:PORT where /healthz, /readyz and /metrics are answered; nowhere otherwise."""

    def store_url(self) -> str:
        """The store's URL."""
        return self.store or f"sqlite:///{Home(self.home).store_file}"
