"""Topic routing: which keys a binding takes (RabbitMQ's topic exchange; AMQP 0-9-1, section 3.1.3.3)."""

from collections.abc import Sequence


def fits(pattern: str, key: str) -> bool:
    """Whether a routing key fits a pattern of words: `*` stands for one word, `#` for any number of them."""
    return _fit(_words(pattern), _words(key))


def _words(text: str) -> Sequence[str]:
    return text.split(".") if text else []


def _fit(pattern: Sequence[str], words: Sequence[str]) -> bool:
    if not pattern:
        return not words
    first, rest = pattern[0], pattern[1:]
    if first == "#":
        return any(_fit(rest, words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and first in ("*", words[0]) and _fit(rest, words[1:])
