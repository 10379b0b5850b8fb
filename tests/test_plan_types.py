"""Plan types in versions: draft, published, retired; what is published does not change, on paper or in a database."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from accord.commands.rules_command import rules_app
from accord.embedded.stack import Stack
from accord.rules_place import SHIPPED
from casework.mediation.plan import PlanState
from casework.mediation.plans import data
from services.kit.rules import Rules, RulesError, load_rules
from services.kit.serving.businesstime import BusinessTime
from services.kit.storage.database import Database
from services.mediation.plan_types import keeping
from tests.conftest import COUNTY
from tests.outside import Desk
from tests.scratch import dropped, migrated
from tests.still import shipped_rules

WAGES = "wages.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the shipped rules with a draft of the next version of wages."""
    shutil.copytree(SHIPPED, tmp_path / "rules")
    draft(tmp_path / "rules")
    return tmp_path / "rules"


def draft(folder: Path) -> Path:
    """Write the next version of wages: the ledger within four days, and a step that is new."""
    text = (folder / "plans" / WAGES).read_text("utf-8")
    start = text.index("state:")
    text = text[:start] + "state: draft\n" + text[text.index("zh:", start) :]
    text = text.replace("2026-11", "2027-03").replace("due_days: 5", "due_days: 4")
    new = folder / "plans" / "wages-2027-03.yaml"
    new.write_text(text, "utf-8")
    return new


def problems(folder: Path) -> list[str]:
    """Return what is wrong with a folder of rules."""
    try:
        load_rules(folder)
    except RulesError as error:
        return [str(each) for each in error.problems]
    return []


def test_a_draft_opens_no_case_and_publishing_it_retires_the_version_before(folder: Path) -> None:
    before = load_rules(folder).plans
    assert before.choose("labour", "high").version == "2026-11"
    assert before.versions["wages", "2027-03"].state is PlanState.DRAFT
    result = CliRunner().invoke(rules_app, ["publish", str(folder / "plans" / "wages-2027-03.yaml")])
    assert (result.exit_code, result.stdout) == (0, "published wages 2027-03, retired wages 2026-11\n")
    after = load_rules(folder).plans
    assert after.choose("labour", "high").version == "2027-03"
    assert after.versions["wages", "2026-11"].state is PlanState.RETIRED
    again = CliRunner().invoke(rules_app, ["publish", str(folder / "plans" / "wages-2027-03.yaml")])
    assert (again.exit_code, "is not a draft" in again.stderr) == (1, True)


def test_a_published_version_that_says_something_else_is_named_with_its_line(folder: Path) -> None:
    file = folder / "plans" / WAGES
    file.write_text(file.read_text("utf-8").replace("due_days: 10", "due_days: 11"), "utf-8")
    (found,) = problems(folder)
    assert found.startswith(
        "rules/plans/wages.yaml:5: digest: 2026-11 is published, and this is not what was published"
    )
    file.write_text(file.read_text("utf-8").replace("state: published", "state: retired"), "utf-8")
    assert any("2026-11 is retired, and this is not" in each for each in problems(folder))


def test_one_version_of_a_type_is_published(folder: Path) -> None:
    file = folder / "plans" / "wages-2027-03.yaml"
    file.write_text(file.read_text("utf-8").replace("state: draft", "state: published"), "utf-8")
    assert any(": state: 'wages' is published in rules/plans/" in each for each in problems(folder))


def test_what_was_retired_is_no_mistake_by_what_came_later(folder: Path) -> None:
    CliRunner().invoke(rules_app, ["publish", str(folder / "plans" / "wages-2027-03.yaml")])
    limits = folder / "limits" / "house.yaml"
    text = limits.read_text("utf-8")
    start = text.index("  - name: close_medium")
    limits.write_text(text[:start] + text[start:].replace("n: 15", "n: 13", 1), "utf-8")
    assert any(each.startswith("rules/plans/wages-2027-03.yaml") for each in problems(folder))
    assert not any(each.startswith("rules/plans/wages.yaml") for each in problems(folder))


def test_a_version_is_the_same_out_of_its_data() -> None:
    for plan in shipped_rules(SHIPPED).plans.versions.values():
        assert data.from_data(data.to_data(plan), plan.state) == plan


async def test_a_service_does_not_start_with_other_words_under_a_published_version(folder: Path, stack: Stack) -> None:
    scratch = await migrated(stack, "plan_types")
    database = Database(scratch.role("mediation"), 2)

    async def start(rules: Rules) -> None:
        parts: Any = SimpleNamespace(rules=rules, database=database, time=BusinessTime())
        await keeping.keep(parts)

    try:
        await start(shipped_rules(SHIPPED))
        await start(load_rules(folder))
        CliRunner().invoke(rules_app, ["publish", str(folder / "plans" / "wages-2027-03.yaml")])
        await start(load_rules(folder))
        # Digest and content are changed together: the file is sound, and not what cases were opened with.
        file = folder / "plans" / "wages-2027-03.yaml"
        text = file.read_text("utf-8").replace("due_days: 4", "due_days: 3").replace("state: published", "state: draft")
        file.write_text(text, "utf-8")
        CliRunner().invoke(rules_app, ["publish", str(file)])
        assert problems(folder) == []
        with pytest.raises(SystemExit, match="wages 2027-03 was published with other content"):
            await start(load_rules(folder))
        # A version whose file is gone is known as retired.
        async with database.begin() as connection:
            found = await keeping.find(connection, shipped_rules(SHIPPED).plans, "planTypes/wages/versions/2027-03")
        assert (found.state, found.tasks[1].due_days) == (PlanState.RETIRED, 4)
    finally:
        await database.close()
        await dropped(scratch)


async def test_every_office_reads_the_types_with_their_titles_in_both_languages(stack: Stack) -> None:
    async with Desk(stack, "handler", COUNTY, None, "zh") as handler:
        types = (await handler.reads("/v1/planTypes"))["planTypes"]
        assert {"planTypes/wages/versions/2026-11", "planTypes/simple/versions/2026-11"} <= {t["name"] for t in types}
        one = await handler.reads("/v1/planTypes/wages/versions/2026-11")
        assert (one["titleZh"], one["titleEn"], one["state"]) == (
            "欠薪及劳动争议调处", "Wages and labour", "PLAN_TYPE_STATE_PUBLISHED",
        )  # fmt: skip
        assert (one["steps"][1]["doer"], one["steps"][1]["days"], one["grades"]) == (
            "department:labour", 5, ["GRADE_MEDIUM", "GRADE_HIGH"],
        )  # fmt: skip
        assert (await handler.reads("/v1/planTypes?states=PLAN_TYPE_STATE_DRAFT"))["planTypes"] == []
        assert (await handler.gets("/v1/planTypes/wages/versions/2001")).status_code == 404
        assert (await handler.gets("/v1/planTypes/Wages/versions/1")).status_code == 400
    async with Desk(stack, "citizen", COUNTY, None, "en") as citizen:
        refused: httpx.Response = await citizen.gets("/v1/planTypes")
        assert refused.status_code == 403
