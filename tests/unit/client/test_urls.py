"""Of a URL that holds a password nothing is shown that could be a piece of it."""

import pytest

from toolwire.client.urls import is_whole, without_password

CUT = [
    "amqp://u:s3/cret@host/",
    "amqp://u:12/cret@host/",
    "amqp://u:s3#cret@host/",
    "amqp://u:s3?cret@host/",
    "amqp://u:12?cret@host/",
    "amqp://u:s3cret",
    "amqp://u:s3cret@[host",
    "amqp://u:s3cret@host:port/",
    "amqp://u:s3\\cret@host/",
    "amqp://u:s3/cr@et/pw@host/",
]


@pytest.mark.parametrize("url", CUT)
def test_what_a_password_cuts_into_pieces_is_not_whole(url: str) -> None:
    assert not is_whole(url)


@pytest.mark.parametrize("url", CUT)
def test_no_piece_of_a_password_is_shown(url: str) -> None:
    shown = without_password(url)
    assert not [piece for piece in ("s3", "cret", "12", "et/pw") if piece in shown]
    assert shown in {"amqp://host/", "amqp://… (unreadable)"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://u:s3%2Fcr%23et@host/", "amqp://host/"),
        ("amqp://u:s3@cret@host:5672/tools", "amqp://host:5672/tools"),
        ("amqps://u:pä@[::1]:5671/%2Fa?heartbeat=5&cafile=ca.pem", "amqps://[::1]:5671/%2Fa"),
        ("amqp://localhost", "amqp://localhost"),
        ("postgresql+psycopg://u:p@host/base", "postgresql+psycopg://host/base"),
        ("sqlite:////srv/a@b/store.sqlite3?mode=ro", "sqlite:////srv/a@b/store.sqlite3"),
    ],
)
def test_the_place_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
    if not url.startswith("sqlite"):
        assert is_whole(url)
