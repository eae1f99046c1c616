"""What can be said of the container files without an engine; `make containers` tries them for real."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "services" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
KEYS = (ROOT / "services" / "compose-keys.sh").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def last_stage() -> str:
    return DOCKERFILE.rpartition("\nFROM ")[2]


def test_the_image_runs_as_a_user_of_its_own() -> None:
    users = re.findall(r"^USER (\S+)$", last_stage(), re.MULTILINE)
    assert users == ["toolwire"]
    assert "useradd --uid 10001" in last_stage()


def test_signals_reach_the_replica() -> None:
    """The exec form: through a shell SIGTERM would end nothing, or everything at once."""
    for word in ("ENTRYPOINT", "CMD"):
        assert re.search(rf'^{word} \["toolwire"|^{word} \["serve"', last_stage(), re.MULTILINE), word


def test_the_extras_that_are_installed_exist() -> None:
    (extras,) = re.findall(r"\.whl\)\[([a-z,]+)\]", DOCKERFILE)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert "postgres" in extras.split(",")


def test_what_is_sent_to_the_engine_is_listed_one_by_one() -> None:
    """Everything is left out but what the wheel is made of: no key, store or history gets into a layer."""
    rules = [line for line in IGNORED if line and not line.startswith("#")]
    assert rules[0] == "*"
    taken = {rule[1:] for rule in rules if rule.startswith("!")}
    assert taken == {"pyproject.toml", "README.md", "LICENSE"} | {
        f"{root}/toolwire" for root in ("contracts", "broker", "services")
    }
    assert "**/.toolwire" in rules


def test_ports_are_published_on_the_loopback_interface_alone() -> None:
    published = re.findall(r'^\s+- "([^"]*:\d+)"$', COMPOSE, re.MULTILINE)
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("text", [DOCKERFILE, COMPOSE], ids=["Dockerfile", "docker-compose.yml"])
def test_no_secret_is_written_down(text: str) -> None:
    assert not re.findall(r"amqps?://[^\s:]+:[^\s@]+@", text)
    assert not re.findall(r"(?i)(?:pass|password|secret|cookie)[ \t]*[:=][ \t]*['\"]?[A-Za-z0-9]{4,}", text)


def test_the_replicas_read_the_stores_url_from_a_file() -> None:
    """With its password it has no place in an environment, which `docker inspect` shows."""
    assert "store='postgresql://" in KEYS.replace('"', "'")
    assert "TOOLWIRE_STORE" not in COMPOSE + DOCKERFILE


def test_the_keys_are_those_of_the_demo_service() -> None:
    from toolwire.services.demo import SERVER_ID

    assert f"server={SERVER_ID} " in KEYS
