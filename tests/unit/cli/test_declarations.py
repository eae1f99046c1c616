"""A catalogue as a Python module: it means what the catalogue says, and nothing in it becomes code."""

import ast
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import gallery, served
from tests.gallery import Point, Tree
from tests.unit.cli.only_declares import only_declares
from toolwire.cli.declarations.literals import docstring
from toolwire.cli.declarations.module import MARK, write_module
from toolwire.contracts.builtin import Catalogue
from toolwire.contracts.descriptors import Annotations, ToolDescriptor
from toolwire.contracts.errors import InvalidArguments
from toolwire.contracts.tools import Contract, JobTool
from toolwire.services import Service, demo

HINTS = Annotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)

Load = Callable[[str], ModuleType]


def catalogue_of(service: Service[Any]) -> Catalogue:
    return Catalogue(tools=tuple(spec.descriptor for spec in service.tools.values()))


def tool(
    name: str = "tool", description: str = "", title: str | None = None, **schemas: Any
) -> ToolDescriptor:
    """A tool as a hostile server may describe it."""
    return ToolDescriptor(
        name=name,
        title=title,
        description=description,
        kind="tool",
        inputSchema=schemas.get("takes", {"type": "object", "properties": {}}),
        outputSchema=schemas.get("gives", {"type": "integer"}),
        annotations=HINTS,
        tool_rev="A" * 43,
    )


def written(*tools: ToolDescriptor) -> str:
    return write_module(gallery.SERVER, Catalogue(tools=tools))


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Imports a module's text."""
    loaded: list[str] = []

    def load(text: str) -> ModuleType:
        name = f"declared_{len(loaded)}"
        loaded.append(name)
        file = tmp_path / f"{name}.py"
        file.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in loaded:
        del sys.modules[name]


# --- it means what the catalogue says ---


def test_the_same_catalogue_gives_the_same_module_in_any_order() -> None:
    catalogue = catalogue_of(gallery.service)
    text = write_module(gallery.SERVER, catalogue)
    assert text == write_module(gallery.SERVER, Catalogue(tools=catalogue.tools[::-1]))
    assert text.startswith(f"{MARK}\n")
    assert all(spec.tool_rev in text for spec in catalogue.tools)


@pytest.mark.parametrize("service", [gallery.service, served.service, demo.service], ids=str)
def test_every_tool_is_declared(load: Load, service: Service[Any]) -> None:
    text = write_module(gallery.SERVER, catalogue_of(service))
    only_declares(text)
    module = load(text)
    declared: list[Contract[..., Any]] = [
        each for each in vars(module).values() if isinstance(each, Contract)
    ]
    kinds = {each.name: "job" if isinstance(each, JobTool) else "tool" for each in declared}
    assert kinds == {spec.name: spec.kind for spec in service.tools.values()}


def test_arguments_are_sent_as_the_service_takes_them(load: Load) -> None:
    service = gallery.service
    module = load(write_module(gallery.SERVER, catalogue_of(service)))
    tree = module.Tree(children=[module.Tree()], point=module.Point(x=4, from_="there"))
    sent = module.plant_tree_1.encode(tree)
    [taken], _ = service.tools["plant.tree-1"].signature.decode(sent)
    assert taken == Tree(children=[Tree()], point=Point.model_validate({"x": 4, "from": "there"}))
    with pytest.raises(InvalidArguments, match="/at"):
        module.points.encode(module.PointsArguments(at="a").model_copy(update={"at": "b"}))
    assert module.points.encode(module.PointsArguments(at="a", copy_=4)) == {"at": "a", "copy": 4}
    assert module.ping.encode() == {}
    assert module.class_.encode(module.GrowArguments(steps=2)) == {"steps": 2}


def test_defaults_that_only_the_service_can_make_are_left_to_it(load: Load) -> None:
    service = gallery.service
    module = load(write_module(gallery.SERVER, catalogue_of(service)))
    sent = module.plant_tree_1.encode(module.Tree())
    assert not sent.keys() & {"pair", "other"}
    assert service.tools["plant.tree-1"].signature.decode(sent) == ((Tree(),), {})


def test_results_are_read_as_the_service_gives_them(load: Load) -> None:
    service = gallery.service
    module = load(write_module(gallery.SERVER, catalogue_of(service)))
    tree = Tree(children=[Tree()], notes=["old"])
    told = service.tools["plant.tree-1"].signature.returns.dump_python(tree, mode="json", by_alias=True)
    read = module.plant_tree_1.decode_result(told)
    assert (read.notes, read.children[0].kind, read.other.from_) == (["old"], "leaf", "here")
    assert read.other.seen == Point().seen
    assert module.points.decode_result(None) is None
    assert module.class_.decode_result({"a": 1}) == {"a": 1}


def test_descriptions_are_docstrings() -> None:
    text = write_module(gallery.SERVER, catalogue_of(gallery.service))
    assert '"""Plant it.\n\nAnd water it.\n"""' in text
    assert '    """A point."""' in text
    assert '    """How far right."""' in text


# --- names ---


def test_names_that_python_cannot_write(load: Load) -> None:
    names = [
        "a.b",
        "a-b",
        "a_b",
        "3d",
        "_x",
        "__name__",
        "class",
        "declare",
        "Field",
        "list",
        "dt",
        "BaseModel",
    ]
    text = written(*map(tool, names))
    only_declares(text)
    declared: dict[str, Contract[..., Any]] = {
        name: found for name, found in vars(load(text)).items() if isinstance(found, Contract)
    }
    assert {name: found.name for name, found in declared.items()} == {
        "a_b_": "a.b",
        "a_b": "a-b",
        "a_b_2": "a_b",
        "tool_3d": "3d",
        "tool_x": "_x",
        "tool_name": "__name__",
        "class_": "class",
        "declare_": "declare",
        "Field_": "Field",
        "list_": "list",
        "dt_": "dt",
        "BaseModel_": "BaseModel",
    }


def model(title: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "title": title, "properties": properties, "additionalProperties": False}


def test_models_of_one_name_are_told_apart_and_equal_ones_are_one(load: Load) -> None:
    one, other = model("Order", a={"type": "integer"}), model("Order", b={"type": "string"})
    module = load(
        written(tool("a", takes=one), tool("b", takes=one), tool("c", takes=other), tool("d", gives=one))
    )
    assert module.a.signature.model is module.b.signature.model is module.Order
    assert module.c.signature.model is module.OrderArguments
    assert module.d.signature.result is module.OrderResult


def test_fields_that_python_or_pydantic_keep(load: Load) -> None:
    names = ["class", "copy", "model_dump", "_a", "1", "a b", "a-b", "int", "Any", "x", "Order", "dt", "None"]
    takes = model("Order", **{name: {"type": "integer"} for name in names}) | {"required": names}
    module = load(written(tool(takes=takes)))
    fields = module.Order.model_fields
    order = module.Order(**{field: number for number, field in enumerate(fields)})
    assert module.tool.encode(order) == {name: number for number, name in enumerate(names)}
    assert {"x", "class_", "copy_", "a_b", "a_b_"} <= fields.keys()


# --- hostile catalogues ---

NASTY = [
    '"""',
    "'''",
    '\\"""',
    "\\",
    'a"',
    '""',
    '"""\nimport os\nos.abort()\n"""',
    "\n# tool_rev\nimport os",
    "\\N{DIGIT ONE}",
    "\x00\x1b[2J",
    "\u2028\u202e",
    "{__import__('os').abort()}",
    "'); import os; ('",
    "__class__",
    "x: int = __import__('os')",
    "",
    " ",
]
texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"])))


@given(text=texts)
def test_a_docstring_is_its_text(text: str) -> None:
    [statement] = ast.parse("\n".join(docstring(text))).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)
    assert isinstance(statement.value.value, str)


def everywhere(text: str) -> ToolDescriptor:
    """One text in every place that takes any."""
    schema = {
        "title": text,
        "description": text,
        "type": "object",
        "properties": {
            text: {"type": "string", "description": text, "default": text, "title": text},
            "enum": {"enum": [text, "b"], "default": text},
            "const": {"const": text},
            "pattern": {"type": "string", "pattern": text},
            "format": {"type": "string", "format": text},
            "kind": {"type": text},
            "ref": {"$ref": text},
            "local": {"$ref": f"#/$defs/{text}"},
            "default": {"type": "array", "items": {"type": text}, "default": [text]},
            "x-python-import": {"module": text, "name": text},
            "limit": {"type": "integer", "minimum": text, "default": {text: text}},
        },
        "required": [text],
        "$defs": {text: {"title": text, "type": "object", "properties": {"a": {"const": text}}}},
        "customBasePath": text,
        "x-python-type": text,
    }
    inline = {"type": "object", "properties": {"deep": {**schema, "$defs": {}}}}
    return tool(
        description=text, title=text, takes=schema, gives={"anyOf": [schema, inline, {"const": text}]}
    )


@pytest.mark.parametrize("text", NASTY)
def test_no_text_becomes_code(text: str, load: Load) -> None:
    source = written(everywhere(text))
    only_declares(source)
    load(source)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=25)
@given(text=texts)
def test_no_other_text_becomes_code(text: str) -> None:
    only_declares(written(everywhere(text)))


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
KEYWORDS = [
    *("$ref", "type", "properties", "items", "anyOf", "oneOf", "enum", "const", "default", "required"),
    *(
        "prefixItems",
        "minItems",
        "maxItems",
        "additionalProperties",
        "pattern",
        "minLength",
        "title",
        "format",
    ),
]
WORDS = st.sampled_from(["object", "array", "string", "integer", "#/$defs/a", "date-time", "a", 1, True])
Strategy = st.SearchStrategy[Any]


def schemas_around(inner: Strategy) -> Strategy:
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(texts, inner, max_size=2)}
        ),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=2)}),
        st.fixed_dictionaries({"$defs": st.fixed_dictionaries({"a": inner}), "$ref": st.just("#/$defs/a")}),
    )


schemas: Strategy = st.recursive(
    st.dictionaries(st.sampled_from(KEYWORDS), st.one_of(WORDS, json_values), max_size=4),
    schemas_around,
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=25)
@given(takes=schemas, gives=schemas)
def test_no_schema_breaks_the_writer(takes: Any, gives: Any) -> None:
    only_declares(written(tool(takes=json.loads(json.dumps(takes)), gives=json.loads(json.dumps(gives)))))


ODD: list[Any] = [
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}},
    {"$ref": "https://example.org/schema.json"},
    {"type": "string", "pattern": "(?=a)", "minLength": -1, "maxLength": 2.5},
    {"type": "integer", "multipleOf": 0, "minimum": 10**400},
    {"type": "array", "items": {"type": "array", "items": True}, "minItems": "a"},
    {"type": "array", "prefixItems": [{"type": "integer"}], "minItems": 1, "maxItems": 1},
    {"type": ["string", "null"]},
    {"enum": [1.5, [], {}]},
    {"enum": []},
    True,
]


@pytest.mark.parametrize("schema", ODD, ids=json.dumps)
def test_odd_schemas_are_declared_all_the_same(schema: Any, load: Load) -> None:
    takes: dict[str, Any] = {"type": "object", "properties": {"a": schema}}
    if "$defs" in str(schema):
        takes["$defs"] = schema["$defs"]
    source = written(tool(takes=takes, gives={"type": "object", "properties": {"a": schema}}))
    only_declares(source)
    load(source)


def test_deep_schemas() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    only_declares(written(tool(gives=schema)))
