"""The fuzz targets without the fuzzer: their seeds hold, and so does what a few changes make of them."""

import importlib
from random import Random

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.json_mutation import mutate
from tests.fuzz.target import Target

CHANGES = 200


def target(name: str) -> Target:
    found: Target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    return found


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_holds(name: str) -> None:
    seeds = target(name).seeds()
    assert seeds
    for seed in seeds:
        assert len(seed) <= target(name).max_bytes, "the fuzzer would cut it short"
        target(name).check(seed)


@pytest.mark.promise("P9")
@pytest.mark.parametrize("name", TARGETS)
def test_changed_seeds_hold(name: str) -> None:
    chance = Random(20261122)
    seeds = target(name).seeds()
    for _ in range(CHANGES):
        target(name).check(changed(chance.choice(seeds), target(name), chance))


def changed(seed: bytes, of: Target, chance: Random) -> bytes:
    """Some JSON changed where there is JSON, else a byte."""
    if of.json_from is not None and chance.random() < 0.7:
        return seed[: of.json_from] + mutate(seed[of.json_from :], chance)
    at = chance.randint(0, len(seed))
    return seed[:at] + chance.randbytes(chance.randint(0, 3)) + seed[at + chance.randint(0, 3) :]


def test_changes_are_the_same_for_the_same_chance() -> None:
    """An input that libFuzzer makes from a number is made again from that number."""
    text = b'{"a":[1,{"b":"c"}],"d":null}'
    assert [mutate(text, Random(number)) for number in range(50)] == [
        mutate(text, Random(number)) for number in range(50)
    ]
    assert len({mutate(text, Random(number)) for number in range(50)}) > 30
