"""docs/journeys.md names what there is: every call is a route of the contracts, every test is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from accord.embedded.keys import ROLES
from services.gateway.rest.contract import load

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "journeys.md").read_text("utf-8")
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
CALLS = [each for each in SPANS if re.match(r"(GET |POST |PATCH )?(/v1/|…/|…:|:[a-z])", each)]
TESTS = sorted(set(re.findall(r"`(tests/test_\w+\.py)(?:::(\w+))?`", PAGE)))
IN_THE_TABLE = re.findall(r"^\| (.+?) \| .+? \| (`tests/.+?) \|$", PAGE.partition("## Each role")[2], re.MULTILINE)
DEMANDED = {
    "grid worker", "clerk", "duty officer", "handler", "co-unit", "mediator", "second mediator", "assessor", "reviewer",
    "centre head", "township supervisor", "county supervisor", "city supervisor", "province supervisor",
    "court officer", "police officer", "petition officer", "hotline officer", "department", "expert",
    "lead official and cover", "task-force secretary", "reporter", "party", "agent",
}  # fmt: skip


@cache
def routes() -> frozenset[tuple[str, str]]:
    """Return the method and path of every route, with `*` wherever something is named."""
    found = {("GET", "/v1/account")}  # by the gateway itself: services/gateway/account.py
    for rpc in load().rpcs:
        for rule in rpc.rules:
            method = str(rule.WhichOneof("pattern"))
            path = re.sub(r"\{[a-z_.]+=([^}]+)\}", r"\1", getattr(rule, method))
            found.add((method.upper(), re.sub(r"\{[a-z_.]+\}", "*", path)))
    return frozenset(found)


def is_there(call: str) -> bool:
    """Tell whether a call is a route, or the end of one where only its end is written."""
    method, _, path = call.rpartition(" ")
    path = re.sub(r"\{[a-z]+\}", "*", path.partition("?")[0]).replace("/-", "/*")
    written = path.lstrip("…")
    return any(
        (not method or method == each) and (route == path if path.startswith("/v1/") else route.endswith(written))
        for each, route in routes()
    )


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_is_named_is_a_route(call: str) -> None:
    assert is_there(call), call


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    there = {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not name or name in there, f"{file}::{name}"


def test_every_role_has_a_test_in_the_table() -> None:
    assert {role for role, _ in IN_THE_TABLE} == DEMANDED
    assert all("::test_" in tests for _, tests in IN_THE_TABLE)
    assert len(CALLS) > 150


def test_every_role_of_a_person_in_an_office_is_somebodys_there() -> None:
    # Machines, and whoever runs or checks the system, have their own pages.
    elsewhere = {"service", "gateway", "integrator", "operator", "auditor", "citizen"}
    spoken = PAGE.partition("## Each role")[2]
    assert [role for role in ROLES if role not in elsewhere and f"`{role}`" not in spoken] == []
