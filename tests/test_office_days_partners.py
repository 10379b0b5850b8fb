"""The day of an officer of a court, of the police, of a petition office and of the hotline; the day of a department.

Each by the own token alone, in Chinese and in English. What the centre does stands behind the desk (`Matter`).
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from docx import Document

from accord.embedded.stack import Stack
from tests.conftest import request_id
from tests.offices import Json, Person, Place, place_of
from tests.scenario import Desk, Matter, day, instant, pays

pytestmark = pytest.mark.fault("C12")
NOBODYS = ("", "/parties", "/mediation", "/plan", "/agreements", "/dockings")
"""What of a case is no authority's: the case itself and what is under it."""


@pytest.fixture(params=["zh", "en"])
async def place(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Return a county of its own, whose people read this language."""
    async with place_of(stack, request.param) as found:
        yield found


async def handed_over(place: Place, me: Person, channel: str, category: str, text: str) -> Json:
    """Let an officer hand a matter over by the number of its letter, in the own authority's name alone, once."""
    letter = f"{channel}-{request_id()[5:17]}"
    told = place.told(text, category, channel=f"CHANNEL_{channel}", source=channel.lower(), sourceId=letter)
    made = await me.does("reports", **told)
    await me.refused("reports", "ALREADY_EXISTS", **told)
    for other in {"COURT", "POLICE", "PETITION", "HOTLINE"} - {channel}:
        await me.refused("reports", **{**told, "channel": f"CHANNEL_{other}", "sourceId": f"{letter}-{other}"})
    await me.refused("reports", **{**told, "unit": f"units/{place.beside}", "sourceId": f"{letter}-beside"})
    (own,) = (await me.reads("reports:own"))["reports"]
    assert (own["name"], own["sourceId"]) == (made["name"], letter)
    assert (await me.reads(f"{own['name']}/content"))["text"] == text
    return made


async def accepted(place: Place, me: Person, report: Json, kind: str, **fields: Any) -> Matter:
    """Let the centre accept a matter and record its docking; the officer finds it by the letter."""
    desk = Desk(place.rest, place.stack, place.county)
    await place.person("duty_officer").does(f"{report['name']}:accept")
    case = Matter(desk, report["case"], "双方各执一词。")
    await me.becomes("reports:own", lambda now: now["reports"][0]["state"] == "REPORT_STATE_ACCEPTED")
    await place.person("clerk").finds("cases", "cases")
    await case.dock(kind, hand_over_letter=report["sourceId"], **fields)
    (sent,) = (await me.reads("dockings", handOverLetter=report["sourceId"]))["dockings"]
    assert (sent["authority"], sent["state"]) == (f"units/{me.unit}", "DOCKING_STATE_HANDED_OVER")
    return case


async def agreed(case: Matter, *people: str, yuan: int) -> None:
    """Let the centre ask both sides, sign for the matter, mediate it and report the agreement."""
    one, two = await case.two_sides(*people)
    await case.everybody_says_yes()
    await case.tell("dockings/1:confirmConsent")
    await case.tell("dockings/1:sign")
    await case.find_mediator()
    session = await case.sit_down()
    await case.rise(session, "双方对账，愿意付清。", "一次付清。")
    await case.agree(pays(two, one, yuan))
    await case.tell("dockings/1:settle")


async def sees_nothing_else(place: Place, me: Person, case: Matter, docking: str) -> None:
    """Check that of a case an authority sees its docking alone, and another county's not even that."""
    await me.shut_out(*(f"{case.name}{part}" for part in NOBODYS))
    await me.refused(f"{docking}:sign")
    await me.refused(f"{case.name.replace('cases/', 'reports/')}:accept")
    other = place.person("clerk", f"{place.beside}-{me.unit.partition('-')[2]}")
    await other.shut_out(
        docking, f"dockings?unit=units/{me.unit}", f"{case.name.replace('cases/', 'reports/')}/content"
    )
    assert (await other.reads("dockings"))["dockings"] == []


async def test_the_day_of_an_officer_of_a_court(place: Place) -> None:
    me = place.person("clerk", "-court")
    report = await handed_over(place, me, "COURT", "contract/sale", "货款三万元，到期未付。")
    case = await accepted(place, me, report, "COURT", procedure="PROCEDURE_ORDINARY")
    await agreed(case, "闻人卖货", "百里买货", yuan=30000)

    # Signed for, with its term; agreed, with the number of the agreement; the court's own answer.
    (sent,) = (await me.reads("dockings", open="true"))["dockings"]
    assert (sent["state"], bool(sent["signTime"]), bool(sent["dueTime"])) == ("DOCKING_STATE_AGREED", True, True)
    letters = {each["kind"].removeprefix("LETTER_KIND_"): each["reference"] for each in sent["letters"]}
    assert (list(letters), letters["HAND_OVER"]) == (["HAND_OVER", "RECEIPT", "AGREEMENT"], report["sourceId"])
    assert "人调字第" in letters["AGREEMENT"]
    assert letters["RECEIPT"]
    answer = {"answer": "AUTHORITY_ANSWER_ACCEPTED", "evidence": "（2026）甘0403诉前调1号"}
    await place.person("clerk", "-police").refused(f"{sent['name']}:recordAnswer", **answer)
    assert (await me.does(f"{sent['name']}:recordAnswer", **answer))["state"] == "DOCKING_STATE_SETTLED"
    assert (await me.reads("dockings", open="true"))["dockings"] == []
    assert (await me.reads(sent["name"]))["letters"][-1]["reference"] == "（2026）甘0403诉前调1号"
    await sees_nothing_else(place, me, case, sent["name"])


async def test_the_day_of_an_officer_of_the_police(place: Place) -> None:
    me = place.person("clerk", "-police")
    report = await handed_over(place, me, "POLICE", "damages/injury", "因口角推搡，摔伤手腕。")
    case = await accepted(place, me, report, "POLICE", decided=False)
    await agreed(case, "太叔摔伤", "令狐推人", yuan=800)
    (sent,) = (await me.reads("dockings", open="true"))["dockings"]
    assert sent["state"] == "DOCKING_STATE_AGREED"

    # Not before it is performed and applied for; then the police decide.
    answer = {"answer": "AUTHORITY_ANSWER_ACCEPTED", "evidence": "城公（治）不罚决字〔2026〕2号"}
    await me.refused(f"{sent['name']}:recordAnswer", "WRONG_STATE", **answer)
    for part in await case.parts():
        await case.perform(part)
    await case.tell("dockings/1:provePerformance", evidence="slip-1")
    await case.tell("dockings/1:applyForSettlement", evidence="application-1")
    settled = await me.does(f"{sent['name']}:recordAnswer", **answer)
    kinds = ["HAND_OVER", "RECEIPT", "AGREEMENT", "PERFORMANCE_PROOF", "APPLICATION", "ANSWER"]
    assert [each["kind"] for each in settled["letters"]] == [f"LETTER_KIND_{kind}" for kind in kinds]
    await sees_nothing_else(place, me, case, sent["name"])


async def test_the_day_of_an_officer_of_a_petition_office(place: Place) -> None:
    me = place.person("clerk", "-petition")
    report = await handed_over(place, me, "PETITION", "expropriation", "安置补偿款少算了一间房。")
    case = await accepted(place, me, report, "PETITION", nature="PETITION_NATURE_CIVIL",
                          petition_accept_time=instant(-1))  # fmt: skip
    await case.two_sides("端木过路", "澹台院墙")
    await case.says(case.parties[1], yes=False)
    await case.tell("dockings/1:return")

    # It came back: that nobody agreed to mediation, by a numbered letter, and not who or why.
    (sent,) = (await me.reads("dockings"))["dockings"]
    told = await me.reads(f"{sent['name']}/returnReport")
    assert (sent["state"], told["result"]) == ("DOCKING_STATE_RETURNED", "DOCKING_RESULT_NO_CONSENT")
    assert told["letterNumber"]
    assert "澹台" not in str(told)
    # Its own 60 days went on; the office's own answer ends them.
    done = await me.does(
        f"{sent['name']}:recordAnswer", answer="AUTHORITY_ANSWER_ACCEPTED", evidence="信访答复〔2026〕9号"
    )
    assert done["letters"][-1]["kind"] == "LETTER_KIND_ANSWER"
    await sees_nothing_else(place, me, case, sent["name"])


async def test_the_day_of_an_officer_of_the_hotline(place: Place) -> None:
    me, handler, reviewer = place.person("clerk", "-hotline"), place.person("handler"), place.person("reviewer")
    report = await handed_over(place, me, "HOTLINE", "neighbour", "楼道堆物，几次没有人管。")
    await place.person("duty_officer").does(f"{report['name']}:accept")
    case = str(report["case"])

    # What the caller asks again: who has it, by when, what comes next, in words; then how it ended.
    slip = f"receipts/{report['receiptCode']}"
    handling = (await me.becomes(slip, lambda now: now["progress"]["dates"], pause=1.5))["progress"]
    assert handling["unitDisplayName"]
    assert handling["phone"]
    assert handling["nextStep"]
    assert all(each["title"] for each in handling["dates"])
    task = (await handler.step("sign"))["subject"]
    await handler.does(f"{task}:sign")
    await handler.does(f"{task}:report", evidenceText="已经清走，拍了照片。")
    await reviewer.does(f"{task}:verify", sufficient=True)
    await handler.does(f"{case}:requestClosing", outcome="OUTCOME_RESOLVED")
    await reviewer.does(f"{case}:close", approved=True)
    closed = await me.slip(report["receiptCode"], "CLOSED")
    assert closed["outcome"]
    assert [each["name"] for each in (await me.reads("reports:own"))["reports"]] == [report["name"]]

    # Nothing else of it, nor of what others reported.
    await me.shut_out(*(f"{case}{part}" for part in NOBODYS), f"reports?unit={place.unit}")
    await me.shut_out(f"{(await place.comes_in('楼上漏水。'))['name']}/content")
    await me.refused(f"{report['name']}:amend", category="categories/property", reason="听错了")


@pytest.mark.fault("C5")
async def test_the_day_of_a_department(place: Place) -> None:
    me, head = place.person("handler", "-housing"), place.person("unit_head", "-housing")
    other = place.person("handler", "-labour")
    warning = await warned(place)
    letter = await asked_by_letter(place)

    # A warning: what is demanded and by when, no more of what others said; measures are checked by the centre.
    waits = await me.step("warning_measures")
    assert waits["subject"] == warning
    text = await me.reads(f"{waits['subject']}/text")
    assert {part for part in ("description", "finding", "demand", "measures") if text[part]} == {"demand"}
    await me.does(f"{waits['subject']}:reportMeasures", measures="阀门已全部更换并试压。", evidence="验收单〔2026〕7号")
    await me.refused(f"{waits['subject']}:close", sufficient=True)
    await place.person("reviewer").does(f"{waits['subject']}:close", sufficient=True)
    assert (await me.reads("warnings", open="true")).get("warnings", []) == []

    # A recommendation of the court: read, printed, answered point by point by the head.
    (asked,) = await me.finds("recommendations", "recommendations", open="true")
    assert asked["name"] == letter
    printed = await me.gets(f"{asked['name']}/document")
    lines = [each.text for each in Document(io.BytesIO(printed.content)).paragraphs]
    assert "司法建议书" in lines
    pairs = (await me.reads(f"{asked['name']}/text"))["pairs"]
    assert [each["advice"] for each in pairs] == ["由总包按月核对工资表。"]
    replies = [{"pair": 1, "adoption": "ADOPTION_PARTLY", "reason": "小额工程暂不要求。"}]
    replied = await head.does(f"{asked['name']}:reply", replies=replies, measures="已下发核对办法。")
    assert [each["adoption"] for each in replied["pairs"]] == ["ADOPTION_PARTLY"]

    # A letter of supervision: signed for, answered for the own bureau, its answer found sufficient.
    (served,) = await me.finds("letters", "letters", states="LETTER_STATE_SERVED")
    assert (await me.reads(f"{served['name']}/text"))["wording"]["words"]["demand"] == "请限期办结。"
    await me.does(f"{served['name']}:confirmReceipt")
    assert (await me.step("letter_notice_reply"))["subject"] == served["name"]
    await me.does(f"{served['name']}:reply", measures="已经组织维修。")
    await place.person("supervisor").does(f"{served['name']}:verify", sufficient=True, finding="属实。")
    assert (await me.reads(served["name"]))["state"] == "LETTER_STATE_CLOSED"

    # Nobody answers for another bureau, not even from above.
    await other.shut_out(f"{warning}/text", f"{letter}/text", served["name"])
    for above in (place.person("handler"), other):
        await above.refused(f"{warning}:reportMeasures", measures="无。", evidence="x")
    await place.person("unit_head").refused(f"{letter}:reply", replies=replies)


async def warned(place: Place) -> str:
    """Let the desk verify a hazard, assess it and warn the housing bureau; the warning."""
    grid, duty = place.person("grid_worker", place.village), place.person("duty_officer")
    seen = {"unit": place.unit, "place": f"units/{place.village}", "kind": "HAZARD_KIND_HAZARD", "urgent": True,
            "category": "categories/hazard", "description": "三号楼夜里闻到燃气味。"}  # fmt: skip
    name = str((await grid.does("warnings", **seen))["name"])
    await duty.does(f"{name}:takeUp")
    await duty.does(f"{name}:verify", founded=True, finding="阀门老化漏气，已先关阀。")
    await duty.does(f"{name}:assess", scope="HAZARD_SCOPE_VILLAGE", urgency="HAZARD_URGENCY_URGENT", danger=True)
    await duty.does(f"{name}:warn", addressee=f"{place.unit}-housing", demand="三日内更换全楼阀门。", dueDate=day(3))
    await place.person("unit_head").does(f"{name}:approve", approved=True)
    return name


async def asked_by_letter(place: Place) -> str:
    """Let the court recommend something to the housing bureau, and the county ask it by letter; the recommendation."""
    court = place.person("duty_officer", "-court")
    advice = [{"problem": "分包后无人核对工资表。", "advice": "由总包按月核对工资表。"}]
    bureaus = {"unit": f"{place.unit}-court", "addressee": f"{place.unit}-housing", "place": place.unit}
    draft = {"kind": "RECOMMENDATION_KIND_JUDICIAL", **bureaus, "category": "categories/labour/wage-arrears",
             "researched": True, "communicated": True, "note": "走访了两处工地。", "pairs": advice}  # fmt: skip
    name = str((await court.does("recommendations", **draft))["name"])
    await place.person("unit_head", "-court").does(f"{name}:approve", approved=True)
    await place.person("clerk", "-court").does(f"{name}:serve", receipt="送达回证〔2026〕3号")

    case = await place.opened("公租房屋面漏水，报修三个月没有人来。")
    words = {"basis": "督办工作制度第三条。", "facts": "久拖未办。", "demand": "请限期办结。"}
    asks = {"kind": "LETTER_KIND_NOTICE", "issuer": place.unit, "unit": f"{place.unit}-housing", "subject": case}
    drafted = await place.person("supervisor").does(
        "letters", letter=asks, wording={"words": words, "dueDate": day(40)}
    )
    await place.person("unit_head").does(f"{drafted['name']}:approve", office="LETTER_OFFICE_HEAD")
    await place.person("clerk").does(f"{drafted['name']}:serve", manner="SERVICE_MANNER_ELECTRONIC")
    return name
