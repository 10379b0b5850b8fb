"""What is annotated with `Any` is checked by nobody: the product's code does so only where no type can be said."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST = 10
"""Rows whose columns are known to the database alone, what libraries hand on, JSON of any shape."""


def unsaid() -> Iterator[str]:
    """Yield every parameter and return value of the product's code that is exactly `Any`."""
    for package in ("accord", "casework", "services", "workflows"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                    given = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
                    yield from (f"{place}({each.arg})" for each in given if _is_any(each.annotation))
                    if _is_any(node.returns):
                        yield f"{place} ->"


def _is_any(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) in ("Any", "typing.Any")


def test_hardly_anything_is_annotated_any() -> None:
    found = list(unsaid())
    assert len(found) <= MOST, "\n".join(found)
