"""The little of RabbitMQ's management API that Toolwire uses: what AMQP itself does not tell or make."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

PORT, TLS_PORT = 15672, 15671


class ManagementError(Exception):
    """The management API refused a request, or did not answer; the message carries the request and why."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        """Of the HTTP answer: 401 wrong password or not allowed to log in, 403 not for this user, 404 not
        there; None without an answer."""


class Management:
    """The management API of one broker, spoken to as the user whose name and password the URL carries."""

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        """Take `url` as `http://user:password@host:15672`; `timeout` is in seconds, for each request."""
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (TLS_PORT if self._tls else PORT)
        self._user = unquote(parts.username or "guest")
        self._timeout = timeout
        password = unquote(parts.password or "guest")
        self._authorization = "Basic " + b64encode(f"{self._user}:{password}".encode()).decode()

    @classmethod
    def beside(cls, broker_url: str, *, timeout: float = 10.0) -> Self:
        """Guess the one of the broker at that AMQP URL: the same host and user, the usual port."""
        parts = urlsplit(broker_url)
        credentials, _, _ = parts.netloc.rpartition("@")
        # With TLS to the broker the password must not travel without it here.
        scheme = "https" if parts.scheme == "amqps" else "http"
        return cls(
            f"{scheme}://{credentials + '@' if credentials else ''}{_bracketed(parts.hostname)}",
            timeout=timeout,
        )

    @property
    def where(self) -> str:
        """Host and port: what may be shown of a URL that holds a password."""
        return f"{self._host}:{self._port}"

    @property
    def user(self) -> str:
        """Who asks."""
        return self._user

    def clock_ms(self) -> int:
        """The time of the broker's machine, from an answer's `Date`: it counts whole seconds."""
        _, date = self._ask("GET", "/api/whoami")
        try:
            return round(parsedate_to_datetime(date).timestamp() * 1000)
        except ValueError as error:
            raise ManagementError(f"{self.where} told no time") from error

    def may_administer(self) -> bool:
        """Tell whether the API answers here and lets this user create virtual hosts."""
        try:
            me = self.request("GET", "/api/whoami")
        except ManagementError:
            return False
        tags: list[str] | str = me["tags"]  # a list since 3.9, before that one text
        return "administrator" in tags

    def create_virtual_host(self, name: str) -> None:
        """Create the virtual host and give this user every permission in it."""
        self.request("PUT", f"/api/vhosts/{quote(name, safe='')}")
        permissions = f"/api/permissions/{quote(name, safe='')}/{quote(self._user, safe='')}"
        self.request("PUT", permissions, {"configure": ".*", "write": ".*", "read": ".*"})

    def delete_virtual_host(self, name: str) -> None:
        """Delete the virtual host with all that is in it; whoever is connected to it is cut off."""
        self.request("DELETE", f"/api/vhosts/{quote(name, safe='')}")

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The JSON that such a request is answered with, or None. Raises `ManagementError`."""
        answer, _ = self._ask(method, path, body)
        try:
            return json.loads(answer) if answer else None
        except ValueError as error:
            raise ManagementError(f"{method} {path} on {self.where} was answered without JSON") from error

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> tuple[bytes, str]:
        """The answer and its `Date`."""
        # http.client and not urllib: a proxy named in the environment must not see what is for this machine.
        kind = HTTPSConnection if self._tls else HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body or {}), headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            why = str(error) or type(error).__name__
            raise ManagementError(f"{method} {path} on {self.where} had no answer: {why}") from error
        finally:
            connection.close()
        if response.status >= 400:
            said = f"{response.status} {answer.decode('utf-8', 'replace')}"
            raise ManagementError(f"{method} {path} on {self.where} was answered {said}", response.status)
        return answer, response.headers["Date"] or ""


def _bracketed(host: str | None) -> str:
    """An address of IPv6 stands in brackets in a URL."""
    return f"[{host}]" if host and ":" in host else host or "127.0.0.1"
