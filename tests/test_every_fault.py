"""Every fault found by trying has a test that keeps it fixed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "shared" / "cases" / "README.md"
LATER = {"E3", "E4", "E5", "E7"}
"""An identity provider of one's own, generated clients, the page of the API, the wheel: not cured yet."""


def marked(path: Path) -> Iterator[str]:
    """Yield the faults that the tests of a file name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fault":
            yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def test_every_fault_has_a_test_that_names_it() -> None:
    if not PAGE.exists():
        pytest.skip("the page of faults is not here: ../shared/cases/README.md")
    found = set(re.findall(r"^\| ([A-F]\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert len(found) > 70
    named = {name for path in HERE.glob("test_*.py") for name in marked(path)}
    assert found - LATER - named == set(), "no test keeps these cured"
    assert named <= found, "no such fault"
