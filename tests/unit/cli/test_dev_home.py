"""What `toolwire dev` writes into its home."""

import logging
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolwire.broker.node import PrivateNode
from toolwire.cli import dev
from toolwire.cli.dev_home import CLIENT_ID, alone_in, forget_broker, prepare_home, write_settings
from toolwire.cli.logs import Level, LogFormat
from toolwire.client.home import Home
from toolwire.client.settings import Settings, read_settings
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.keys import HmacKey

URL = "amqp://toolwire:secret@127.0.0.1:1/"


@pytest.fixture(scope="module", autouse=True)
def nothing_remains() -> Iterator[None]:
    """What runs after these tests finds the process as they found it."""

    def state() -> object:
        levels = [logging.getLogger(name).level for name in ("toolwire", "aiormq", "aio_pika")]
        return levels, signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)

    before = state()
    yield
    assert state() == before


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_home_has_a_client_with_two_kinds_of_keys_and_a_server(home: Home) -> None:
    secret = prepare_home(home, "server-1")
    assert prepare_home(home, "server-1") == secret
    assert home.server_signer("server-1").kid
    assert home.client_signer(CLIENT_ID).kid != secret
    assert isinstance(home.client_signer(CLIENT_ID, secret, server_id="server-1"), HmacKey)


def test_other_commands_find_the_broker_while_dev_runs(home: Home) -> None:
    prepare_home(home, "server-1")
    write_settings(home, "server-1", URL)
    settings = read_settings(Settings, home=home.path)
    assert (settings.client, settings.server, settings.broker_url) == (CLIENT_ID, "server-1", (URL,))
    assert stat.S_IMODE(home.settings_file.stat().st_mode) == 0o600
    forget_broker(home)
    settings = read_settings(Settings, home=home.path)
    assert (settings.client, settings.server, settings.broker_url) == (CLIENT_ID, "server-1", ())


def test_what_a_person_wrote_stays(home: Home) -> None:
    prepare_home(home, "server-1")
    home.settings_file.write_text('# mine\nbroker_url = "amqp://elsewhere/"  # of the team\nlease_s = 9\n')
    forget_broker(home)
    write_settings(home, "server-1", URL)
    forget_broker(home)
    text = home.settings_file.read_text()
    assert text.startswith('# mine\nbroker_url = "amqp://elsewhere/"  # of the team\nlease_s = 9\n')


def develop(home: Home, broker: str | None) -> int:
    """`toolwire dev` with the demo service."""
    return dev.dev(
        "toolwire.services.demo:service",
        broker=broker,
        home=home.path,
        level=Level.ERROR,
        log_format=LogFormat.TEXT,
        reload=False,
    )


def test_without_rabbitmq_the_text_has_the_command(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setattr(PrivateNode, "installed", staticmethod(lambda: None))
    with pytest.raises(
        ConfigurationError, match=r"toolwire dev --broker amqp://guest:guest@127\.0\.0\.1:5672/"
    ):
        develop(home, None)


@pytest.mark.parametrize("broker", [None, "amqp://127.0.0.1:2/"])
def test_a_second_dev_in_a_folder_leaves_the_first_ones_settings(home: Home, broker: str | None) -> None:
    with alone_in(home):
        prepare_home(home, "server-1")
        write_settings(home, "server-1", URL)
        before = home.settings_file.read_bytes(), home.registry_file.read_bytes()
        with pytest.raises(ConfigurationError, match="`toolwire dev` is already running in this folder; "):
            develop(home, broker)
        assert (home.settings_file.read_bytes(), home.registry_file.read_bytes()) == before
    with alone_in(home):
        """It is free again."""


def test_it_says_what_to_try(tmp_path: Path) -> None:
    from toolwire.services.demo import service

    lines = list(dev.what_to_try(service, tmp_path / "elsewhere", "client-001.2"))
    assert f"    export TOOLWIRE_HOME={tmp_path}/elsewhere" in lines
    assert "    toolwire call batch_sum numbers='[1, 2, 3]'" in lines
    assert """    toolwire submit --wait start_long_task seconds=5 payload='{"task": "demo"}'""" in lines
