"""What contradicts what is there is refused with what to do instead: four walks of the office, by its own tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from tests.conftest import Clients
from tests.outside import Desk
from tests.patience import CALL
from tests.scenario import Desk as Centre
from tests.scenario import pays
from tests.test_intake import told_of_its_end
from tests.test_links import link


@pytest.fixture
async def centre(stack: Stack) -> AsyncIterator[Centre]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Centre(rest, stack)


def says(answer: Any, code: str, words: str) -> bool:
    """Tell whether a refusal has this code, and these words for the person."""
    told = answer.json()
    return (answer.status_code, told["code"]) == (409, code) and words in told["detail"]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_contradicts_what_is_there_is_refused_with_what_to_do_instead(
    stack: Stack, centre: Centre, clients: Clients, language: str
) -> None:
    english = language == "en"
    case = await centre.open("labour", "工地拖欠八个人的工资。", people_affected=8)
    worker, site = await case.two_sides("申屠工友", "公冶工地")
    await case.everybody_says_yes()
    await case.find_mediator()
    await case.agree(pays(site, worker, 1200))
    for part in await case.parts():
        await case.perform(part)
    async with (
        Desk(stack, "handler", language=language) as handler,
        Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "duty_officer", language=language) as duty,
    ):
        # An outcome against the facts.
        refused = await handler.tries(case.name, "requestClosing", outcome="OUTCOME_NOT_AGREED")
        assert says(refused, "CONTRADICTED", "close the case as agreed" if english else "按“达成协议”结案"), (
            refused.text
        )

        # A visit before its day.
        (first, *_) = (await clerk.reads(f"/v1/{case.name}/visits"))["visits"]
        visit = {"performance": "PERFORMANCE_DONE", "recurred": False,
                 "satisfaction": [{"party": worker, "satisfaction": "SATISFACTION_SATISFIED"}]}  # fmt: skip
        refused = await clerk.tries(first["name"], "record", **visit)
        assert says(refused, "CONTRADICTED", "on that day or after it" if english else "到当日或者之后再回访"), (
            refused.text
        )

        # A version of the plan that drops a running task.
        running = (await handler.reads(f"/v1/{case.name}/plan"))["tasks"][-1]["name"]
        dropped = {"revision": {"withdraw": [{"task": running, "reason": "不需要了。"}]}, "reason": "已经谈妥。"}
        refused = await handler.tries(f"{case.name}/plan", "revise", propose=False, **dropped)
        assert says(refused, "APPROVAL_NEEDED", "head of the unit" if english else "单位负责人"), refused.text

        # A merge into a closed matter. What the refusal says instead is possible.
        await case.carry_out_plan()
        await case.close("AGREED")
        await told_of_its_end(clients, case.name, closed=True)
        late, over = (await clerk.file())["name"], case.name.replace("cases/", "reports/")
        refused = await duty.tries(late, "merge", target=over, reason="同一事项")
        assert says(refused, "MERGE_INTO_OVER", "as a repeat" if english else "关联为重复反映"), refused.text
        assert (await link(duty, late, over, "REPEAT")).status_code == 200
