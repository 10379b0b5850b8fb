"""Several mediators and assessors of one case, over REST, each with the own token alone (人民调解法 art. 19-20)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from tests import outside
from tests.conftest import CALL, COUNTY, request_id
from tests.dossiers import text_of
from tests.scenario import Desk, Matter, instant, pays, refused
from tests.test_own_work import mine

NOTHING = dict.fromkeys(("kin", "interest", "priorRole"), False)
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
SECOND, ASSESSOR = "PANEL_ROLE_SECOND_MEDIATOR", "PANEL_ROLE_ASSESSOR"
TOWN = f"{COUNTY}001"


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


def someone() -> str:
    return f"p-{request_id()[5:17]}"


async def mediated(desk: Desk) -> Matter:
    """Return a case in mediation, with its mediator of record."""
    case = await desk.open("neighbour", "楼上装修，墙裂了。")
    await case.two_sides("鲜于楼下", "闾丘楼上")
    await case.everybody_says_yes()
    await case.find_mediator()
    return case


async def asked(case: Matter, **fields: Any) -> tuple[str, str]:
    """Let the head ask a second mediator, and return the user and the member's name."""
    user = await case.desk.mediator(display_name="郑次席", **fields)
    made = await case.tell("panel", "unit_head", role=SECOND, mediator=f"mediators/{user}")
    assert made["state"] == "PANEL_STATE_ASKED"
    return user, made["name"]


async def joined(case: Matter, **fields: Any) -> tuple[str, str]:
    """Return user and name of a second mediator who takes part."""
    user, name = await asked(case, **fields)
    told = await case.desk.post(f"{name}:accept", "mediator", user, disclosure=NOTHING)
    assert told["state"] == "PANEL_STATE_ACCEPTED"
    return user, name


async def invited(case: Matter, user: str = "") -> str:
    """Let the mediator of record invite an assessor whom every party agrees to; the member's name."""
    member = {"role": ASSESSOR, "display_name": "钟离工程师", "capacity": "房屋鉴定", "user": user}
    name = str((await case.tell("panel", **member))["name"])
    for party in case.parties:
        await case.desk.post(f"{name}:agree", "clerk", party=party, agreed=True)
    return name


@BOTH
async def test_the_day_of_a_second_mediator_by_its_own_token(stack: Stack, desk: Desk, language: str) -> None:
    case = await mediated(desk)
    user, name = await asked(case, unit=f"units/{TOWN}", areas=[f"units/{COUNTY}"])
    async with outside.Desk(stack, "mediator", TOWN, user, language) as me:
        (found,) = (await me.reads("/v1/cases/-/panel"))["members"]
        assert (found["name"], found["state"]) == (name, "PANEL_STATE_ASKED")
        assert [each["subject"] for each in await mine(desk.at(TOWN), "mediator", user, len)] == [name]
        # Asked, they see between whom the matter is, to know of a conflict, and nothing else.
        assert len((await me.reads(f"/v1/{case.name}/parties"))["parties"]) == 2
        for path in ("sessions", "agreements", "evidence", "consents"):
            assert (await me.gets(f"/v1/{case.name}/{path}")).status_code == 403, path
        assert (await me.does(name, "accept", disclosure=NOTHING))["state"] == "PANEL_STATE_ACCEPTED"

        session = (await me.puts(
            f"/v1/{case.name}/sessions", kind="SESSION_KIND_JOINT", venue="VENUE_ON_SITE", place="现场",
            startTime=instant(0.1), endTime=instant(2),
        ))["name"]  # fmt: skip
        await me.does(session, "start")
        came = [{"role": "ATTENDEE_ROLE_PARTY", "party": each, "presence": "PRESENCE_PRESENT"} for each in case.parties]
        mediators: list[dict[str, Any]] = [
            {"role": "ATTENDEE_ROLE_MEDIATOR", "presence": "PRESENCE_PRESENT"},
            {"role": "ATTENDEE_ROLE_MEDIATOR", "presence": "PRESENCE_PRESENT", "member": name},
        ]
        held = await me.does(session, "recordAttendance", attendances=[*came, *mediators])
        assert [each["member"] for each in held["attendances"] if each["member"]] == [name]
        shown = (await me.reads(f"/v1/{session}/content"))["attendances"]
        assert {each["displayName"] for each in shown if each["role"] == "ATTENDEE_ROLE_MEDIATOR"} == {
            "周调解", "郑次席"}  # fmt: skip
        content = {"statements": "双方看了裂缝。", "points": "谁修。", "result": "愿意谈。"}
        await me.does(session, "writeRecord", content=content)
        for party in case.parties:
            await me.does(f"{session}/record", "confirmReadBack", party=party, language="zh")
            await me.does(f"{session}/record", "sign", role="SIGNER_ROLE_PARTY", party=party,
                          manner="SIGNING_MANNER_SIGNATURE")  # fmt: skip
        signs = {"role": "SIGNER_ROLE_MEDIATOR", "manner": "SIGNING_MANNER_SIGNATURE"}
        signed = await me.does(f"{session}/record", "sign", **signs)
        assert not signed["complete"], "the one of record has not signed"
        assert (await case.tell(f"{session.removeprefix(case.name + '/')}/record:sign", **signs))["complete"]
        await me.does(session, "end")

        agreement = await case.draft(pays(case.parties[1], case.parties[0], 800))
        for party in case.parties:
            await case.sign(agreement, party)
        await case.tell(f"{agreement}:countersign")
        with refused("CONTRADICTED"):
            await case.tell(f"{agreement}:seal", "clerk")
        assert (await case.ask(agreement))["missingMembers"] == [name]
        assert (await me.does(f"{case.name}/{agreement}", "countersign"))["panelSignatures"][0]["member"] == name
        assert (await case.tell(f"{agreement}:seal", "clerk"))["state"] == "AGREEMENT_STATE_EFFECTIVE"

        # What was told in confidence, the checklist and the end are the one of record's.
        for path in ("caucuses/applicant/notes", "dossier"):
            assert (await me.gets(f"/v1/{case.name}/{path}")).status_code == 403, path
        for verb in ("answerChecklist", "seal"):
            answer = await me.tries(f"{case.name}/{agreement}", verb, answers=[])
            assert answer.status_code in (400, 403), answer.text
        assert (await me.tries(case.name, "endMediation", ground="END_GROUND_GAP_TOO_WIDE")).status_code == 403
    record = await case.tell("documents:generate", form="DOCUMENT_FORM_RECORD", subject=session)
    filled = (await case.desk.get(record["name"], "mediator", case.user))["content"]
    assert "周调解、郑次席" in text_of(base64.b64decode(filled))


@BOTH
async def test_an_assessor_comes_once_every_party_agreed_reads_and_signs(
    stack: Stack, desk: Desk, language: str
) -> None:
    case, user = await mediated(desk), someone()
    member = {"role": ASSESSOR, "display_name": "钟离工程师", "capacity": "房屋鉴定", "user": user}
    name = (await case.tell("panel", **member))["name"]
    one, two = case.parties
    async with outside.Desk(stack, "handler", f"{COUNTY}-justice", user, language) as me:
        assert (await me.gets(f"/v1/{case.name}")).status_code == 403, "the parties have not agreed"
        await desk.post(f"{name}:agree", "clerk", party=one, agreed=True)
        assert (await me.tries(name, "accept", disclosure=NOTHING)).status_code == 403
        assert (await desk.post(f"{name}:agree", "clerk", party=two, agreed=True))["state"] == "PANEL_STATE_ASKED"
        # A relative may be invited, where the parties agreed.
        told = await me.does(name, "accept", disclosure={**NOTHING, "kin": True})
        assert told["state"] == "PANEL_STATE_ACCEPTED"
        session = await case.sit_down()
        came = {"role": "ATTENDEE_ROLE_ASSESSOR", "presence": "PRESENCE_PRESENT", "member": name}
        await case.tell(f"{session}:recordAttendance", attendances=[came])
        await case.write(session, "看了图纸。", "待定。", one, two)
        assert (await me.reads(f"/v1/{case.name}/{session}/record"))["content"]["statements"] == "看了图纸。"
        signs = {"role": "SIGNER_ROLE_ASSESSOR", "manner": "SIGNING_MANNER_SIGNATURE"}
        signed = await me.does(f"{case.name}/{session}/record", "sign", **signs)
        assert name in [each.get("member") for each in signed["signatures"]]
        for role in ("MEDIATOR", "RECORDER"):
            answer = await me.tries(f"{case.name}/{session}/record", "sign", **{**signs, "role": f"SIGNER_ROLE_{role}"})
            assert answer.status_code == 403, answer.text
        for path in ("agreements", "consents", "caucuses/applicant/notes"):
            assert (await me.gets(f"/v1/{case.name}/{path}")).status_code == 403, path
        # Who goes sees nothing more.
        await me.does(name, "end", reason="LEAVING_REASON_ABSENT")
        assert (await me.gets(f"/v1/{case.name}/{session}/record")).status_code == 403


async def test_a_party_who_joins_later_is_asked_about_an_assessor_already_there(stack: Stack, desk: Desk) -> None:
    case, user = await mediated(desk), someone()
    named, stranger = await invited(case, user), await invited(case)
    async with outside.Desk(stack, "handler", f"{COUNTY}-justice", user) as me:
        await me.does(named, "accept", disclosure=NOTHING)
        assert (await me.gets(f"/v1/{case.name}")).status_code == 200
        joined = await case.add("THIRD", "司寇租客")
        for name in (named, stranger):
            assert (await desk.get(name, "unit_head"))["state"] == "PANEL_STATE_PROPOSED"
        assert (await me.gets(f"/v1/{case.name}")).status_code == 403, "the new party has not agreed"
        await case.says(joined)
        for name, state in ((stranger, "ACCEPTED"), (named, "ASKED")):
            told = await desk.post(f"{name}:agree", "clerk", party=joined, agreed=True)
            assert told["state"] == f"PANEL_STATE_{state}"
        # About the new party nothing was disclosed yet.
        assert (await me.does(named, "accept", disclosure=NOTHING))["state"] == "PANEL_STATE_ACCEPTED"

        # Of one who joins and leaves again nobody waits for a word.
        other = await case.add("THIRD", "公良邻居")
        assert (await desk.get(stranger, "unit_head"))["state"] == "PANEL_STATE_PROPOSED"
        await desk.post(f"{other}:withdraw", "clerk")
        assert (await desk.get(stranger, "unit_head"))["state"] == "PANEL_STATE_ACCEPTED"
        assert (await desk.get(named, "unit_head"))["state"] == "PANEL_STATE_ASKED"


async def test_where_the_sides_differ_the_head_appoints_one_to_lead_and_the_other_as_second(desk: Desk) -> None:
    case = await desk.open("neighbour", "院墙占了通道。")
    one, two = await case.two_sides("鲜于东院", "闾丘西院")
    await case.everybody_says_yes()
    first, second = await desk.mediator(), await desk.mediator()
    await desk.post(f"{one}:chooseMediator", "clerk", mediator=f"mediators/{first}")
    told = await desk.post(f"{two}:chooseMediator", "clerk", mediator=f"mediators/{second}")
    assert told["phase"] == "CHOICE_PHASE_UNIT", "nobody waits for two days that change nothing"
    assert any(each["rule"] == "mediator_appointment" for each in (await case.clocks()).values())
    for same in (first, "m-nobody-of-that-name"):
        with pytest.raises(Exception, match=r"secondMediator|m-nobody"):
            await case.tell("mediation:appointMediator", "unit_head", mediator=f"mediators/{first}",
                            secondMediator=f"mediators/{same}")  # fmt: skip
    await case.tell(
        "mediation:appointMediator", "unit_head", mediator=f"mediators/{first}", secondMediator=f"mediators/{second}"
    )
    await desk.post(f"{case.name}/mediation:accept", "mediator", first, disclosure=NOTHING)
    (member,) = (await desk.get(f"{case.name}/panel", "unit_head"))["members"]
    assert (member["mediator"], member["displayName"]) == (f"mediators/{second}", "周调解")
    await desk.post(f"{member['name']}:accept", "mediator", second, disclosure=NOTHING)

    # The one of record steps down: the second stays, may lead, and then is second no more.
    relieved = await desk.post(
        f"{case.name}/mediation:relieveMediator", "mediator", first, reason="LEAVING_REASON_CONFLICT"
    )
    assert (relieved["state"], relieved["phase"]) == ("MEDIATION_STATE_CONSENTED", "CHOICE_PHASE_PARTIES")
    with refused("CONFLICT_OF_INTEREST"):
        await desk.post(f"{one}:chooseMediator", "clerk", mediator=f"mediators/{first}")
    # The other side's choice of earlier stands.
    await desk.post(f"{one}:chooseMediator", "clerk", mediator=f"mediators/{second}")
    await desk.post(f"{case.name}/mediation:accept", "mediator", second, disclosure=NOTHING)
    (member,) = (await desk.get(f"{case.name}/panel", "unit_head"))["members"]
    assert (member["state"], member["endReason"]) == ("PANEL_STATE_ENDED", "LEAVING_REASON_LEADS")


async def test_one_partys_no_ends_a_part_and_nobody_is_told_whose(desk: Desk) -> None:
    case = await mediated(desk)
    user, name = await joined(case)
    ended = await desk.post(f"{name}:agree", "clerk", party=case.parties[1], agreed=False)
    assert (ended["state"], ended.get("agreed", [])) == ("PANEL_STATE_REPLACED", [])
    with refused("PERMISSION_DENIED"):
        await desk.get(f"{case.name}/sessions", "mediator", user)
    with refused("CONFLICT_OF_INTEREST"):
        await case.tell("panel", "unit_head", role=SECOND, mediator=f"mediators/{user}")
    told = await desk.get(f"{case.name}/timeline", "auditor")
    (left,) = [each for each in told["events"] if each["type"] == "PanelMemberLeft"]
    assert "party" not in left["payload"]
    # The same before an assessor comes.
    name = (await case.tell("panel", role=ASSESSOR, displayName="钟离工程师", capacity="房屋鉴定"))["name"]
    await desk.post(f"{name}:agree", "clerk", party=case.parties[0], agreed=False)
    with refused("WRONG_STATE"):
        await desk.post(f"{name}:agree", "clerk", party=case.parties[1], agreed=True)


async def test_who_may_not_take_part_is_refused_and_named(desk: Desk) -> None:
    case = await mediated(desk)
    far = await _of(desk, "620103")
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("INVALID_FIELD", "another county's", {"role": SECOND, "mediator": f"mediators/{far}"}),
        ("ALREADY_EXISTS", "leads already", {"role": SECOND, "mediator": f"mediators/{case.user}"}),
        ("INVALID_FIELD", "no mediator", {"role": SECOND}),
        ("INVALID_FIELD", "no name", {"role": ASSESSOR, "capacity": "邻居"}),
        ("INVALID_FIELD", "no capacity", {"role": ASSESSOR, "displayName": "某邻居"}),
        ("ALREADY_EXISTS", "leads already",
         {"role": ASSESSOR, "displayName": "周调解", "capacity": "同事", "user": case.user}),
    ]  # fmt: skip
    for code, why, fields in wrong:
        with refused(code):
            await case.tell("panel", "unit_head", **fields)
        assert why
    user = await desk.mediator()
    with refused("PERMISSION_DENIED"):
        await case.tell("panel", role=SECOND, mediator=f"mediators/{user}")  # the head's, not the mediator's
    await desk.post(
        f"{case.name}/grants", "unit_head", holder=user, scope="GRANT_SCOPE_EXCLUDED", reason="当事人申请回避。"
    )
    with refused("CONFLICT_OF_INTEREST"):
        await case.tell("panel", "unit_head", role=SECOND, mediator=f"mediators/{user}")
    name = (await asked(case))[1]
    with refused("NOT_ASKED"):
        await desk.post(f"{name}:accept", "mediator", case.user, disclosure=NOTHING)


async def exclude(case: Matter, user: str) -> None:
    """Exclude an account from a case (回避)."""
    await case.tell("grants", "unit_head", holder=user, scope="GRANT_SCOPE_EXCLUDED", reason="当事人申请回避。")


async def _of(desk: Desk, unit: str) -> str:
    """Return a mediator of another unit."""
    user = someone()
    entry = {"user": user, "displayName": "外县调解", "unit": f"units/{unit}", "languages": ["zh-CN"], "active": True}
    await desk.at(unit).post("mediators", "unit_head", None, {"mediatorId": user}, **entry)
    return user


async def test_who_is_excluded_in_the_middle_of_a_session_is_out_and_nothing_waits_for_them(desk: Desk) -> None:
    case = await mediated(desk)
    user, name = await joined(case)
    session = await case.sit_down()
    came = {"role": "ATTENDEE_ROLE_MEDIATOR", "presence": "PRESENCE_PRESENT", "member": name}
    await case.tell(f"{session}:recordAttendance", attendances=[came])
    agreement = await case.draft(pays(case.parties[1], case.parties[0], 800))
    await desk.post(
        f"{case.name}/grants", "unit_head", holder=user, scope="GRANT_SCOPE_EXCLUDED", reason="当事人申请回避。"
    )
    with refused("PERMISSION_DENIED"):
        await desk.post(f"{case.name}/{agreement}:countersign", "mediator", user)
    assert (await desk.get(name, "unit_head"))["endReason"] == "LEAVING_REASON_CONFLICT"
    # The session goes on, and what is signed is sealed.
    assert (await case.write(session, "继续谈。", "达成。", *case.parties))["complete"]
    for party in case.parties:
        await case.sign(agreement, party)
    await case.bind(agreement)


@pytest.mark.fault("D12")
async def test_a_session_whose_mediators_all_stayed_away_was_not_held(desk: Desk) -> None:
    case = await mediated(desk)
    _, name = await joined(case)
    session = await case.sit_down()
    absent = [{"role": "ATTENDEE_ROLE_MEDIATOR", "presence": "PRESENCE_ABSENT"},
              {"role": "ATTENDEE_ROLE_MEDIATOR", "presence": "PRESENCE_ABSENT", "member": name}]  # fmt: skip
    await case.tell(f"{session}:recordAttendance", attendances=absent)
    with refused("CONTRADICTED"):
        await case.tell(f"{session}:end")
    late = {**absent[1], "presence": "PRESENCE_LEFT", "arrive_time": instant(-0.02), "leave_time": instant(-0.01)}
    await case.tell(f"{session}:recordAttendance", attendances=[late])
    assert (await case.tell(f"{session}:end"))["state"] == "SESSION_STATE_HELD"


async def test_at_once_a_place_is_filled_once_and_a_leaving_second_signs_or_leaves(desk: Desk) -> None:
    case, user = await mediated(desk), await desk.mediator()
    member = {"role": SECOND, "mediator": f"mediators/{user}"}
    answers = await asyncio.gather(
        *(case.tell("panel", "unit_head", **member) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, dict) for each in answers) == 1, answers
    name = next(each["name"] for each in answers if isinstance(each, dict))
    both = await asyncio.gather(
        desk.post(f"{name}:accept", "mediator", user, disclosure=NOTHING),
        desk.post(f"{name}:end", "unit_head", reason="LEAVING_REASON_NOT_NEEDED"), return_exceptions=True,
    )  # fmt: skip
    state = (await desk.get(name, "unit_head"))["state"]
    assert state == "PANEL_STATE_ENDED", (both, state)
    with refused("PERMISSION_DENIED"):
        await desk.get(f"{case.name}/sessions", "mediator", user)
