"""What makes a request a duplicate of another, and what makes it a conflict."""

from typing import Any

import pytest

from tests.unit.contracts.samples import DIGEST, HMAC, KEYS, NOW_MS, request
from tests.unit.contracts.test_sealing import nested
from toolwire.contracts.encoding import base64url
from toolwire.contracts.envelopes import Request, Trace
from toolwire.contracts.meaning import meaning
from toolwire.contracts.sealing import seal, unseal

OTHER_NONCE = base64url(b"n" * 16)


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    "fresh",
    [
        {"nonce": OTHER_NONCE},
        {"ts_ms": NOW_MS + 5},
        {"reply_to": "instance-2"},
        {"deadline_ms": NOW_MS + 10_001},
        {"trace": Trace(traceparent=f"00-{'a' * 32}-{'b' * 16}-01")},
    ],
    ids=str,
)
def test_another_attempt_means_the_same(fresh: dict[str, Any]) -> None:
    assert meaning(request(**fresh)) == meaning(request())


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    "other",
    [
        {"server_id": "server-2"},
        {"tool": "batch_max"},
        {"args": {"numbers": [1, 2.5, 4]}},
        {"args": {"numbers": [1.0, 2.5, 3]}},
        {"args": {}},
        {"tool_rev": DIGEST},
    ],
    ids=str,
)
def test_another_request_means_something_else(other: dict[str, Any]) -> None:
    assert meaning(request(**other)) != meaning(request())


def test_the_order_of_arguments_means_nothing() -> None:
    assert meaning(request(args={"a": 1, "b": 2})) == meaning(request(args={"b": 2, "a": 1}))


def test_the_meaning_is_pinned() -> None:
    """Stored with every record: a release that changes it would call every retry a conflict."""
    assert meaning(request()) == "oGd6SS3NeWv7osWbw3zEsCFHvG7NGjSsuUYMmzCpuJU"


def test_the_deepest_request_that_can_be_read_has_a_meaning() -> None:
    deep = request(args={"a": nested(190)})
    assert meaning(unseal(seal(deep, HMAC), KEYS, Request, NOW_MS)) == meaning(deep)
