"""Lines in a message: the body of one AMQP message is 1 to 64 lines of one destination."""

from collections.abc import Sequence

from toolwire.contracts.errors import DefinitionError, Unverified

CONTENT_TYPE = "application/jsonl"
MAX_LINES = 64
MAX_BODY_BYTES = 1024 * 1024


def join(lines: Sequence[bytes]) -> bytes:
    """The body that carries these lines. `DefinitionError` where they are none, too many or too large."""
    body = b"\n".join(lines)
    if not 1 <= len(lines) <= MAX_LINES or len(body) > MAX_BODY_BYTES:
        raise DefinitionError(
            f"{len(lines)} lines of {len(body)} bytes do not fit one message: "
            f"it holds 1 to {MAX_LINES} lines and at most {MAX_BODY_BYTES} bytes"
        )
    return body


def split_body(body: bytes) -> list[bytes]:
    """The lines of a body. `Unverified` with `too_large`, `too_many_lines` or `bad_lines`."""
    if len(body) > MAX_BODY_BYTES:
        raise Unverified("too_large")
    if body.count(b"\n") >= MAX_LINES:
        raise Unverified("too_many_lines")
    lines = body.split(b"\n")
    if b"\r" in body or not all(lines):
        raise Unverified("bad_lines")
    return lines


def check_content(content_type: str | None, content_encoding: str | None) -> None:
    """Refuse with `Unverified` what is not plain JSON lines: a compressed body is never unpacked."""
    if content_type != CONTENT_TYPE:
        raise Unverified("bad_content_type")
    if content_encoding is not None:
        raise Unverified("bad_content_encoding")
