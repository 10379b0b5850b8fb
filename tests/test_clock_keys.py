"""A key of a clock belongs to one noun: no two start clocks of a case under keys that begin alike, or stop the other's.

What supervision opens has files of its own, so that keys that begin alike do not meet there.
"""

from __future__ import annotations

import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
SHARED = {"close"}
"""A case is closed, and handled again after it was reopened."""
STARTS = {"start_clock": 1, "new": 1, "_new": 0}
"""Which argument of a call is the key."""


def literal(node: ast.expr, module: ModuleType) -> str:
    """Return how a key begins, as far as the source says it: constants are looked up, the rest ends it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        found = getattr(module, node.id, None)
        return found if isinstance(found, str) else ""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = getattr(getattr(module, node.value.id, None), node.attr, None)
        return found if isinstance(found, str) else ""
    begun = ""
    for part in node.values if isinstance(node, ast.JoinedStr) else []:
        piece = literal(part.value if isinstance(part, ast.FormattedValue) else part, module)
        begun += piece
        if not piece:
            break
    return begun


def keys(service: str) -> Iterator[tuple[str, str]]:
    """Yield how the key of a clock that is started begins, and the noun that starts it."""
    for path in sorted((ROOT / "services" / service).rglob("*.py")):
        if "migrations" in path.parts:
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            at = STARTS.get(node.func.attr)
            if at is not None and len(node.args) > at and (begun := literal(node.args[at], module)):
                yield begun.rstrip("-"), str(path.parent.relative_to(ROOT))


def test_keys_that_begin_alike_are_of_one_noun() -> None:
    found = defaultdict(set)
    for begun, noun in keys("mediation"):
        found[begun].add(noun)
    assert {"close", "review", "agreement_review", "objection_decision"} <= found.keys()
    assert {begun for begun, nouns in found.items() if len(nouns) > 1} == SHARED
