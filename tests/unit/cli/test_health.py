"""`toolwire health`: what a container's health check sees."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from toolwire.cli import exits
from toolwire.cli.commands import app
from toolwire.cli.running import exit_code_of
from toolwire.services.telemetry.address import http_address
from toolwire.services.telemetry.server import HttpServer, Page

READY = b'{"ok": true, "replica": "r-1", "checks": {"store": {"ok": true}}}'
AWAY = b'{"ok": false, "replica": "r-1", "checks": {"store": {"ok": false, "detail": "the store is away"}}}'


@contextmanager
def served(status: int, body: bytes) -> Generator[tuple[str, list[str]]]:
    """A replica that answers that; where it is, and the paths that it was asked for."""
    asked: list[str] = []

    def answer(path: str, _accept: str) -> Page:
        asked.append(path)
        return Page(status, "application/json", body)

    with HttpServer(http_address("127.0.0.1:0"), answer) as server:
        yield str(server.address), asked


def test_a_ready_replica_is_told_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    with served(200, READY) as (address, asked):
        assert exit_code_of(app, ["health", f"http://{address}"]) == exits.OK
        assert exit_code_of(app, ["health", f"http://{address}/healthz"]) == exits.OK
    assert asked == ["/readyz", "/healthz"]
    assert capsys.readouterr().out == "ok\nok\n"


def test_what_is_wrong_is_told_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with served(503, AWAY) as (address, _):
        assert exit_code_of(app, ["health", f"http://{address}"]) == exits.FAILED
        assert capsys.readouterr().out == "not ready: store: the store is away\n"
        assert exit_code_of(app, ["health", f"http://{address}", "--json"]) == exits.FAILED
        assert json.loads(capsys.readouterr().out)["checks"]["store"]["detail"] == "the store is away"


def test_a_page_of_something_else_is_not_ready(capsys: pytest.CaptureFixture[str]) -> None:
    with served(404, b"<html>") as (address, _):
        assert exit_code_of(app, ["health", f"http://{address}/readyz"]) == exits.FAILED
    assert capsys.readouterr().out == "not ready: http: status 404\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])  # noqa: S104 - what a container's setting says
def test_the_setting_of_the_replica_is_known(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(200, READY) as (address, asked):
        monkeypatch.setenv("TOOLWIRE_HTTP", f"{host}:{http_address(address).port}")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert exit_code_of(app, ["health"]) == exits.OK
    assert asked == ["/readyz"]


def test_a_replica_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with served(200, READY) as (address, _):
        pass
    assert exit_code_of(app, ["health", f"http://{address}"]) == exits.UNDELIVERED
    assert f"nothing answers at http://{address}/readyz" in capsys.readouterr().err


def test_without_an_address_it_says_where_to_put_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, ["health"]) == exits.CONFIGURATION
    assert "TOOLWIRE_HTTP" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9464", "file:///etc/passwd", "http://", "http://[bad", "http://host:port"]
)
def test_what_is_no_page_is_said(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, ["health", url]) == exits.USAGE
    assert "write http://HOST:PORT/readyz" in capsys.readouterr().err
