"""contracts/spec/PROTOCOL.md: the worked example, byte by byte, and every other example."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, TypeAdapter

from tests.unit.spec.protocol_page import block, blocks, plain, rows, sections
from toolwire.contracts import builtin
from toolwire.contracts.encoding import base64url, canonical, parse
from toolwire.contracts.envelopes import Envelope, Event, Request, Response
from toolwire.contracts.errors import WireError
from toolwire.contracts.history import JobHistory
from toolwire.contracts.identifiers import request_id_for
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, ed25519_verifier, fingerprint
from toolwire.contracts.meaning import meaning
from toolwire.contracts.sealing import BadEnvelope, Verified, digest, read, seal, unseal
from toolwire.contracts.snapshots import JobSnapshot

BUILT_IN: Mapping[str, tuple[type[BaseModel], type[BaseModel]]] = {
    builtin.SERVER_IDENTITY: (builtin.NoArguments, builtin.ServerIdentity),
    builtin.LIST_TOOLS: (builtin.ListTools, builtin.Catalogue),
    builtin.POLL_JOB: (builtin.PollJob, JobSnapshot),
    builtin.CANCEL_JOB: (builtin.CancelJob, JobSnapshot),
    builtin.LIST_JOBS: (builtin.ListJobs, builtin.JobList),
    builtin.JOB_HISTORY: (builtin.ReadHistory, JobHistory),
    builtin.JOB_OUTPUT: (builtin.ReadOutput, builtin.JobOutput),
    builtin.ANSWER_JOB: (builtin.AnswerJob, JobSnapshot),
}

# --- the worked example, from the page's own values ---

WORKED = sections()["4.4"]


def worked(table: int, name: str) -> str:
    """A value of the worked example: 0 the keys, 1 of Ed25519, 2 of HS256."""
    [value] = [plain(value) for row, value in rows("4.4", table) if row == name]
    return value


def example_request() -> Request:
    return read(Verified(block("request P").encode(), "request", _any_key(), b""), Request)


def _any_key() -> Key:
    return Key("kid", "client-001", HmacKey("kid", bytes(32)))


def test_the_keys_of_the_worked_example_fit_each_other() -> None:
    seed = bytes.fromhex(worked(0, "Ed25519 seed, hex"))
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert public.hex() == worked(0, "Ed25519 public key, hex")
    assert base64url(public) == worked(0, "Ed25519 public key, base64url")
    assert base64url(bytes.fromhex(worked(0, "HS256 secret, hex"))) == worked(0, "HS256 secret, base64url")
    assert f"`{fingerprint(public)}`" in sections()["2"]
    assert f'"{base64url(public)}"' in blocks()[0].text


@pytest.mark.parametrize(("algorithm", "table"), [("Ed25519", 1), ("HS256", 2)])
def test_the_worked_example_is_right_byte_by_byte(algorithm: str, table: int) -> None:
    """Computed here from the formula alone, and compared with every value that the page tells."""
    payload, line = block("request P").encode(), block(f"request line {algorithm}").encode()
    kid = worked(0, f"{algorithm} kid")
    prefix = f"toolwire-sig-v1\nrequest\n{kid}\n".encode()
    assert f"\n    {prefix.hex()}\n" in WORKED
    signed = prefix + payload
    assert hashlib.sha256(signed).hexdigest() == worked(
        table, "SHA-256 of the signed bytes (only to compare)"
    )
    if algorithm == "Ed25519":
        seed = bytes.fromhex(worked(0, "Ed25519 seed, hex"))
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signed)
    else:
        signature = hmac.digest(bytes.fromhex(worked(0, "HS256 secret, hex")), signed, "sha256")
    assert signature.hex() == worked(table, "signature, hex")
    encoded = worked(table, "signature, base64url")
    assert base64url(signature) == encoded
    assert line == payload[:-1] + f',"signature":"{kid}:{encoded}"}}'.encode()
    assert hashlib.sha256(line).hexdigest() == worked(table, "SHA-256 of the line, hex")
    assert digest(line) == worked(table, "digest of the line")
    assert f"The line, {len(line)} bytes" in WORKED
    assert f"P, {len(payload)} bytes" in WORKED


def test_the_lengths_that_the_worked_example_tells_are_right() -> None:
    prefix = f"toolwire-sig-v1\nrequest\n{worked(0, 'Ed25519 kid')}\n".encode()
    assert f"the {len(prefix)} bytes" in WORKED
    assert f"{len(prefix) + len(block('request P'))} bytes together" in WORKED


@pytest.mark.parametrize("algorithm", ["Ed25519", "HS256"])
def test_the_code_seals_and_opens_the_worked_example(algorithm: str) -> None:
    kid, request = worked(0, f"{algorithm} kid"), example_request()
    if algorithm == "Ed25519":
        seed = bytes.fromhex(worked(0, "Ed25519 seed, hex"))
        signer = Ed25519Signer(kid, seed)
        line, key = (
            seal(request, signer),
            Key(kid, "client-001", ed25519_verifier(signer.public_bytes(), kid)),
        )
    else:
        secret = HmacKey(kid, bytes.fromhex(worked(0, "HS256 secret, hex")))
        line, key = seal(request, secret), Key(kid, "client-001", secret)
    assert line.decode() == block(f"request line {algorithm}")
    assert unseal(line, Keyring([key]), Request, request.ts_ms) == request


def test_what_the_page_derives_from_examples_is_right() -> None:
    assert f"`{meaning(example_request())}`" in sections()["7.3"]
    assert f"`{request_id_for('job-1', 'resize')}`" in sections()["7.3"]


# --- the other examples ---

EXAMPLES = [each for each in blocks() if each.language == "json"]


@pytest.mark.parametrize("label", [each.label for each in EXAMPLES])
def test_an_example_is_strict_json_in_canonical_form(label: str) -> None:
    text = block(label)
    if not label.startswith("request line"):  # the signature goes last, whatever the order
        assert canonical(parse(text.encode())) == text


def _read_as(model: type[Envelope], text: str) -> object:
    return read(Verified(text.encode(), model.TYPE, _any_key(), b""), model)


@pytest.mark.parametrize(
    ("label", "model"), [("request P", Request), ("response", Response), ("event", Event)]
)
def test_an_envelope_of_an_example_is_one_that_a_reader_takes(label: str, model: type[Envelope]) -> None:
    assert _read_as(model, block(label))


def test_the_same_reader_refuses_an_example_that_lacks_a_field() -> None:
    """Or the test above would prove little."""
    whole: dict[str, Any] = json.loads(block("response"))
    del whole["result"]
    with pytest.raises(BadEnvelope):
        _read_as(Response, canonical(whole))


def _model_of(label: str) -> type[BaseModel]:
    if label == "error":
        return WireError
    what, name = label.split()
    if name == "accepted":
        return builtin.AcceptedJob
    return BUILT_IN[name][what == "result"]


@pytest.mark.parametrize(
    "label", [each.label for each in EXAMPLES if each.label.startswith(("error", "arguments", "result"))]
)
def test_arguments_results_and_errors_of_examples_are_valid_and_whole(label: str) -> None:
    model = _model_of(label)
    value = TypeAdapter(model).validate_json(block(label), strict=True)
    # Whole, as a server sends it: nothing that it always says is left out of an example.
    if not label.startswith("arguments"):
        assert json.loads(value.model_dump_json()) == json.loads(block(label))


def test_the_catalogues_example_has_the_right_revision() -> None:
    [tool] = json.loads(block("result list_tools"))["tools"]
    revision = tool.pop("tool_rev")
    assert base64url(hashlib.sha256(canonical(tool).encode()).digest()) == revision
