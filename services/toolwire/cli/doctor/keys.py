"""Judges the keys that this machine signs and verifies with: are they good today, and next week?"""

from collections.abc import Iterator, Sequence

from toolwire.cli.doctor.finding import Area, Desk, Finding
from toolwire.cli.doctor.home import HomeSeen, KeySeen
from toolwire.client.home import SKEW_MS
from toolwire.contracts.keys import Algorithm
from toolwire.contracts.registry import Side

SOON_MS = 14 * 24 * 3600 * 1000
"""Two weeks: time to make a new key and to give its public half to the others."""
DAY_MS = 24 * 3600 * 1000


def judge_client(
    seen: HomeSeen, client_id: str | None, server_id: str | None, now_ms: int
) -> Iterator[Finding]:
    """Whether the client can sign for that server, and trusts somebody who answers for it."""
    if seen.registry is None or client_id is None:
        return
    desk = Desk(Area.HOME, f"client {client_id}")
    if client_id not in seen.registry.clients:
        listed = ", ".join(sorted(seen.registry.clients)) or "none"
        yield desk.error(
            "client_unlisted",
            f"the registry does not list it (listed: {listed})",
            f"correct the name, or toolwire keys new client {client_id}",
        )
        return
    if not seen.registry.clients[client_id].allow:
        yield desk.warning(
            "nothing_allowed",
            "the registry allows it no tool at all",
            f"where the service runs: toolwire keys allow {client_id} TOOL …",
        )
    yield from _judge_signer(desk, _of(seen, "clients", client_id), server_id, now_ms)
    if server_id is not None:
        yield from judge_pinned(seen, server_id, now_ms)


def judge_pinned(seen: HomeSeen, server_id: str, now_ms: int) -> Iterator[Finding]:
    """Whether an answer of that server could be verified."""
    desk = Desk(Area.HOME, f"server {server_id}")
    pinned = [key for key in _of(seen, "servers", server_id) if not key.complaint]
    good = [key for key in pinned if _refusal(key, now_ms) is None]
    if not pinned:
        yield desk.error(
            "not_pinned",
            "no key of it is pinned: nothing that it answers could be verified",
            f"where it runs: toolwire keys export server {server_id} > it.toml; here: toolwire keys import "
            "it.toml",
        )
    elif not good:
        yield desk.error(
            "pinned_out_of_date",
            f"none of its pinned keys is good today ({_told(pinned, now_ms)})",
            f"where it runs: toolwire keys export server {server_id} > it.toml; here: toolwire keys import "
            "it.toml",
        )
    else:
        yield desk.ok("pinned", f"pinned with {', '.join(key.entry.kid for key in good)}")
        yield from _judge_soon(desk, good, now_ms)


def judge_server(seen: HomeSeen, server_id: str | None, now_ms: int) -> Iterator[Finding]:
    """Whether a replica could start here, where its private key is."""
    if seen.registry is None or not serves(seen, server_id):
        return
    desk = Desk(Area.HOME, f"server {server_id}")
    keys = [key for key in _of(seen, "servers", server_id or "") if key.entry.algorithm == "Ed25519"]
    yield from _judge_signer(desk, keys, None, now_ms)
    if not seen.registry.clients:
        yield desk.warning(
            "no_clients", "the registry lists no client: nobody may ask it", "toolwire keys new client ID"
        )


def serves(seen: HomeSeen, server_id: str | None) -> bool:
    """Whether this is a machine of that server: its private key is here."""
    return server_id is not None and any(key.here for key in _of(seen, "servers", server_id))


def _judge_signer(
    desk: Desk, keys: Sequence[KeySeen], server_id: str | None, now_ms: int
) -> Iterator[Finding]:
    chosen = newest(keys, server_id, now_ms)
    if chosen is None:
        yield desk.error(
            "no_usable_key",
            f"no key that it could sign with today is here: {_told(keys, now_ms) or 'none is listed'}",
            "put the private file of a good listed key into the home's folder keys; or toolwire keys rotate "
            f"{desk.where}, and make the new key known to the other side",
        )
        return
    yield desk.ok("signer", f"signs with {chosen.entry.kid} ({chosen.entry.algorithm})")
    good = [key for key in keys if _usable(key, now_ms)]
    yield from _judge_soon(desk, good, now_ms)


def newest(keys: Sequence[KeySeen], server_id: str | None, now_ms: int) -> KeySeen | None:
    """The key that `Home` signs with: the last good one listed whose private file is here."""
    algorithms: tuple[Algorithm, ...] = ("Ed25519", "HS256")
    for algorithm in algorithms:
        for key in reversed(keys):
            reaches = algorithm == "Ed25519" or server_id in {None, key.entry.peer}
            if key.entry.algorithm == algorithm and reaches and _usable(key, now_ms):
                return key
    return None


def _usable(key: KeySeen, now_ms: int) -> bool:
    return key.here and not key.complaint and _refusal(key, now_ms) is None


def _judge_soon(desk: Desk, keys: Sequence[KeySeen], now_ms: int) -> Iterator[Finding]:
    ends = [key.entry.not_after_ms for key in keys]
    if any(end is None for end in ends):
        return
    last = max(end for end in ends if end is not None)
    if last - now_ms < SOON_MS:
        yield desk.warning(
            "key_ends_soon",
            f"its last good key ends in {(last - now_ms) // DAY_MS} days ({_told(keys, now_ms)})",
            f"toolwire keys rotate {desk.where}, and make the new key known to the other side",
        )


def _of(seen: HomeSeen, side: Side, owner: str) -> list[KeySeen]:
    return [key for key in seen.keys if (key.side, key.owner) == (side, owner)]


def _refusal(key: KeySeen, now_ms: int) -> str | None:
    entry = key.entry
    if entry.revoked:
        return "is revoked"
    if entry.not_after_ms is not None and now_ms > entry.not_after_ms - SKEW_MS:
        return f"ended {(now_ms - entry.not_after_ms) // DAY_MS} days ago"
    if entry.not_before_ms is not None and now_ms < entry.not_before_ms + SKEW_MS:
        return f"begins in {(entry.not_before_ms - now_ms) // DAY_MS} days"
    return None


def _told(keys: Sequence[KeySeen], now_ms: int) -> str:
    return ", ".join(
        f"{key.entry.kid} {_refusal(key, now_ms) or ('is here' if key.here else 'has no private file here')}"
        for key in keys
    )
