"""The day of a mediator, an assessor and an expert, each by the own token alone, in Chinese and in English.

The day of a second mediator: `test_panel.py`.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from tests.conftest import request_id
from tests.dossiers import text_of
from tests.offices import Person, Place, place_of
from tests.scenario import QUESTIONS, day, instant

LEAK = "楼上卫生间漏水，天花板泡坏两处，找了三次没有人管。"
NOTHING = dict.fromkeys(("kin", "interest", "priorRole"), False)
SECRET = "最多能赔两千元，别告诉楼下。"


@pytest.fixture(params=["zh", "en"])
async def place(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Return a county of its own, whose people read this language."""
    async with place_of(stack, request.param) as found:
        yield found


async def asked_to_mediate(place: Place) -> Person:
    """Return a mediator whom both sides of a case chose at the counter, after they consented to mediation."""
    head, clerk = place.person("unit_head"), place.person("clerk")
    me = place.person("mediator", account=f"m-{request_id()[5:17]}")
    entry = {"user": me.account, "displayName": "周调解", "unit": place.unit, "languages": ["zh-CN"], "active": True}
    made = await head.does(f"mediators?mediatorId={me.account}", **entry)
    await head.does("rooms", name=f"rooms/{place.county}-one", unit=place.unit, kind="ROOM_KIND_ROOM", capacity=8,
                    displayName="一号调解室")  # fmt: skip
    people = [{"role": "PARTY_ROLE_APPLICANT", "displayName": "申屠楼下"},
              {"role": "PARTY_ROLE_RESPONDENT", "displayName": "公冶楼上"}]  # fmt: skip
    case = await place.opened(LEAK, parties=people)
    said = {"step": "STEP_MEDIATION", "given": True, "medium": "MEDIUM_IN_PERSON", "language": "zh-CN"}
    parties = (await clerk.reads(f"{case}/parties"))["parties"]
    for party in parties:
        await clerk.does(f"{party['name']}/consents", readBack=True, **said)
    for party in parties:
        await clerk.does(f"{party['name']}:chooseMediator", mediator=made["name"])
    return me


async def sits_down(me: Person, case: str, parties: list[str], **fields: object) -> str:
    """Let a mediator call a session in a free room of the own unit and begin it; its name."""
    (room,) = (await me.reads("rooms"))["rooms"]
    assert (await me.reads(f"{room['name']}/bookings"))["bookings"] == []
    session = await me.does(f"{case}/sessions", kind="SESSION_KIND_JOINT", venue="VENUE_ROOM", room=room["name"],
                            startTime=instant(0.1), endTime=instant(2))  # fmt: skip
    await me.does(f"{session['name']}:start")
    came = [{"role": "ATTENDEE_ROLE_PARTY", "party": each, "presence": "PRESENCE_PRESENT"} for each in parties]
    came.append({"role": "ATTENDEE_ROLE_MEDIATOR", "presence": "PRESENCE_PRESENT", "displayName": "周调解"})
    await me.does(f"{session['name']}:recordAttendance", attendances=[*came, *([fields] if fields else [])])
    return str(session["name"])


async def writes(me: Person, session: str, parties: list[str]) -> None:
    """Let a mediator write the record, read it back to the parties, take their signatures, and sign."""
    content = {"statements": "申请人要求修复，被申请人愿意负责。", "points": "赔偿多少。", "result": "达成协议。"}
    await me.does(f"{session}:writeRecord", content=content)
    for party in parties:
        await me.does(f"{session}/record:confirmReadBack", party=party, language="zh")
        await me.does(f"{session}/record:sign", role="SIGNER_ROLE_PARTY", party=party,
                      manner="SIGNING_MANNER_SIGNATURE")  # fmt: skip
    await me.does(f"{session}/record:sign", role="SIGNER_ROLE_MEDIATOR", manner="SIGNING_MANNER_SIGNATURE")


async def test_the_day_of_a_mediator(place: Place) -> None:
    me = await asked_to_mediate(place)
    clerk, head = place.person("clerk"), place.person("unit_head")

    # What one is asked for; between whom it is, and who consented; whether anything stands against it.
    case = (await me.step("mediator_answer", "MINE"))["case"]
    one, two = (await me.reads(f"{case}/parties"))["parties"]
    assert (await me.reads(f"{case}/mediation"))["missingConsents"] == []
    consents = (await me.reads(f"{case}/consents"))["consents"]
    assert [(each["step"], each["given"]) for each in consents] == [("STEP_MEDIATION", True)] * 2
    accepted = await me.does(f"{case}/mediation:accept", disclosure=NOTHING)
    assert accepted["state"] == "MEDIATION_STATE_MEDIATING"
    assert (await me.step("mediation_term", "MINE"))["case"] == case
    report = (await me.reads(case))["report"]
    assert (await me.reads(f"{report}/content"))["text"] == LEAK
    names = [
        (await me.does(f"{each['name']}:unmask", purpose="PURPOSE_MEDIATION"))["displayName"] for each in (one, two)
    ]
    assert names == ["申屠楼下", "公冶楼上"]

    # A session in a free room, its record, and what a side says in confidence.
    parties = [one["name"], two["name"]]
    session = await sits_down(me, case, parties)
    start = datetime.fromisoformat((await me.reads(session))["startTime"]).astimezone(LOCAL)
    on = {"date.year": start.year, "date.month": start.month, "date.day": start.day}
    (today,) = (await me.reads("sessions:own", **on))["sessions"]
    assert (today["name"], today["state"]) == (session, "SESSION_STATE_OPEN")
    await writes(me, session, parties)
    assert (await me.does(f"{session}:end"))["state"] == "SESSION_STATE_HELD"
    await me.does(f"{case}/caucuses/respondent/notes", text=SECRET)

    # The agreement with two instalments: drafted, checked, signed by all, countersigned, sealed.
    parts = [{"amountFen": 60000, "dueDate": day(days)} for days in (5, 35)]
    clause = {"performer": two["name"], "beneficiary": one["name"], "kind": "CLAUSE_KIND_PAY", "amountFen": 120000,
              "content": "分两次支付。", "instalments": parts}  # fmt: skip
    statement = {"facts": LEAK, "disputedPoints": "赔偿多少。", "responsibility": "被申请人负责。"}
    agreement = (await me.does(f"{case}/agreements", extent="AGREEMENT_EXTENT_FULL", form="AGREEMENT_FORM_WRITTEN",
                               clauses=[clause], statement=statement))["name"]  # fmt: skip
    await me.does(f"{agreement}:answerChecklist", answers=[
        {"question": f"CHECKLIST_QUESTION_{each}", "yes": True} for each in QUESTIONS])  # fmt: skip
    await me.does(f"{agreement}:answerThirdParties", settled=True)
    for party in parties:
        await clerk.does(f"{agreement}:sign", parties=[party], signer="SIGNER_SELF", manner="SIGNING_MANNER_SIGNATURE")
    await me.refused(f"{agreement}:seal")
    await me.does(f"{agreement}:countersign")
    await head.does(f"{agreement}:seal")
    assert (await me.reads(agreement))["documentNumber"]
    owed = (await me.reads(f"{case}/instalments"))["instalments"]
    assert [each["amountFen"] for each in owed] == ["60000", "60000"]

    # Papers ready to print; performed, closed by another, and the visits wait for their days.
    paper = await me.does(f"{case}/documents:generate", form="DOCUMENT_FORM_AGREEMENT")
    text = text_of(base64.b64decode((await me.reads(paper["name"]))["content"]))
    assert "申屠楼下" in text
    assert not [each for each in (me.account, SECRET, "cases/", "units/") if each in text]
    for each in owed:
        await clerk.does(f"{each['name']}:recordPerformance", amountFen=60000, complete=True, evidence="slip-1")
    await by_others(place, case)
    for party in parties:
        await clerk.does(f"{case}/closing:recordView", party=party, view="CLOSING_VIEW_AGREES")
    assert (await me.reads(f"{case}/closing"))["gates"] == []
    await me.does(f"{case}:requestClosing", outcome="OUTCOME_AGREED")
    await me.refused(f"{case}:close", approved=True)
    await place.person("reviewer").does(f"{case}:close", approved=True)
    visits = (await me.becomes(f"{case}/visits", lambda now: now["visits"]))["visits"]
    assert [each.get("visitTime") for each in visits] == [None] * len(visits)
    results = await me.reads(f"{case}/results")
    assert (results["outcome"], results["performance"]) == ("MEDIATION_OUTCOME_AGREED_FULL", "PERFORMANCE_DONE")

    # Another mediator of the unit reads and does nothing of it.
    other = place.person("mediator")
    await other.shut_out(f"{case}/sessions", f"{session}/record", agreement, f"{case}/caucuses/respondent/notes")
    await other.refused(f"{one['name']}:unmask", purpose="PURPOSE_MEDIATION")
    assert (await other.reads("sessions:own", **on))["sessions"] == []


async def by_others(place: Place, case: str) -> None:
    """Let the handler carry out what the plan asks for, and the reviewer check it."""
    handler, reviewer = place.person("handler"), place.person("reviewer")
    for task in (await handler.reads(f"{case}/plan"))["tasks"]:
        await handler.does(f"{task['name']}:sign")
        await handler.does(f"{task['name']}:report", evidence="记录〔2026〕1号")
        await reviewer.does(f"{task['name']}:verify", sufficient=True)


async def test_the_day_of_an_assessor(place: Place) -> None:
    mediator = await asked_to_mediate(place)
    me, clerk = place.person("handler", "-housing"), place.person("clerk")
    case = (await mediator.step("mediator_answer", "MINE"))["case"]
    await mediator.does(f"{case}/mediation:accept", disclosure=NOTHING)
    member = {"role": "PANEL_ROLE_ASSESSOR", "displayName": "钟离工程师", "capacity": "房屋鉴定", "user": me.account}
    invited = (await mediator.does(f"{case}/panel", **member))["name"]
    parties = [each["name"] for each in (await clerk.reads(f"{case}/parties"))["parties"]]
    await me.shut_out(case, f"{case}/parties")
    for party in parties:
        await clerk.does(f"{invited}:agree", party=party, agreed=True)

    # Asked, once every party agreed: between whom it is, and nothing else, until one has accepted.
    waits = await me.becomes("worklist", lambda now: now["total"] == 1, scope="WORK_SCOPE_MINE")
    (asked,) = (await me.reads("cases/-/panel"))["members"]
    assert waits["items"][0]["subject"] == asked["name"]
    assert len((await me.reads(f"{waits['items'][0]['case']}/parties"))["parties"]) == 2
    await me.shut_out(f"{case}/sessions", f"{case}/evidence")
    await me.does(f"{asked['name']}:accept", disclosure=NOTHING)

    # The session, its record, the evidence; one signs the record of what one attended.
    came = {"role": "ATTENDEE_ROLE_ASSESSOR", "presence": "PRESENCE_PRESENT", "member": asked["name"]}
    session = await sits_down(mediator, case, parties, **came)
    await writes(mediator, session, parties)
    (held,) = (await me.reads(f"{case}/sessions"))["sessions"]
    record = await me.reads(f"{held['name']}/record")
    assert record["content"]["result"] == "达成协议。"
    signed = await me.does(f"{held['name']}/record:sign", role="SIGNER_ROLE_ASSESSOR",
                           manner="SIGNING_MANNER_SIGNATURE")  # fmt: skip
    assert asked["name"] in [each["member"] for each in signed["signatures"]]
    assert (await me.reads(f"{case}/evidence"))["evidence"] == []

    # Not what was said in confidence, no agreement, no other name; and who goes sees nothing more.
    await me.shut_out(f"{case}/caucuses/respondent/notes", f"{case}/agreements", f"{case}/consents")
    await me.refused(f"{held['name']}/record:sign", role="SIGNER_ROLE_MEDIATOR", manner="SIGNING_MANNER_SIGNATURE")
    await me.does(f"{asked['name']}:end", reason="LEAVING_REASON_ABSENT")
    await me.shut_out(case, f"{held['name']}/record")


async def test_the_day_of_an_expert(place: Place) -> None:
    head, asker = place.person("unit_head"), place.person("handler")
    me, other = place.person("handler", "-housing"), place.person("handler", "-emergency")
    field = f"safety-{''.join(each for each in request_id() if each.isalpha())}"[:40]
    await head.does(
        "experts", unit=f"{place.unit}-housing", fields=[field], user=me.account, displayName="专家司徒验楼"
    )
    case = await place.opened(LEAK)
    told = {"questions": ["能否继续居住？"], "file": "三层砖混，裂缝十二毫米。"}
    asked = await asker.does(f"{case}/consultations", unit=place.unit, field=field, text=told)
    await asker.does(f"{asked['name']}:draw")

    # What one is asked: questions and a file without names; nothing else of the case.
    waits = await me.step("expert_answer", "MINE")
    read = await me.reads(f"{waits['subject']}/text")
    assert (read["questions"], read["file"]) == (told["questions"], told["file"])
    await me.shut_out(case, f"{case}/parties", f"{case}/plan")
    await other.refused(f"{waits['subject']}:accept")
    accepted = await me.does(f"{waits['subject']}:accept")
    assert accepted["state"] == "CONSULTATION_STATE_ACCEPTED"

    # The opinion, by its date; what became of it.
    due = await me.step("consultation", "MINE")
    assert (due["subject"], bool(due["dueTime"])) == (waits["subject"], True)
    await me.does(f"{due['subject']}:signOpinion", text="加固以后可以居住。")
    await me.becomes("worklist", lambda now: now["total"] == 0, scope="WORK_SCOPE_MINE")
    await asker.does(f"{due['subject']}:recordAdoption", adoption="OPINION_ADOPTION_ADOPTED", reason="照此加固。")
    opinion = await me.reads(f"{due['subject']}/opinion")
    assert (opinion["text"], opinion["adoption"], opinion["adoptionReason"]) == (
        "加固以后可以居住。", "OPINION_ADOPTION_ADOPTED", "照此加固。")  # fmt: skip

    # Who gave it does not say what becomes of it; nobody else of any bureau reads it.
    await me.refused(f"{due['subject']}:recordAdoption", adoption="OPINION_ADOPTION_ADOPTED", reason="好。")
    await other.shut_out(f"{due['subject']}/text", f"{due['subject']}/opinion")
