"""`answer`: what somebody types is the answer to what a job asks."""

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue

from toolwire.cli import exits
from toolwire.cli.arguments import read_arguments, read_document
from toolwire.cli.asking import Asking, job_of
from toolwire.cli.output import print_json, print_line
from toolwire.contracts.encoding import NotJson, parse


async def answer(asking: Asking, job_id: str, value: JsonValue, key: str | None) -> int:
    """Answer what a job asks, and print how it stands then."""
    async with asking.open() as client:
        snapshot = await job_of(client, job_id).answer(value, key=key)
    if asking.json:
        print_json(snapshot)
    else:
        print_line(f"job {job_id} has its answer; what becomes of it: toolwire watch {job_id}{asking.flags}")
    return exits.OK


def read_answer(words: Sequence[str]) -> JsonValue:
    """The answer in `words`: one JSON text, `@file` or `-` for stdin, or else its fields as name=value.

    `UsageError` says what cannot be read.
    """
    if len(words) == 1:
        [word] = words
        if word == "-" or word.startswith("@"):
            return read_document(word)
        try:
            return cast("JsonValue", parse(word.encode()))
        except (NotJson, UnicodeEncodeError):
            pass  # no JSON text: a pair, then
    return read_arguments(words, None)
