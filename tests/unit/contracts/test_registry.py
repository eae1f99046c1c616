"""Whoever is not listed does not exist, and whatever is not allowed is forbidden."""

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from toolwire.contracts.registry import MAX_TTL_S, ClientEntry, KeyEntry, Registry, fits_any

ED25519: dict[str, Any] = {"kid": "k", "algorithm": "Ed25519", "public": "A" * 43}
HS256: dict[str, Any] = {"kid": "k", "algorithm": "HS256", "secret_file": "keys/k.secret", "peer": "server-1"}


def client(**changes: Any) -> ClientEntry:
    return ClientEntry.model_validate({"keys": [ED25519], **changes})


@pytest.mark.parametrize(
    ("allow", "tool", "allowed"),
    [
        ([], "add", False),
        (["add"], "add", True),
        (["add"], "add2", False),
        (["add"], "Add", False),
        (["add", "sub"], "sub", True),
        (["billing.*"], "billing.pay", True),
        (["billing.*"], "billing.", True),
        (["billing.*"], "billing", False),
        (["billing.*"], "billingXpay", False),
        (["*"], "anything", True),
        (["a*"], "ab", True),
        (["a*"], "ba", False),
    ],
)
def test_a_client_may_use_what_is_listed(allow: list[str], tool: str, allowed: bool) -> None:
    assert client(allow=allow).allows(tool) == allowed


@pytest.mark.parametrize(
    "pattern", ["", "**", "*a", "a*b", "a b", "a\n", "[a]", "a?", "x" * 129, "x" * 128 + "*"]
)
def test_a_pattern_is_a_name_or_its_beginning(pattern: str) -> None:
    with pytest.raises(ValidationError):
        client(allow=[pattern])


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("watch", "watched", "granted"),
    [
        ([], "client-1", False),
        (["client-1"], "client-1", True),
        (["client-1"], "client-10", False),
        (["client-*"], "client-10", True),
        (["client-*"], "clien", False),
        (["*"], "anybody", True),
        (["a", "b"], "b", True),
    ],
)
def test_a_client_may_watch_those_that_are_listed(watch: list[str], watched: str, granted: bool) -> None:
    assert fits_any(watched, client(watch=watch).watch) == granted


@pytest.mark.parametrize(
    "pattern", ["", "**", "*a", "a*b", "a.b", "a\n", "-a", "#", "a" * 65, "a" * 64 + "*"]
)
def test_whom_to_watch_is_an_id_or_its_beginning(pattern: str) -> None:
    with pytest.raises(ValidationError):
        client(watch=[pattern])


@pytest.mark.parametrize(
    "entry", [ED25519, HS256, {**ED25519, "not_before_ms": 0, "not_after_ms": 9, "revoked": True}]
)
def test_keys_are_listed_by_their_algorithm(entry: dict[str, Any]) -> None:
    assert KeyEntry.model_validate(entry).kid == "k"


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    "entry",
    [
        {**ED25519, "public": None},
        {**ED25519, "public": ""},
        {**ED25519, "secret_file": "f"},
        {**ED25519, "peer": "server-1"},
        {**HS256, "public": "A" * 43},
        {**HS256, "secret_file": None},
        {**HS256, "secret_file": ""},
        {**HS256, "peer": None},
        {**ED25519, "algorithm": "none"},
        {**ED25519, "algorithm": "HS512"},
        {**ED25519, "kid": "a b"},
        {**ED25519, "revoked": 1},
        {**ED25519, "not_after_ms": -1},
        {**ED25519, "secret": "x" * 32},
        {"kid": "k", "public": "A" * 43},
    ],
    ids=str,
)
def test_a_key_that_does_not_fit_its_algorithm_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KeyEntry.model_validate(entry)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": []},
        {"rate": 0},
        {"rate": float("inf")},
        {"rate": float("nan")},
        {"max_running": 0},
        {"max_ttl_s": 0},
        {"admin": True},
    ],
    ids=str,
)
def test_a_client_that_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        client(**wrong)


def test_nothing_is_allowed_and_nobody_is_known_by_default() -> None:
    assert Registry() == Registry.model_validate({})
    assert (Registry().clients, Registry().servers) == ({}, {})
    plain = client()
    assert (plain.allow, plain.watch) == ((), ())
    assert (plain.max_ttl_s, plain.rate, plain.max_running) == (MAX_TTL_S, None, None)


def test_the_registry_is_read_from_toml() -> None:
    text = """
        [clients.client-001]
        keys = [{kid = "c1", algorithm = "Ed25519", public = "AAAA"}]
        allow = ["batch_sum", "billing.*"]
        rate = 10
        [servers.mcp-server-001]
        keys = [{kid = "s1", algorithm = "HS256", secret_file = "s1.secret", peer = "client-001"}]
    """
    registry = Registry.model_validate(tomllib.loads(text))
    assert registry.clients["client-001"].allows("billing.pay")
    assert registry.servers["mcp-server-001"].keys[0].peer == "client-001"


@pytest.mark.parametrize("name", ["a.b", "", "é", "a" * 65])
def test_the_registry_lists_ids(name: str) -> None:
    with pytest.raises(ValidationError):
        Registry.model_validate({"clients": {name: {"keys": [ED25519]}}})


def test_what_is_wrong_is_told_without_what_was_written() -> None:
    with pytest.raises(ValidationError) as refused:
        KeyEntry.model_validate({**ED25519, "public": None, "secret_file": "do-not-show"})
    assert "do-not-show" not in str(refused.value)
