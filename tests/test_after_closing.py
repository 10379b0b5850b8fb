"""After a case is closed: visits on their day, and for how long it may be taken up again; by its own tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from accord.embedded.stack import Stack
from tests.conftest import Clients
from tests.outside import Desk
from tests.scenario import Matter, pays
from tests.still import standing_still
from tests.still_door import Town, town_of


@pytest.fixture(scope="module")
async def town(stack: Stack, clients: Clients) -> AsyncIterator[Town]:
    """Return a centre whose time is set."""
    async with standing_still(stack, "mediation") as still, town_of(still, clients) as found:
        yield found


async def performed(town: Town) -> Matter:
    """Return a case that was agreed and performed today."""
    case = await town.matter()
    below, above = await case.two_sides("申屠楼下", "公冶楼上")
    await case.everybody_says_yes()
    await case.find_mediator()
    await case.agree(pays(above, below, 1200))
    for part in await case.parts():
        await case.perform(part)
    await case.carry_out_plan()
    return case


async def closed(town: Town) -> Matter:
    """Return a case that was agreed, performed and closed today."""
    case = await performed(town)
    await case.close("AGREED")
    return case


def said(answer: Any, code: str, words: str) -> bool:
    """Tell whether a refusal has this code, and these words for the person."""
    told = answer.json()
    return (answer.status_code, told["code"]) == (409, code) and words in told["detail"]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_visit_waits_for_its_day_and_has_seven_days_from_then(town: Town, language: str) -> None:
    case = await closed(town)
    visit = {"performance": "PERFORMANCE_DONE", "recurred": False,
             "satisfaction": [{"party": case.parties[0], "satisfaction": "SATISFACTION_SATISFIED"}]}  # fmt: skip
    async with Desk(town.still.stack, "clerk", language=language, url=town.url) as clerk:
        (first, second, _) = (await clerk.reads(f"/v1/{case.name}/visits"))["visits"]
        await town.wait(case, days=6)
        early = await clerk.tries(first["name"], "record", **visit)
        instead = "on that day or after it" if language == "en" else "到当日或者之后"
        assert said(early, "CONTRADICTED", instead), early.text
        await town.wait(case, days=1)
        assert (await clerk.does(first["name"], "record", **visit))["visitTime"]
        # Nobody made the second one: on its last day it is in time, after it overdue, and it may still be made.
        key = f"clocks/mediation/{case.name.removeprefix('cases/')}.visit-30"
        await town.wait(case, days=30)
        assert not (await clerk.reads(f"/v1/{key}")).get("overdue", False)
        await town.wait(case, days=1)
        assert (await clerk.reads(f"/v1/{key}"))["overdue"]
        assert (await clerk.does(second["name"], "record", **visit))["visitTime"]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_closed_case_is_taken_up_again_within_a_year_and_is_a_new_matter_afterwards(
    town: Town, language: str
) -> None:
    again = {"reason": "REOPEN_REASON_RECURRENCE", "evidence": "call-1"}
    async with Desk(town.still.stack, "duty_officer", language=language, url=town.url) as duty:
        late = await closed(town)
        town.still.time.set(town.still.time.now() + timedelta(days=365, minutes=5))
        refused = await duty.tries(late.name, "reopen", **again)
        assert said(refused, "REOPEN_LATE", "as a repeat" if language == "en" else "关联为重复反映"), refused.text
        soon = await closed(town)
        town.still.time.set(town.still.time.now() + timedelta(days=364))
        assert (await duty.does(soon.name, "reopen", **again))["stage"] == "STAGE_HANDLING"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_party_is_told_how_it_ended_and_why_it_is_taken_up_again(town: Town, language: str) -> None:
    case, english = await performed(town), language == "en"
    async with (
        await town.guest(case, case.parties[1], language) as me,
        Desk(town.still.stack, "duty_officer", language=language, url=town.url) as duty,
    ):
        await case.close("AGREED")
        await town.wait(case)
        told = await me.notice("matter_closed")
        assert ("an agreement was reached" if english else "达成协议") in told["text"]
        await duty.does(case.name, "reopen", reason="REOPEN_REASON_NEW_FACTS", evidence="doc-1")
        await town.wait(case)
        told = await me.notice("matter_reopened")
        assert ("there are new facts" if english else "有新的事实") in told["text"]
