"""JSON Schemas of everything that is signed, from the models that read it.

They keep to what JSON Schema 2020-12 and draft-07, which AsyncAPI reads, understand alike.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import BaseModel

from spec.write.model_schema import Schema, in_order, model_schema
from toolwire.contracts import builtin
from toolwire.contracts.descriptors import JSON_SCHEMA_DIALECT, ToolDescriptor
from toolwire.contracts.envelopes import Control, Envelope, Event, Request, Response
from toolwire.contracts.errors import WireError
from toolwire.contracts.history import JobHistory
from toolwire.contracts.names import KID_PATTERN
from toolwire.contracts.snapshots import JobSnapshot


class BuiltInTool(NamedTuple):
    """What one of the tools of every server takes and gives."""

    arguments: type[BaseModel]
    result: type[BaseModel]


LINES: tuple[type[Envelope], ...] = (Request, Response, Event, Control)
"""Each has the schema of its line: the envelope with its signature."""

PARTS: Mapping[str, type[BaseModel]] = {
    "error.json": WireError,
    "job-snapshot.json": JobSnapshot,
    "tool-descriptor.json": ToolDescriptor,
    "accepted-job.json": builtin.AcceptedJob,
}
"""What stands inside of others."""

BUILT_IN_TOOLS: Mapping[str, BuiltInTool] = {
    builtin.SERVER_IDENTITY: BuiltInTool(builtin.NoArguments, builtin.ServerIdentity),
    builtin.LIST_TOOLS: BuiltInTool(builtin.ListTools, builtin.Catalogue),
    builtin.POLL_JOB: BuiltInTool(builtin.PollJob, JobSnapshot),
    builtin.CANCEL_JOB: BuiltInTool(builtin.CancelJob, JobSnapshot),
    builtin.LIST_JOBS: BuiltInTool(builtin.ListJobs, builtin.JobList),
    builtin.JOB_HISTORY: BuiltInTool(builtin.ReadHistory, JobHistory),
    builtin.JOB_OUTPUT: BuiltInTool(builtin.ReadOutput, builtin.JobOutput),
    builtin.ANSWER_JOB: BuiltInTool(builtin.AnswerJob, JobSnapshot),
}

SIGNATURE_PATTERN = rf"{KID_PATTERN[:-1]}:([A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{{85}}[AQgw])$"
"""A kid, and 32 or 64 bytes in their one spelling: the last bits of the last character are zero."""

_SIGNATURE = {
    "description": "The key id, a colon and the signature as base64url: 86 characters for Ed25519, 43 for "
    "HMAC-SHA256. Always the last member of the line: it is split off by its shape, and checked before "
    "anything is parsed.",
    "type": "string",
    "pattern": SIGNATURE_PATTERN,
}

_ELSEWHERE = {part.__name__: name for name, part in PARTS.items()}


def schema_files() -> Mapping[str, str]:
    """Every schema: its path below contracts/spec, and its text."""
    return {
        f"schemas/{name}": json.dumps(in_order({"$id": name, **schema}), indent=2, ensure_ascii=False) + "\n"
        for name, schema in _schemas()
    }


def _schemas() -> Iterator[tuple[str, Schema]]:
    for envelope in LINES:
        yield f"{envelope.TYPE}.json", _line(envelope)
    for name, part in PARTS.items():
        yield name, model_schema(part, _ELSEWHERE)
    for tool, (arguments, result) in BUILT_IN_TOOLS.items():
        yield f"{tool}.arguments.json", model_schema(arguments, _ELSEWHERE)
        yield f"{tool}.result.json", _result(tool, result)


def _line(envelope: type[Envelope]) -> Schema:
    """The envelope as it is sent: whatever is always sent is there, and so is the signature."""
    schema = model_schema(envelope, _ELSEWHERE)
    always = [name for name in envelope.model_fields if name not in envelope.OPTIONAL]
    for name in always:
        schema["properties"][name].pop("default", None)
    schema["properties"]["signature"] = _SIGNATURE
    return schema | {"required": [*always, "signature"]}


def _result(tool: str, result: type[BaseModel]) -> Schema:
    if file := _ELSEWHERE.get(result.__name__):
        return {"$schema": JSON_SCHEMA_DIALECT, "title": f"Result of {tool}", "$ref": file}
    return model_schema(result, _ELSEWHERE)
