"""Settings come from arguments, the environment and two files, in this order."""

from pathlib import Path

import pytest

from toolwire.client.settings import DEFAULT_TIMEOUT_S, Settings, read_settings
from toolwire.contracts.errors import ConfigurationError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.delenv("TOOLWIRE_HOME")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "toolwire.toml").write_text(text)


def test_nothing_is_needed_but_a_broker() -> None:
    settings = read_settings(Settings)
    assert (settings.home, settings.timeout) == (Path(".toolwire"), DEFAULT_TIMEOUT_S)
    assert (settings.server, settings.client) == (None, None)
    with pytest.raises(ConfigurationError, match=r"TOOLWIRE_BROKER_URL.*\.toolwire/toolwire\.toml"):
        settings.broker_urls()


def test_each_source_goes_before_the_next(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here / ".toolwire", 'client = "home"\nserver = "home"\ntimeout = 1')
    assert read_settings(Settings).client == "home"
    write(here, 'client = "folder"\nserver = "folder"')
    assert read_settings(Settings).client == "folder"
    monkeypatch.setenv("TOOLWIRE_CLIENT", "environment")
    assert read_settings(Settings).client == "environment"
    settings = read_settings(Settings, client="argument", server=None)
    assert (settings.client, settings.server, settings.timeout) == ("argument", "folder", 1)


@pytest.mark.parametrize("named_by", ["argument", "environment", "file"])
def test_the_last_file_is_found_where_the_others_say(
    here: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    write(here / "elsewhere", 'client = "me"')
    if named_by == "environment":
        monkeypatch.setenv("TOOLWIRE_HOME", "elsewhere")
    if named_by == "file":
        write(here, 'home = "elsewhere"')
    assert read_settings(Settings, home="elsewhere" if named_by == "argument" else None).client == "me"


@pytest.mark.parametrize(
    "given", ["amqp://a:1/, amqps://b:2/", ["amqp://a:1/", "amqps://b:2/"], ("amqp://a:1/", "amqps://b:2/")]
)
def test_brokers_are_a_list_or_one_text_with_commas(given: object) -> None:
    assert read_settings(Settings, broker_url=given).broker_urls() == ("amqp://a:1/", "amqps://b:2/")


def test_brokers_in_a_file_and_in_the_environment(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, 'broker_url = ["amqp://a/", "amqp://b/"]')
    assert read_settings(Settings).broker_urls() == ("amqp://a/", "amqp://b/")
    monkeypatch.setenv("TOOLWIRE_BROKER_URL", "amqp://c/,amqp://d/")
    assert read_settings(Settings).broker_urls() == ("amqp://c/", "amqp://d/")


def test_what_another_program_reads_from_the_file_is_left_to_it(here: Path) -> None:
    write(here, 'client = "me"\nconcurrency = 4')
    assert read_settings(Settings).client == "me"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("broker_url", "http://user:secret@host/"),
        ("timeout", "-1"),
        ("timeout", "inf"),
        ("client", "no spaces"),
    ],
)
def test_a_wrong_setting_is_told_by_name_and_not_by_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TOOLWIRE_{name.upper()}", value)
    with pytest.raises(ConfigurationError, match=f"'{name}'.*TOOLWIRE_{name.upper()}") as caught:
        read_settings(Settings)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["amqp://u:s3/cret@host/", "amqp://u:s3#cret@host/", "amqp://u:s3cret@[host", "amqp://u:12/cret@host/"],
)
def test_a_broker_url_whose_password_has_to_be_quoted_is_told_without_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="percent-encode the password") as caught:
        read_settings(Settings, broker_url=url)
    assert "s3" not in str(caught.value)
    assert "cret" not in str(caught.value)


def test_a_setting_is_told_in_words_of_toml(here: Path) -> None:
    with pytest.raises(ConfigurationError, match="is wrong: a broker URL begins with amqp:// or amqps://"):
        read_settings(Settings, broker_url="http://host/")
    write(here, "broker_url = 1")
    with pytest.raises(ConfigurationError, match="'broker_url' is wrong: Input should be a list"):
        read_settings(Settings)


@pytest.mark.parametrize("folder", [".", "elsewhere"])
def test_the_file_that_cannot_be_read_is_named(here: Path, folder: str) -> None:
    write(here / folder, "client = ")
    with pytest.raises(ConfigurationError) as caught:
        read_settings(Settings, home="elsewhere")
    assert str(caught.value).startswith(f"{Path(folder) / 'toolwire.toml'} cannot be read: ")


def test_a_file_that_may_not_be_read_is_named(here: Path) -> None:
    (here / "toolwire.toml").write_bytes(b"client = '\xff'")
    with pytest.raises(ConfigurationError, match=r"^toolwire\.toml cannot be read: .*utf-8"):
        read_settings(Settings)


def test_a_file_that_is_not_toml_is_told(here: Path) -> None:
    write(here, "client = ")
    with pytest.raises(ConfigurationError, match=r"toolwire\.toml"):
        read_settings(Settings)
