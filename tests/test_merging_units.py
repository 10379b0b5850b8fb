"""Two units become one at the turn of the year: what is open goes to the successor in one act; its clocks run on."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from pb.clock.v1 import clock_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from accord.embedded.stack import Stack
from accord.sign_in import login as logins
from accord.sign_in.login import Login
from tests.conftest import Clients
from tests.runbooks import follow
from tests.scratch import Scratch
from tests.test_backups import accord, refusal

OLD, NEW, ABOVE = "620105001", "620105002", "6201"
"""Two streets of a district in which no other test has a case."""


@pytest.fixture
def as_above(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign in the duty officer of the city at the command line."""
    monkeypatch.setenv(logins.FILE_VARIABLE, str(tmp_path / "login.json"))
    token, until = stack.token("duty_officer", ABOVE), int(time.time()) + 3600
    logins.store(Login(stack.urls["api"], "accord-embedded", "accord-cli", token, until))


async def opened(clients: Clients) -> case_pb2.Case:
    """Return a new case of the unit that ends."""
    return await clients.accept(await clients.file_report(unit=f"units/{OLD}"))


async def seen(clients: Clients, name: str) -> case_pb2.Case:
    """Return a case as the city sees it."""
    request = mediation_pb2.GetCaseRequest(name=name)
    case: case_pb2.Case = await clients.mediation.GetCase(request, **clients.as_("duty_officer", ABOVE))
    return case


async def running(clients: Clients, name: str) -> dict[str, tuple[int, str]]:
    """Return the running clocks of a case: when each is due, and whose it is."""
    request = clock_pb2.ListClocksRequest(service="mediation", case=name, running=True, page_size=100)
    found = await clients.clocks["mediation"].ListClocks(request, **clients.as_("duty_officer", ABOVE))
    return {each.name: (each.due_time.seconds, each.unit) for each in found.clocks}


async def test_what_is_open_at_a_unit_goes_to_its_successor_in_one_act_that_was_shown(
    stack: Stack, clients: Clients, as_above: None
) -> None:
    at = ("--state", str(stack.folder.root))
    first, second = await opened(clients), await opened(clients)
    waiting = await clients.file_report(unit=f"units/{OLD}")
    before = await running(clients, first.name)
    assert before

    shown = await follow("Merge or move a unit", STATE=stack.folder.root)
    assert {first.name, second.name} <= set(re.findall(r"cases/\S+", shown))
    assert re.search(r"[1-9]\d* reports not yet accepted", shown)
    stale = shown.split("--confirm ")[1].split()[0]
    assert (await seen(clients, first.name)).unit == f"units/{OLD}", "it was shown, not done"
    third = await opened(clients)
    assert "changed since the preview" in await refusal("units", "merge", OLD, NEW, "--confirm", stale, *at)

    again = await accord("units", "merge", OLD, NEW, *at)
    confirm = again.output.split("--confirm ")[1].split()[0]
    done = await accord("units", "merge", OLD, NEW, "--confirm", confirm, *at)
    assert done.exit_code == 0, (done.output, done.exception)
    assert ", 0 could not" in done.output
    for case in (first, second, third):
        assert (await seen(clients, case.name)).unit == f"units/{NEW}"
    after = await running(clients, first.name)
    assert {name: due for name, (due, _) in after.items()} == {name: due for name, (due, _) in before.items()}
    assert f"units/{OLD}" not in {unit for _, unit in after.values()}
    connection = await Scratch.main(stack).connect("mediation")
    try:
        told = "SELECT actor, payload FROM events WHERE number = $1 AND kind = 'CaseTransferred'"
        (event,) = await connection.fetch(told, first.name.removeprefix("cases/"))
    finally:
        await connection.close()
    assert event["actor"] == f"demo-duty_officer-{ABOVE}", "a person moved it, by name"
    nothing = await accord("units", "merge", OLD, NEW, *at)
    assert f"0 cases would go from {OLD}" in nothing.output
    assert waiting.unit == f"units/{OLD}"


async def test_nobody_merges_what_is_not_below_them(stack: Stack, clients: Clients, as_above: None) -> None:
    elsewhere = await refusal("units", "merge", "6301", "6302", "--state", str(stack.folder.root))
    assert "PERMISSION_DENIED" in elsewhere
