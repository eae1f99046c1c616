"""What a replica can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolwire.client.home import Home
from toolwire.client.settings import read_settings
from toolwire.contracts.errors import ConfigurationError
from toolwire.services import ServiceSettings


def test_the_store_is_a_file_in_the_home_where_nothing_else_is_said(tmp_path: Path) -> None:
    settings = read_settings(ServiceSettings, home=tmp_path)
    assert settings.store_url() == f"sqlite:///{Home(tmp_path).store_file}"


def test_a_relative_home_gives_an_absolute_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings(ServiceSettings, home="here")
    assert settings.store_url() == f"sqlite:///{tmp_path}/here/store.sqlite3"


def test_the_store_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWIRE_STORE", "sqlite:////elsewhere/store")
    assert read_settings(ServiceSettings).store_url() == "sqlite:////elsewhere/store"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3/cret@host/base",
        "postgresql://u:s3#cret@host/",
        "postgresql://u:s3@cret@host/base",
        "no url",
        "postgresql://u:12?cret@host/",
    ],
)
def test_a_store_url_that_cannot_be_read_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"'store'.*percent-encode the password") as caught:
        read_settings(ServiceSettings, store=url)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("places", 0),
        ("job_slots", 0),
        ("lease_s", 0),
        ("lease_s", "inf"),
        ("grace_s", -1),
        ("result_ttl_s", "nan"),
    ],
)
def test_what_cannot_work_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"the setting '{name}' is wrong"):
        read_settings(ServiceSettings, **{name: value})
