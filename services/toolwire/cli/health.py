"""`health`: asks a replica's own page. Imports no more than it needs: it is started every few seconds."""

from http.client import HTTPException
from pathlib import Path
from typing import Annotated
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from pydantic import BaseModel, Field, ValidationError

from toolwire.cli import exits
from toolwire.cli.output import print_json, print_line
from toolwire.client.settings import Settings, read_settings
from toolwire.client.urls import is_page
from toolwire.contracts.errors import ConfigurationError, Undelivered, UsageError

PATIENCE_S = 5.0
"""A replica that is stuck says so after two seconds."""
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what a service listens on, to be asked here
MOST_BYTES = 64 * 1024


class _Check(BaseModel):
    ok: bool
    detail: str = ""


class _Report(BaseModel):
    """What the pages of a replica say."""

    ok: bool
    replica: str = ""
    checks: dict[str, _Check]


class _Where(Settings):
    """The one setting of a service that matters here."""

    http: Annotated[str, Field(min_length=1)] | None = None


def health(url: str | None, *, home: Path | None, as_json: bool) -> int:
    """Ask, tell the answer, and give the exit code for it.

    Raises `Undelivered` where nothing answers, `ConfigurationError` where it is not known whom to ask, and
    `UsageError` for a URL that is none.
    """
    asked = _page(url if url is not None else _own_address(home))
    status, body = _get(asked)
    report = _report(status, body)
    if as_json:
        print_json(report)
    else:
        print_line(_words(report))
    return exits.OK if status == 200 else exits.FAILED


def _own_address(home: Path | None) -> str:
    http = read_settings(_Where, home=home).http
    if http is None:
        raise ConfigurationError(
            "no address is named: give a URL, or set TOOLWIRE_HTTP to what the replica was started with, "
            "such as 127.0.0.1:9464"
        )
    host, _, port = http.rpartition(":")
    return f"http://{EVERYWHERE.get(host, host)}:{port}"


def _page(url: str) -> str:
    if not is_page(url):
        raise UsageError(f"{url!r} is no URL of a page: write http://HOST:PORT/readyz")
    parts = urlsplit(url)
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/readyz"


def _get(url: str) -> tuple[int, bytes]:
    # No proxy, whatever the environment says: what is asked stands on this machine.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read(MOST_BYTES)
    except HTTPError as error:
        with error:
            return error.code, error.read(MOST_BYTES)
    except (URLError, OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise Undelivered(
            f"nothing answers at {url}: {reason}. Is the replica running, with `http` set?"
        ) from error


def _report(status: int, body: bytes) -> _Report:
    try:
        return _Report.model_validate_json(body)
    except ValidationError:  # the page of something else, or metrics
        return _Report(ok=status == 200, checks={"http": _Check(ok=status == 200, detail=f"status {status}")})


def _words(report: _Report) -> str:
    """The answer in one line: `ok`, or what is wrong."""
    wrong = [f"{name}: {check.detail}" for name, check in report.checks.items() if not check.ok]
    return "ok" if report.ok else "not ready: " + "; ".join(wrong)
