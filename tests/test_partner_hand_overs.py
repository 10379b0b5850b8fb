"""Items that a court, the police or a petition office hands over by letter: the case begins with the docking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pb.intake.v1 import report_pb2

from accord.embedded.stack import Stack
from accord.partners.table import ItemReader, ItemRefusedError
from accord.rules_place import SHIPPED
from tests.conftest import COUNTY
from tests.outside import Desk
from tests.patience import PATIENCE
from tests.still import shipped_rules
from tests.test_partners import HOTLINE, partner

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
DAY = timedelta(days=1)


@pytest.fixture
async def open_() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def docked(desk: Desk, letter: str) -> dict[str, Any]:
    """Return the docking by a letter, as the authority that sent it finds it, once it is there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await desk.reads(f"/v1/dockings?handOverLetter={letter}")).get("dockings", [])
            if found:
                docking: dict[str, Any] = found[0]
                return docking
            await asyncio.sleep(0.3)


async def test_the_case_of_an_item_that_a_court_hands_over_has_its_letter_and_its_term(
    stack: Stack, open_: AsyncExitStack
) -> None:
    court = await partner(stack, open_, unit=f"{COUNTY}-court")
    duty, judge = [
        await open_.enter_async_context(Desk(stack, role, unit))
        for role, unit in (("duty_officer", COUNTY), ("clerk", court.unit))
    ]
    letter = f"（2026）甘0102委派{court.mark}号"
    terms = {"letter": letter, "procedure": "COURT_PROCEDURE_SUMMARY"}
    (taken,) = await court.sends(court.item(1, category="民间借贷纠纷", handOver=terms))
    report = taken["report"]
    content = await duty.reads(f"/v1/{report}/content")
    assert content["handOvers"] == [{**content["handOvers"][0], **terms, "authority": f"units/{court.unit}"}]
    await duty.does(report, "accept")
    docking = await docked(judge, letter)
    assert docking["name"].startswith(report.replace("reports/", "cases/"))
    assert (docking["kind"], docking["procedure"], docking["authority"]) == (
        "DOCKING_KIND_COURT", "PROCEDURE_SUMMARY", f"units/{court.unit}")  # fmt: skip
    assert [(each["kind"], each["reference"]) for each in docking["letters"]] == [("LETTER_KIND_HAND_OVER", letter)]

    (again,) = await court.sends(court.item(2, category="离婚", handOver=terms))
    assert (again["reason"], again["field"]) == ("ALREADY_EXISTS", "hand_over.letter")


async def test_the_days_of_a_petition_run_from_when_it_was_accepted_also_if_it_was_merged(
    stack: Stack, open_: AsyncExitStack
) -> None:
    petition, hotline = await partner(stack, open_, unit=f"{COUNTY}-petition"), await partner(stack, open_)
    duty = await open_.enter_async_context(Desk(stack, "duty_officer", COUNTY))
    officer = await open_.enter_async_context(Desk(stack, "clerk", petition.unit))
    accepted = (datetime.now(UTC) - 20 * DAY).replace(microsecond=0)
    letter = f"城关信访移〔2026〕{petition.mark}号"
    terms = {"letter": letter, "subject": "PETITION_SUBJECT_CIVIL", "petitionAcceptTime": accepted.isoformat()}
    (one,) = await hotline.sends(hotline.item(1))
    (two,) = await petition.sends(petition.item(1, category="物业", handOver=terms))
    await duty.does(two["report"], "merge", target=one["report"], reason="same-place")
    await duty.does(one["report"], "accept")
    docking = await docked(officer, letter)
    assert docking["name"].startswith(one["report"].replace("reports/", "cases/"))
    assert datetime.fromisoformat(docking["petitionAcceptTime"]) == accepted


@BOTH
async def test_a_hand_over_that_lacks_its_terms_or_is_not_for_mediation_is_refused_in_words(
    language: str, stack: Stack, open_: AsyncExitStack
) -> None:
    court, police, petition, hotline = [
        await partner(stack, open_, language, unit)
        for unit in (f"{COUNTY}-court", f"{COUNTY}-police", f"{COUNTY}-petition", HOTLINE)
    ]
    later = (datetime.now(UTC) + DAY).isoformat()
    civil = {"letter": "一号", "subject": "PETITION_SUBJECT_CIVIL"}
    wrong = [
        (court, {"letter": "一号"}, "hand_over.procedure"), (police, {"letter": "一号"}, "hand_over.decided"),
        (court, {"procedure": "COURT_PROCEDURE_ORDINARY"}, "hand_over.letter"),
        (petition, civil, "hand_over.petition_accept_time"),
        (petition, {**civil, "petitionAcceptTime": later}, "hand_over.petition_accept_time"),
        (hotline, {"letter": "一号"}, "hand_over"),
    ]  # fmt: skip
    for sender, terms, field in wrong:
        (refused,) = await sender.sends(sender.item(1, area=COUNTY, handOver=terms))
        assert (refused["state"], refused["field"]) == ("ITEM_STATE_REFUSED", field)
        assert refused["message"].isascii() == (language == "en")
    (decided,) = await police.sends(police.item(2, handOver={"letter": "二号", "decided": True}))
    assert decided["reason"] == "NOT_FOR_MEDIATION"


def test_the_terms_of_a_hand_over_in_a_file_are_read_by_the_words_of_the_partner() -> None:
    headings = ["案号", "案由", "纠纷概况", "委派函号", "适用程序"]
    reader = ItemReader(shipped_rules(SHIPPED).partners.of(f"{COUNTY}-court").files, headings)
    item = reader.read(["（2026）1", "离婚", "协商抚养。", "一号", "简易程序"])
    assert (item.hand_over.letter, item.hand_over.procedure) == ("一号", report_pb2.COURT_PROCEDURE_SUMMARY)
    assert not reader.read(["（2026）2", "离婚", "协商抚养。", "", ""]).HasField("hand_over")
    for letter, procedure, heading in (("一号", "速裁", "适用程序"), ("", "简易程序", "委派函号")):
        with pytest.raises(ItemRefusedError) as refused:
            reader.read(["（2026）3", "离婚", "协商抚养。", letter, procedure])
        assert (refused.value.heading, refused.value.number) == (heading, "（2026）3")
