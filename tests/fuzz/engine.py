"""Feeds one target from a coverage-guided fuzzer: the only module that knows Atheris, which has no types.

It is a process of its own, `python -m tests.fuzz.engine TARGET SECONDS WORK FINDINGS`, because libFuzzer ends
the process that it runs in: with 0 when the time is over, with another code when a check failed. The input
that made it fail is then in FINDINGS; WORK is an empty folder for the corpus.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.json_mutation import mutate
from tests.fuzz.target import Target

INSTRUMENTED = ("toolwire", "pamqp")
"""Top-level packages whose branches guide the fuzzer. pydantic's and jiter's are native code, and stay dark:
for those there are the changes that know JSON."""

SECONDS_AN_INPUT = 10
MEMORY_MB = 1024


def main(name: str, seconds: int, work: Path, findings: Path) -> None:
    """Fuzz one target. Does not return."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED):
        target: Target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    changes: dict[str, Any] = {}
    if target.json_from is not None:
        changes["custom_mutator"] = _mutator(atheris, target.json_from)
    options = [
        sys.argv[0],
        *_starting_from(target, work),
        f"-max_total_time={seconds}",
        f"-max_len={target.max_bytes}",
        f"-artifact_prefix={findings}/{name}-",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEMORY_MB}",
        "-print_final_stats=1",
    ]
    atheris.Setup(options, target.check, **changes)
    atheris.Fuzz()


def _starting_from(target: Target, work: Path) -> list[str]:
    """The seeds and the dictionary, written for libFuzzer."""
    corpus, dictionary = work / "corpus", work / "dictionary"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    if not target.tokens:
        return [str(corpus)]
    dictionary.write_text("".join(f'"{_quoted(token)}"\n' for token in target.tokens))
    return [str(corpus), f"-dict={dictionary}"]


def _quoted(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


def _mutator(atheris: Any, json_from: int) -> Callable[[bytes, int, int], bytes]:
    """Half the changes know that there is JSON, the others are libFuzzer's own."""

    def change(data: bytes, size: int, seed: int) -> bytes:
        chance = Random(seed)
        if chance.random() < 0.5:
            own: bytes = atheris.Mutate(data, size)  # looked up now: Fuzz() puts another one in its place
            return own
        return (data[:json_from] + mutate(data[json_from:], chance))[:size]

    return change


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
