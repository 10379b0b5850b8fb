"""A code that left the list of units: its matters are reached from above, and by the successor; the start names it."""

from __future__ import annotations

import shutil
from pathlib import Path

import grpc
import pytest
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import mediation_pb2

from accord.embedded.stack import Stack
from casework.units import Retired, UnitTree
from services.kit.rules import RulesError, load_rules
from services.kit.serving.access import Access
from services.kit.serving.tokens import Caller
from services.kit.storage.database import Database
from services.kit.storage.start_checks import name_missing
from tests.conftest import Clients
from tests.scratch import Scratch, execute
from tests.still import shipped_rules
from tests.test_rules import SHIPPED

DROPPED, TOWNSHIP, HEIR = "620102001001", "620102001", "620103001001"
UNLISTED = "620102001999"
"""A village no list has: what a code is that was dropped without a word."""


@pytest.fixture(scope="module")
def tree() -> UnitTree:
    """Return the units as they were shipped, but for one village that was retired."""
    units = shipped_rules(SHIPPED).units
    return UnitTree(
        (unit for unit in units if unit.code != DROPPED), units.departments.values(),
        [Retired(DROPPED, "旧村", HEIR)],
    )  # fmt: skip


@pytest.mark.fault("D6")
def test_a_dropped_code_hangs_on_the_nearest_unit_that_is_left(tree: UnitTree) -> None:
    assert DROPPED not in tree
    assert tree.path(DROPPED) == ("cn", "62", "6201", "620102", TOWNSHIP, DROPPED)
    assert tree.parent("629999999999") == "62"
    assert (tree.known(DROPPED).name, tree.known(UNLISTED).name) == ("旧村", UNLISTED)
    assert tree.successor(DROPPED) == HEIR
    assert tree.successor(TOWNSHIP) is None
    assert not tree.contains(TOWNSHIP, DROPPED)  # nothing new is given to it


@pytest.mark.fault("D6")
def test_who_stands_above_and_the_successor_decide_about_a_dropped_code_and_nobody_beside(tree: UnitTree) -> None:
    access = Access(SHIPPED / "access", tree)

    def allowed(unit: str, code: str = DROPPED, permission: str = "cases.get") -> bool:
        return access.allows(Caller("x", frozenset({"handler"}), unit), permission, code)

    assert all(allowed(unit) for unit in ("cn", "62", "620102", TOWNSHIP, HEIR, "620103"))
    assert not allowed("620102002")
    assert not allowed("6202")
    assert allowed(TOWNSHIP, UNLISTED)
    assert not allowed(HEIR, UNLISTED)
    assert allowed(HEIR, permission="letters.reply"), "what a unit alone may do, its successor does in its place"
    assert not allowed(TOWNSHIP, permission="letters.reply")
    assert allowed(TOWNSHIP, UNLISTED, "letters.reply"), "and without one the nearest unit that is left"
    assert not allowed("cn", "")
    assert not allowed("cn", "62%")


@pytest.mark.fault("D6")
def test_retired_codes_are_data_and_checked(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(SHIPPED, rules)
    index = rules / "units" / "units.yaml"
    index.write_text(index.read_text("utf-8").replace("files:\n", "retired: retired.csv\nfiles:\n", 1), "utf-8")
    retired = rules / "units" / "retired.csv"
    retired.write_text("code,name,successor,since\n620102001999,旧村,620102001001,2026-06-30\n", "utf-8")
    assert load_rules(rules).units.successor(UNLISTED) == "620102001001"
    retired.write_text("code,name,successor,since\n620102001001,还在,,\n620102001999,旧村,620102001998,\n", "utf-8")
    with pytest.raises(RulesError) as refused:
        load_rules(rules)
    told = " ".join(map(str, refused.value.problems))
    assert "retired.csv" in told
    assert "620102001998 is not a unit" in told


@pytest.mark.fault("D6")
async def test_a_case_of_a_dropped_code_is_read_from_above_and_named_at_the_start(
    stack: Stack, clients: Clients
) -> None:
    case = await clients.accept(await clients.file_report())
    number = case.name.removeprefix("cases/")
    main = Scratch.main(stack)
    await execute(
        main,
        f"UPDATE mediation.cases SET unit = '{UNLISTED}' WHERE number = '{number}'",
        f"UPDATE intake.reports SET unit = '{UNLISTED}' WHERE number = '{number}'",
    )
    try:
        for unit in (TOWNSHIP, "620102", "62", "cn"):
            found = await clients.mediation.GetCase(
                mediation_pb2.GetCaseRequest(name=case.name), **clients.as_("handler", unit)
            )
            assert found.unit == f"units/{UNLISTED}"
            report = await clients.intake.GetReport(
                intake_pb2.GetReportRequest(name=f"reports/{number}"), **clients.as_("clerk", unit)
            )
            assert report.unit == f"units/{UNLISTED}"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await clients.mediation.GetCase(
                mediation_pb2.GetCaseRequest(name=case.name), **clients.as_("handler", "620103")
            )
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        database = Database(main.role("mediation"), 1)
        try:
            missing = await name_missing(database, "mediation", shipped_rules(SHIPPED).units)
        finally:
            await database.close()
        assert missing[UNLISTED] == (1, 1)
    finally:
        await execute(
            main,
            f"UPDATE mediation.cases SET unit = '620102' WHERE number = '{number}'",
            f"UPDATE intake.reports SET unit = '620102' WHERE number = '{number}'",
        )
