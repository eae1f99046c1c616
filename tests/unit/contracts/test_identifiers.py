"""Ids are made from what they are given, and from nothing else."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.identifiers import nonce, request_id_for, uuid7
from toolwire.contracts.names import is_id

RANDOM_BITS = ~(0xF << 76 | 0x3 << 62) & (1 << 80) - 1  # all but the version's four and the variant's two


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_uuid7_holds_its_time_and_its_random_bits(now_ms: int, random: bytes) -> None:
    made = uuid.UUID(uuid7(now_ms, random))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ms
    assert made.int & RANDOM_BITS == int.from_bytes(random, "big") & RANDOM_BITS
    assert is_id(str(made))


def test_a_uuid7_is_spelled_as_in_the_standard() -> None:
    """The example of RFC 9562, appendix A.6."""
    random = (0x7CC3 << 64 | 0x98C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(0x017F22E279B0, random) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_later_ids_sort_later() -> None:
    assert uuid7(1, b"\xff" * 10) < uuid7(2, bytes(10))


def test_a_nonce_is_128_bits() -> None:
    assert from_base64url(nonce(b"0123456789abcdef")) == b"0123456789abcdef"


@pytest.mark.parametrize("length", [0, 9, 11, 15, 17])
def test_another_number_of_random_bytes_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"uuid7 needs 10 random bytes, got {length}"):
        uuid7(0, bytes(length))
    with pytest.raises(ValueError, match=f"a nonce needs 16 random bytes, got {length}"):
        nonce(bytes(length))


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True), st.text(max_size=200))
def test_the_next_request_has_one_id_for_a_job_and_a_step(job_id: str, step: str) -> None:
    assert is_id(request_id_for(job_id, step))
    assert request_id_for(job_id, step) == request_id_for(job_id, step)


def test_the_id_of_a_step_stays_the_same_over_versions() -> None:
    """Whoever is upgraded between an event and its repetition must not run the step twice."""
    assert request_id_for("job-1", "pack") == "step-pVrw9jCdCeiab-5QAr4qH-Fcau-e03FJuyqiuWsGUH8"


def test_no_two_steps_share_an_id() -> None:
    """Not even where one name ends in what the other begins with."""
    pairs = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc", ""),
        ("1", "0:a"),
        ("10", "a"),
        ("a", "b:c"),
        ("a", "b"),
        ("b", "a"),
    ]
    assert len({request_id_for(job_id, step) for job_id, step in pairs}) == len(pairs)
