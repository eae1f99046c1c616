"""Moments and spans for people: short, and in one word, so that a column can be cut out."""

from datetime import UTC, datetime

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def span(ms: int) -> str:
    """How long something took, in its two largest units, such as `3m12s`; below ten seconds with tenths."""
    seconds = max(0, ms) / 1000
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def moment(at_ms: int) -> str:
    """A time in UTC, to the second."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def iso(at_ms: int | None) -> str | None:
    """A time that somebody else named, in ISO 8601: the protocol also allows years that no calendar has."""
    if at_ms is None:
        return None
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError):
        return f"{at_ms} ms"


def clock(at_ms: int) -> str:
    """The time of the day in UTC, to the millisecond: for lines that follow one another."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
