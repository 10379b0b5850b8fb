"""Checks the text of a template against the data class it is filled from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

# docxtpl's tags that take a whole row, cell, paragraph or run with them.
_WHOLE = re.compile(r"(\{[%{#])(?:tr|tc|p|r)(?=\s)")
_LOOP = {"first": bool, "last": bool, "index": int, "length": int}
_ENVIRONMENT = SandboxedEnvironment()
Fault = tuple[int, str]


def faults(text: str, sheet: type) -> Iterator[Fault]:
    """Yield what is wrong with a template's text, with lines: an unknown name, or a forbidden construct."""
    try:
        tree = _ENVIRONMENT.parse(_WHOLE.sub(r"\1", text))
    except TemplateSyntaxError as error:
        yield error.lineno, f"is not a template: {error.message}"
        return
    yield from _Walk().body(tree.body, dict(_fields(sheet)))


@cache
def _fields(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


class _Walk:
    """Walks a template's tree with the type of each name."""

    def body(self, body: list[nodes.Node], names: dict[str, Any]) -> Iterator[Fault]:
        for node in body:
            yield from self.statement(node, names)

    def statement(self, node: nodes.Node, names: dict[str, Any]) -> Iterator[Fault]:
        if isinstance(node, nodes.Output):
            for each in node.nodes:
                if isinstance(each, nodes.TemplateData):
                    continue
                kind, found = self.value(each, names)
                yield from found
                if not found and kind is not str and kind is not int:
                    yield each.lineno, f"shows {self.spell(each)}, which is not text"
        elif isinstance(node, nodes.If):
            yield from self.value(node.test, names)[1]
            for part in (node.body, node.elif_, node.else_):
                yield from self.body(list(part), names)
        elif isinstance(node, nodes.For):
            yield from self.repeat(node, names)
        else:
            yield node.lineno, f"uses {type(node).__name__.lower()}, which is not allowed in form templates"

    def repeat(self, node: nodes.For, names: dict[str, Any]) -> Iterator[Fault]:
        kind, found = self.value(node.iter, names)
        yield from found
        if found:
            return
        if get_origin(kind) is not tuple or not isinstance(node.target, nodes.Name) or node.test or node.recursive:
            yield node.lineno, f"repeats over {self.spell(node.iter)}, which is not a list"
            return
        inner = {**names, node.target.name: get_args(kind)[0], "loop": _LOOP}
        yield from self.body(node.body, inner)
        yield from self.body(node.else_, names)

    def value(self, node: nodes.Node, names: dict[str, Any]) -> tuple[Any, list[Fault]]:
        """Return the type of an expression, and its faults."""
        if isinstance(node, nodes.Const):
            return type(node.value), []
        if isinstance(node, nodes.Name):
            if node.name in names:
                return names[node.name], []
            return None, [(node.lineno, f"names {node.name}, which this form does not have")]
        if isinstance(node, nodes.Getattr):
            return self.attribute(node, names)
        if isinstance(node, nodes.And | nodes.Or | nodes.Not | nodes.Compare):
            inner = [fault for each in node.iter_child_nodes() for fault in self.value(each, names)[1]]
            return bool, inner
        if isinstance(node, nodes.Operand):
            return self.value(node.expr, names)
        return None, [(node.lineno, f"uses {type(node).__name__.lower()}, which is not allowed in form templates")]

    def attribute(self, node: nodes.Getattr, names: dict[str, Any]) -> tuple[Any, list[Fault]]:
        kind, found = self.value(node.node, names)
        if found:
            return None, found
        known: dict[str, Any] = {}
        if isinstance(kind, dict):
            known = kind
        elif isinstance(kind, type) and is_dataclass(kind):
            known = _fields(kind)
        if node.attr in known:
            return known[node.attr], []
        return None, [(node.lineno, f"names {self.spell(node)}, which this form does not have")]

    def spell(self, node: nodes.Node) -> str:
        """Return an expression as it is written, as far as it is a name."""
        if isinstance(node, nodes.Getattr):
            return f"{self.spell(node.node)}.{node.attr}"
        return node.name if isinstance(node, nodes.Name) else "an expression"
