"""Where services put messages aside, and how an operator gets at them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from toolwire.broker.browse import looking_into
from toolwire.broker.errors import NoQueue
from toolwire.broker.topology import dead_queue, junk_queue
from toolwire.cli.aside import Kind
from toolwire.cli.aside.letters import Letter, letters_in, names_of
from toolwire.cli.asking import Asking
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.client.settings import Settings, read_settings
from toolwire.contracts.errors import NoSuchServer, UsageError

MOST = 10_000
MOST_BYTES = 256 * 1024 * 1024
CONNECT_S = 10.0

NOT_NOW = "not there now: taken out, or somebody is looking at it"
"""What is known of a message that is not found again: RabbitMQ shows to nobody what somebody else holds."""


@dataclass(frozen=True)
class Pile:
    """What was found, oldest first, and how many messages more there are."""

    letters: Sequence[Letter]
    left: int

    @cached_property
    def names(self) -> dict[str, str]:
        """The letters' short names, by digest."""
        return names_of(self.letters)

    def find(self, name: str) -> Letter:
        """The letter whose name begins so. `UsageError` where that is none, or more than one."""
        found = [letter for letter in self.letters if letter.digest.startswith(name.lower())]
        if len(found) == 1 and name:
            return found[0]
        if found:
            raise UsageError(f"{name!r} stands for {len(found)} messages: write more of the name")
        more = f" among the {len(self.letters)} that were looked at" if self.left else ""
        raise UsageError(
            f"there is no message {name!r}{more}, or somebody is looking at it now: `list` shows their names"
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """The dead letters, or the junk, of one server."""

    kind: Kind
    server: str
    home: Home
    urls: Sequence[str]
    client: str | None = None
    """Who would replay; None where nothing says it."""

    @property
    def queue(self) -> str:
        """The queue's name."""
        return (dead_queue if self.kind == "dead" else junk_queue)(self.server).name

    @property
    def nothing_to_see(self) -> str:
        """What is known where nothing was found."""
        return f"nothing to see in {self.queue}: it is empty, or somebody is looking at it just now"

    @asynccontextmanager
    async def open(self, most: int = MOST) -> AsyncGenerator[Pile]:
        """Look at the oldest `most` messages. What is not removed in the block stays.

        Raises `NoSuchServer`, and the broker layer's errors.
        """
        keys = self.home.client_keys_here(self.server)
        try:
            async with looking_into(
                self.queue,
                self.urls,
                name=f"toolwire {self.kind}",
                most=most,
                most_bytes=MOST_BYTES,
                timeout=CONNECT_S,
            ) as look:
                yield Pile(letters_in(look.messages, keys, now_ms()), look.left)
        except NoQueue as error:
            raise NoSuchServer(self.server) from error


def shelf(kind: Kind, asking: Asking) -> Shelf:
    """The shelf that the command line and the settings name. `UsageError`, `ConfigurationError`."""
    settings = read_settings(
        Settings, home=asking.home, broker_url=asking.broker, server=asking.server, client=asking.client
    )
    if settings.server is None:
        raise UsageError("which server's? Name it with --server, TOOLWIRE_SERVER, or in toolwire.toml")
    return Shelf(kind, settings.server, Home(settings.home), settings.broker_urls(), settings.client)
