"""Who looks at what: side by side where that helps, bounded in time, and no failure hides another."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolwire.broker.look import BrokerLook, look_at
from toolwire.broker.management import Management
from toolwire.cli.doctor.bounds import LIMIT_S, in_thread, in_time, safely
from toolwire.cli.doctor.broker import judge_broker, judge_reached
from toolwire.cli.doctor.finding import Area, Desk, Finding
from toolwire.cli.doctor.home import HomeSeen, judge_home, look_at_home
from toolwire.cli.doctor.keys import judge_client, judge_server, serves
from toolwire.cli.doctor.managed import SECONDS, Managed, Unseen, ask
from toolwire.cli.doctor.permissions import Roles, judge_permissions
from toolwire.cli.doctor.policies import judge_policies
from toolwire.cli.doctor.queues import expected_queues, judge_queues
from toolwire.cli.doctor.records import judge_store
from toolwire.cli.doctor.service import (
    Answered,
    ask_service,
    judge_broker_clock,
    judge_clock,
    judge_service,
)
from toolwire.cli.doctor.sources import judge_sources, read_sources
from toolwire.cli.doctor.store import look_at_store
from toolwire.cli.doctor.versions import parsed
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.errors import ToolwireError
from toolwire.services.settings import ServiceSettings

ON_BROKER = frozenset({Area.BROKER, Area.PERMISSIONS, Area.QUEUES, Area.SERVICE, Area.CLOCK})
MANAGED = frozenset({Area.BROKER, Area.PERMISSIONS, Area.QUEUES, Area.CLOCK})


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that was seen. What comes from a broker is None where none was reached."""

    settings: ServiceSettings
    home: HomeSeen
    look: BrokerLook | None
    managed: Managed | None
    answer: Answered | ToolwireError | Unseen


async def diagnose(
    given: Mapping[str, Any], *, management: Management | None, areas: Collection[Area]
) -> list[Finding]:
    """Look at those areas, and judge. `given` are settings from the command line; None: not given."""
    sources = read_sources(given)
    settings = sources.settings
    found = list(judge_sources(sources)) if Area.HOME in areas or settings is None else []
    if settings is None:
        return found
    home = look_at_home(Home(settings.home))
    look = await _look(settings, areas)
    managed, answer, store = await asyncio.gather(
        _managed(settings, look, management, areas),
        _answer(settings, look, areas),
        _store(settings, areas),
    )
    examined = Examined(settings, home, look, managed, answer)
    found += [finding for finding in judge(examined) if finding.area in _told(areas, look)]
    if store is not None:
        found += safely(Area.STORE, lambda: judge_store(store, where=settings.store_url().partition(":")[0]))
    return found


def _told(areas: Collection[Area], look: BrokerLook | None) -> Collection[Area]:
    """The areas to tell of. Whoever asks for what is on a broker is also told that there is none."""
    reached = look is not None and look.open is not None
    return areas if reached or not ON_BROKER.intersection(areas) else {*areas, Area.BROKER}


def judge(seen: Examined) -> Iterator[Finding]:
    """All judgements but the store's."""
    now, client_id, server_id = now_ms(), seen.settings.client, seen.settings.server
    yield from safely(Area.HOME, lambda: judge_home(seen.home))
    yield from safely(Area.HOME, lambda: judge_client(seen.home, client_id, server_id, now))
    yield from safely(Area.HOME, lambda: judge_server(seen.home, server_id, now))
    look, managed = seen.look, seen.managed
    if look is None or look.open is None or managed is None:
        yield from safely(Area.BROKER, lambda: judge_unreached(look))
    else:
        roles = Roles(client_id, server_id, serves(seen.home, server_id))
        yield from safely(Area.BROKER, lambda: judge_broker(look, managed))
        yield from safely(Area.PERMISSIONS, lambda: judge_permissions(look, managed, roles))
        yield from _judge_server(look, managed, server_id)
    where = server_id or "(not named)"
    yield from safely(Area.SERVICE, lambda: judge_service(where, seen.answer))
    yield from safely(Area.CLOCK, lambda: judge_clock(where, seen.answer))
    if managed is not None:
        yield from safely(Area.CLOCK, lambda: judge_broker_clock(managed.where, managed.skew_ms))


def judge_unreached(look: BrokerLook | None) -> Iterator[Finding]:
    """Why there is no broker, and what is not seen without one."""
    if look is None:
        yield Desk(Area.BROKER, "settings").error(
            "no_broker",
            "no broker is named",
            "toolwire dev starts one; or --broker, TOOLWIRE_BROKER_URL, or broker_url in toolwire.toml",
        )
    elif not look.reached:
        yield Desk(Area.BROKER, "settings").error(
            "broker_hangs",
            f"the broker lets us in and gives no answers for {LIMIT_S:g} s",
            "on the broker: rabbitmq-diagnostics status, and alarms",
        )
    else:
        yield from judge_reached(look)
    for area, what in ((Area.PERMISSIONS, "the user's permissions"), (Area.QUEUES, "exchanges and queues")):
        yield Desk(area, "broker").unseen(area, what, "the broker was not reached")


def _judge_server(look: BrokerLook, managed: Managed, server_id: str | None) -> Iterator[Finding]:
    """What is on the broker for a server."""
    at = look.open
    if server_id is None or at is None:
        yield Desk(Area.QUEUES, "server").unseen("queues", "the server's queues", "no server is named")
        return
    yield from safely(Area.QUEUES, lambda: judge_queues(look, managed, server_id))
    yield from safely(
        Area.QUEUES, lambda: judge_policies(managed, server_id, at.virtual_host, parsed(at.version))
    )


# --- looking ----------------------------------------------------------------------------------------


async def _look(settings: ServiceSettings, areas: Collection[Area]) -> BrokerLook | None:
    if not settings.broker_url or not ON_BROKER.intersection(areas):
        return None
    queues = () if settings.server is None else expected_queues(settings.server)
    return await in_time(look_at(settings.broker_url, queues), BrokerLook(()))


async def _managed(
    settings: ServiceSettings, look: BrokerLook | None, given: Management | None, areas: Collection[Area]
) -> Managed | None:
    if look is None or look.open is None:
        return None
    if not MANAGED.intersection(areas):
        return Managed.away("", Unseen("nobody asked"))
    way = settings.broker_url[look.reached.index(look.open)]
    api = given or Management.beside(way, timeout=SECONDS)
    user, virtual_host = look.open.user, look.open.virtual_host
    late = Unseen(f"the management API at {api.where} took longer than {LIMIT_S:g} s")
    return await in_time(in_thread(lambda: ask(api, user, virtual_host)), Managed.away(api.where, late))


async def _answer(
    settings: ServiceSettings, look: BrokerLook | None, areas: Collection[Area]
) -> Answered | ToolwireError | Unseen:
    if not {Area.SERVICE, Area.CLOCK}.intersection(areas):
        return Unseen("nobody asked")
    if look is None or look.open is None:
        return Unseen("the broker was not reached")
    if settings.client is None or settings.server is None:
        return Unseen("no client or no server is named", "name both: --client and --server")
    try:
        asking = ask_service(settings, settings.client, settings.server)
        return await in_time(asking, Unseen(f"it took longer than {LIMIT_S:g} s"))
    except ToolwireError as error:
        return error


async def _store(settings: ServiceSettings, areas: Collection[Area]) -> Any:
    if Area.STORE not in areas:
        return None
    late = Unseen(
        f"it took longer than {LIMIT_S:g} s", "is its file system there (df), or its server (pg_isready)?"
    )
    return await in_time(in_thread(lambda: look_at_store(settings, settings.server)), late)
