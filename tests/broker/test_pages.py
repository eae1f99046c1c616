"""What README and tutorial show can be pasted and run, and prints what they say."""

from pathlib import Path

import pytest

from tests.pages import Source, Typed, do_what_it_says, steps
from toolwire.testing.brokers import Broker

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/tutorial.md")


@pytest.mark.timeout(120)  # a page is a dozen commands, each with a start of its own
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_right(
    name: str, broker: Broker, vhost_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLWIRE_LEASE_S", "1")  # a reader waits for fifteen seconds
    if broker.kind != "url":
        monkeypatch.setenv("TOOLWIRE_TEST_BROKER", broker.kind)  # of a page's own tests
    do_what_it_says(ROOT / name, tmp_path, vhost_url)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_files_and_commands(name: str) -> None:
    """Else the other test would be green for having found nothing."""
    found = list(steps((ROOT / name).read_text(encoding="utf-8")))
    assert sum(isinstance(step, Source) for step in found) >= 2
    assert sum(isinstance(step, Typed) for step in found) >= 1
