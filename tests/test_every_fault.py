"""Every fault found by trying has a test that keeps it fixed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "shared" / "cases" / "README.md"
TABLE = HERE.parent / "docs" / "faults.md"


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
    assert found - named == set(), "no test keeps these cured"
    assert named <= found, "no such fault"


def test_the_table_names_a_file_of_tests_for_each_fault() -> None:
    rows = re.findall(r"^\| ([A-F]\d+) \| .+? \| (.+) \|$", TABLE.read_text("utf-8"), re.MULTILINE)
    told = {fault: set(re.findall(r"`tests/(test_\w+\.py)`", files)) for fault, files in rows}
    for fault, files in told.items():
        assert files, fault
        for name in files:
            assert fault in set(marked(HERE / name)), f"{fault}: {name} does not name it"
    assert len(told) > 70
