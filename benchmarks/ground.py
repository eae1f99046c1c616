"""What contenders stand on in a run: the broker, and a database or a Redis where one of them asks for it.

A contender asks by a word in its options, `{postgres}` or `{redis}`, which is replaced by a URL.
"""

import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.contender import Contender
from benchmarks.private_redis import RedisMissing, redis_server
from toolwire.testing.brokers import Broker

POSTGRES = "{postgres}"
REDIS = "{redis}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one contender is measured once: all of it is new, and nobody else's."""

    url: str
    folder: Path
    options: Sequence[str]


class Ground:
    """The servers of a run, to be entered; those that nobody asks for are not started.

    `missing` says, by the word that asks for it, why a server cannot be had here.
    """

    def __init__(self, broker: Broker, contenders: Iterable[Contender]) -> None:
        self.broker = broker
        self.missing: dict[str, str] = {}
        self._asked = {option for contender in contenders for option in contender.options}
        self._urls: dict[str, str] = {}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def lacking(self, contender: Contender) -> str:
        """Why it cannot be measured here; an empty text where it can."""
        missing = (self.missing[option] for option in contender.options if option in self.missing)
        return next(missing, "") or contender.lacking()

    @contextmanager
    def place(self, contender: Contender) -> Generator[Place]:
        """A virtual host, a folder and a database, until the block ends."""
        with ExitStack() as stack:
            url = stack.enter_context(self.broker.virtual_host())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="toolwire-bench-"))
            urls = dict(self._urls)
            if POSTGRES in contender.options:
                from benchmarks.databases import fresh_database

                urls[POSTGRES] = stack.enter_context(fresh_database(urls[POSTGRES]))
            yield Place(url, Path(folder), [urls.get(option, option) for option in contender.options])

    def _start(self) -> None:
        if REDIS in self._asked:
            try:
                self._urls[REDIS] = self._running.enter_context(redis_server())
            except RedisMissing as error:
                self.missing[REDIS] = str(error)
        if POSTGRES in self._asked:
            self._start_postgres()

    def _start_postgres(self) -> None:
        from benchmarks.databases import database_server
        from toolwire.testing.postgres_cluster import ClusterError

        try:
            self._urls[POSTGRES] = self._running.enter_context(database_server())
        except ClusterError as error:
            self.missing[POSTGRES] = str(error)
