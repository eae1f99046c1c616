"""What somebody asks for is what they get, or a sentence that says why not; nothing else is tried instead."""

import gc
import socket
import sys

import pytest

from toolwire.testing.find_database import NoDatabase, find_postgres


def test_a_kind_that_does_not_exist_is_named() -> None:
    with pytest.raises(NoDatabase, match="'docker'; it may be one of url, container, cluster"):
        find_postgres({"TOOLWIRE_TEST_POSTGRES": "docker"})


def test_the_url_must_be_set_where_it_is_asked_for() -> None:
    with pytest.raises(NoDatabase, match="TOOLWIRE_TEST_POSTGRES_URL is not set"):
        find_postgres({"TOOLWIRE_TEST_POSTGRES": "url"})


def test_who_does_not_answer_is_named_without_the_password() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        port = nobody.getsockname()[1]
        with pytest.raises(NoDatabase, match=r"no PostgreSQL at 127\.0\.0\.1 lets us in") as refusal:
            find_postgres({"TOOLWIRE_TEST_POSTGRES_URL": f"postgresql://me:secret@127.0.0.1:{port}/base"})
    assert "secret" not in str(refusal.value)


def test_what_is_no_url_is_said_without_repeating_it() -> None:
    with pytest.raises(NoDatabase, match="TOOLWIRE_TEST_POSTGRES_URL") as refusal:
        find_postgres({"TOOLWIRE_TEST_POSTGRES_URL": "password=secret nonsense"})
    assert "secret" not in str(refusal.value)


def test_without_the_packages_for_containers_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    monkeypatch.delitem(sys.modules, "toolwire.testing.containers", raising=False)
    with pytest.raises(NoDatabase, match=r"containers need docker: pip install 'toolwire\[testing\]'"):
        find_postgres({"TOOLWIRE_TEST_POSTGRES": "container"})


def test_an_engine_that_is_not_there_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(NoDatabase, match="no Docker engine answers"):
        find_postgres({"TOOLWIRE_TEST_POSTGRES": "container"})
    gc.collect()  # what it left open would be a warning, and an error here
