"""Options are checked where they are given, and leave what is not given as it is."""

import math
from typing import Any

import pytest

from toolwire.client.options import JOB_DEADLINE_S, Options
from toolwire.contracts.errors import UsageError


def test_what_is_not_given_stays() -> None:
    options = Options(30, "server-1").but(timeout=5, request_id=None)
    assert options == Options(5, "server-1", JOB_DEADLINE_S)


@pytest.mark.parametrize(
    "given",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": math.inf},
        {"timeout": math.nan},
        {"deadline": 0},
        {"server": "no spaces"},
        {"server": ""},
        {"request_id": "x" * 65},
    ],
)
def test_what_cannot_be_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        Options(30).but(**given)


def test_a_server_has_to_be_named() -> None:
    with pytest.raises(UsageError, match="TOOLWIRE_SERVER"):
        Options(30).asked_server()
