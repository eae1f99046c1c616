"""The little of RabbitMQ's management API that Toolwire uses: what AMQP itself does not tell or make."""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, unquote, urlsplit


class ManagementError(Exception):
    """The management API refused a request; the message carries the request and the answer."""


class Management:
    """The management API of one broker, spoken to as the user whose name and password the URL carries."""

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        """Take `url` as `http://user:password@host:15672`; `timeout` is in seconds, for each request."""
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 15672
        self._user = unquote(parts.username or "guest")
        self._timeout = timeout
        password = unquote(parts.password or "guest")
        self._authorization = "Basic " + b64encode(f"{self._user}:{password}".encode()).decode()

    def may_administer(self) -> bool:
        """Tell whether the API answers here and lets this user create virtual hosts."""
        try:
            me = self._request("GET", "/api/whoami")
        except (OSError, HTTPException, ManagementError):
            return False
        tags: list[str] | str = me["tags"]  # a list since 3.9, before that one text
        return "administrator" in tags

    def create_virtual_host(self, name: str) -> None:
        """Create the virtual host and give this user every permission in it."""
        self._request("PUT", f"/api/vhosts/{quote(name, safe='')}")
        permissions = f"/api/permissions/{quote(name, safe='')}/{quote(self._user, safe='')}"
        self._request("PUT", permissions, {"configure": ".*", "write": ".*", "read": ".*"})

    def delete_virtual_host(self, name: str) -> None:
        """Delete the virtual host with all that is in it; whoever is connected to it is cut off."""
        self._request("DELETE", f"/api/vhosts/{quote(name, safe='')}")

    def _request(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        # http.client and not urllib: a proxy named in the environment must not see what is for this machine.
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout)
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body or {}), headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            said = f"{response.status} {answer.decode('utf-8', 'replace')}"
            raise ManagementError(f"{method} {path} on {self._host}:{self._port} was answered {said}")
        return json.loads(answer) if answer else None
