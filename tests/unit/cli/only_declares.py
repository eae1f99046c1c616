"""Says whether a module does nothing but declare tools and models."""

import ast

from toolwire.cli.declarations.module import IMPORTS

BUILT_IN = {"bool", "bytes", "dict", "float", "int", "list", "str", "tuple", "None"}
CALLED = {"AliasChoices", "ConfigDict", "Field", "TypeAdapter", "declare", "declare_job"}
LEFT_OUT = "lambda value: value is None"
SHAPES = (
    ast.Name,
    ast.Constant,
    ast.Subscript,
    ast.Tuple,
    ast.BinOp,
    ast.BitOr,
    ast.UnaryOp,
    ast.USub,
    ast.keyword,
    ast.Load,
)


def only_declares(source: str) -> None:
    """Fail for everything that is no import, model or declaration."""
    body = ast.parse(source).body
    classes = {node.name for node in body if isinstance(node, ast.ClassDef)}
    for node in body:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.Import() | ast.ImportFrom():
                _check_import(node)
            case ast.ClassDef(bases=[ast.Name(id="BaseModel")], keywords=[], decorator_list=[]):
                for inner in node.body:
                    _check_field(inner, classes)
            case ast.Assign(
                targets=[ast.Name()], value=ast.Call(func=ast.Name(id="declare" | "declare_job"))
            ):
                _check(node.value, classes)
            case _:
                raise AssertionError(ast.unparse(node))


def _check_import(node: ast.Import | ast.ImportFrom) -> None:
    text = ast.unparse(node)
    if text in {"import datetime as dt", "from __future__ import annotations"}:
        return
    assert isinstance(node, ast.ImportFrom), text
    assert all(IMPORTS[alias.name] == node.module and alias.asname is None for alias in node.names), text


def _check_field(node: ast.stmt, classes: set[str]) -> None:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            pass
        case ast.Assign(targets=[ast.Name(id="model_config")], value=value):
            _check(value, classes)
        case ast.AnnAssign(target=ast.Name(), annotation=annotation, value=value):
            _check(annotation, classes)
            if value is not None and ast.unparse(value) not in {"[]", "{}"}:
                _check(value, classes)
        case _:
            raise AssertionError(ast.unparse(node))


def _check(node: ast.AST, classes: set[str]) -> None:
    """An expression of nothing but types, literals, and calls that describe them."""
    match node:
        case ast.Lambda():
            assert ast.unparse(node) == LEFT_OUT
            return
        case ast.Attribute(value=ast.Name(id="dt")):
            return
        case ast.Call(func=ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name))):
            assert name in CALLED, ast.unparse(node)
        case ast.Name(id=name):
            assert name in IMPORTS or name in BUILT_IN or name in classes, name
        case _:
            assert isinstance(node, SHAPES), ast.unparse(node)
    for inner in ast.iter_child_nodes(node):
        _check(inner, classes)
