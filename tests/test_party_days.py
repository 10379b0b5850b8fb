"""Six days of parties, as far as they can get alone: by REST, with the code of the invitation, reading their notices.

Time is set: what takes weeks is gone through day by day. Whatever an office does stands behind the desk.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from accord.embedded.stack import Stack
from tests.conftest import Clients
from tests.dossiers import text_of
from tests.outside import Invitee
from tests.scenario import PDF, Matter, pays, refused
from tests.still import standing_still
from tests.still_door import Town, town_of

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
SIGNS = {"signer": "SIGNER_SELF", "manner": "SIGNING_MANNER_ELECTRONIC"}


@pytest.fixture(scope="module")
async def town(stack: Stack, clients: Clients) -> AsyncIterator[Town]:
    """Return a centre whose time is set."""
    async with standing_still(stack, "mediation") as still, town_of(still, clients) as found:
        yield found


async def mediated(town: Town, *names: str, **fields: Any) -> Matter:
    """Return a case in mediation, with a party on each side."""
    case = await town.matter(**fields)
    await case.two_sides(*names)
    await case.everybody_says_yes()
    await case.find_mediator()
    return case


@BOTH
async def test_silence_has_an_end_and_is_no_yes(town: Town, language: str) -> None:
    case = await town.matter()
    one, two = await case.two_sides("申屠楼下", "公冶楼上")
    await case.says(one)
    async with await town.guest(case, two, language) as me:
        await town.wait(case)
        asked = await me.notice("invitation")
        assert ("silence does not count as consent" if language == "en" else "不答复不视为同意") in asked["text"]
        due = (await me.reads(f"{two}/invitation"))["answerDueTime"]
        await town.wait_until(case, due)
        told = await me.reads(f"{two}/invitation")
        assert (told["consents"], "answerDueTime" in told, told["withdrawn"]) == ([], False, False)
        ending = await me.reads(f"{case.name}/ending")
        assert (ending["ground"], ending["endTime"] >= due) == ("END_GROUND_TERM_EXPIRED", True)
        ended = await me.notice("mediation_ended")
        assert all(each[language] in ended["text"] for each in ending["otherRoutes"])
        assert (await me.says("MEDIATION")).status_code == 409, "it is over"


@BOTH
async def test_who_stops_in_a_session_ends_it_and_both_are_told_the_other_routes(town: Town, language: str) -> None:
    case = await mediated(town, "申屠楼下", "公冶楼上")
    one, two = case.parties
    session = await case.sit_down()
    async with await town.guest(case, one, language) as other, await town.guest(case, two, language) as me:
        await town.wait(case)
        called = await me.notice("session_scheduled")
        assert ("is fixed for" if language == "en" else "调解会定于") in called["text"]
        stopped = await me.does(f"{two}:withdraw")
        await town.wait(case)
        for each in (me, other):
            assert (await each.reads(f"{case.name}/{session}"))["state"] == "SESSION_STATE_BROKEN_OFF"
            ending = await each.reads(f"{case.name}/ending")
            assert ending["otherRoutes"] == stopped["routes"]
            told = await each.notice("mediation_left")
            assert all(route[language] in told["text"] for route in stopped["routes"])
        assert "公冶楼上" not in (await other.notice("mediation_left"))["text"], "who stopped is not said"
        assert (await me.tries(f"{two}:chooseMediator", mediator=f"mediators/{case.user}")).status_code == 409


HIDDEN, ELSEWHERE = "不可外泄的庇护所地址", "代收点丙路八号"


async def everything_of(case: Matter, me: Invitee) -> str:
    """Return all that a party can read of its case, its own file on paper as well."""
    names = [each["name"] for each in (await me.reads(f"{case.name}/sessions"))["sessions"]]
    agreements = [each["name"] for each in (await me.reads(f"{case.name}/agreements"))["agreements"]]
    paths = [
        *(f"{case.name}/{each}" for each in ("mediation", "sessions", "evidence", "agreements", "instalments", "ending",
                                             "progress", "accessLog")),
        *(f"{me.party}/{each}" for each in ("invitation", "notices", "file")),
        *(f"{name}/content" for name in names), *(f"{name}/text" for name in agreements),
        *(f"{name}:compare?base={agreements[0]}" for name in agreements),
        *(f"{name}:checkEligibility" for name in agreements),
    ]  # fmt: skip
    told = [await me.reads(path) for path in paths]
    return "\n".join([*map(str, told), text_of(base64.b64decode(told[paths.index(f"{me.party}/file")]["content"]))])


@BOTH
async def test_a_hidden_address_is_in_no_answer_no_paper_and_no_notice(town: Town, language: str) -> None:
    case = await town.matter("family/violence", "请求安排子女抚养费，双方已分居。")
    other = await case.add("APPLICANT", "长孙对方")
    afraid = await case.add("RESPONDENT", "宇文避险", details={"address": HIDDEN, "phone": "13987651234"})
    for party, hides in ((other, False), (afraid, True)):
        screening = {"concern": hides, "hide_address": hides, "wants_joint_session": False, "in_private": True}
        await case.desk.post(f"{party}:screen", "clerk", screening=screening)
    async with await town.guest(case, other, language) as they, await town.guest(case, afraid, language) as me:
        for each in (they, me):
            assert (await each.says("MEDIATION")).status_code == 200
        await case.find_mediator()
        with refused("JOINT_REFUSED"):
            await case.sit_down()
        await case.sit_down("SEPARATE", afraid)
        draft = await case.draft(pays(other, afraid, 1500))
        for each in (they, me):
            await each.does(f"{case.name}/{draft}:sign", parties=[each.party], **SIGNS)
        await case.bind(draft)
        asks = {"party": afraid, "channel": "CONTACT_CHANNEL_PAPER"}
        assert (await me.tries(f"{case.name}/{draft}:askForService", **asks)).status_code == 400
        await me.does(f"{case.name}/{draft}:askForService", **asks, address=ELSEWHERE)
        await town.wait(case)
        letters = [await case.desk.get(f"{each['name']}/letter", "clerk")
                   for each in (await me.reads(f"{afraid}/notices"))["notices"]]  # fmt: skip
        assert {each["address"] for each in letters} == {ELSEWHERE}
        assert (await me.notice("agreement_service"))["state"] == "NOTICE_STATE_DUE"
        theirs = [str(await case.desk.get(f"{each['name']}/letter", "clerk"))
                  for each in (await they.reads(f"{other}/notices"))["notices"]]  # fmt: skip
        await case.file("AGREEMENT")
        papers = list((await case.dossier()).texts.values())
        seen = "\n".join([await everything_of(case, they), *theirs, *papers, *(each["text"] for each in letters)])
        for secret in (HIDDEN, "13987651234", ELSEWHERE):
            assert secret not in seen
        own = await everything_of(case, me)
        assert HIDDEN not in own, "what is found on her betrays nothing either"
        for each in (f"{afraid}/invitation", f"{afraid}/notices", f"{afraid}/file"):
            assert (await they.looks(each)).status_code == 403


@BOTH
async def test_each_member_of_a_group_says_it_itself_and_may_leave_alone(town: Town, language: str) -> None:
    case = await town.matter("consumer", "健身房关门，三人退费。")
    members = [await case.add("APPLICANT", f"退费甲{n}", member=True) for n in range(3)]
    gym = await case.add("RESPONDENT", "乌有健身有限公司", kind="ORGANISATION")
    await case.elect("代表乙", *members)
    out, stays, third = members
    async with await town.guest(case, out, language) as me, await town.guest(case, stays, language) as mate:
        for each in (me, mate):
            assert (await each.says("MEDIATION")).status_code == 200
        for party in (third, gym):
            await case.says(party)
        await case.find_mediator(third, gym)
        assert (await me.tries(f"{stays}:withdraw")).status_code == 403, "nobody takes another one out"
        left = await me.does(f"{out}:withdraw")
        assert (left["mediationState"], bool(left["routes"])) == ("MEDIATION_STATE_MEDIATING", True)
        assert (await me.reads(f"{out}/invitation"))["withdrawn"] is True
        assert (await mate.reads(f"{stays}/invitation"))["withdrawn"] is False
        assert (await mate.reads(f"{case.name}/mediation"))["state"] == "MEDIATION_STATE_MEDIATING"

        draft = await case.draft(*(pays(gym, member, 500) for member in (stays, third)))
        with refused("CONSENT_MISSING"):
            await case.sign(draft, stays, third, signer="REPRESENTATIVE")
        assert (await mate.says("SETTLEMENT")).status_code == 200
        with refused("CONSENT_MISSING"):
            await case.sign(draft, stays, third, signer="REPRESENTATIVE")
        await case.sign(draft, stays, signer="REPRESENTATIVE")
        assert (await me.tries(f"{case.name}/{draft}:sign", parties=[out], **SIGNS)).status_code == 400
        for party in (third, gym):
            await case.sign(draft, party)
        await case.bind(draft)
        await town.wait(case)
        assert (await me.reads(f"{case.name}/instalments"))["instalments"] == []
        (owed,) = (await mate.reads(f"{case.name}/instalments"))["instalments"]
        assert owed["beneficiary"] == stays
        assert await mate.notice("agreement_effective")
        told = {each["rule"] for each in (await me.reads(f"{out}/notices"))["notices"]}
        assert not told & {"agreement_ready", "agreement_effective"}, "who left is told of nothing more"


@BOTH
async def test_a_guardian_acts_for_a_child_until_the_powers_end(town: Town, language: str) -> None:
    case = await town.matter()
    school = await case.add("APPLICANT", "某小学", kind="ORGANISATION")
    birthday = (town.still.time.now() - timedelta(days=18 * 365.25 - 40)).date()
    child = await case.add("RESPONDENT", "令狐小宝", details={"birth_date": str(birthday)})
    with refused("GUARDIAN_NEEDED"):
        await town.invited(case, child)
    beside = [
        (await case.tell("companions", "clerk", role="COMPANION_ROLE_GUARDIAN", parties=[child],
                         details={"display_name": name}))["name"]
        for name in ("令狐大宝", "令狐祖母")
    ]  # fmt: skip
    await case.says(school)
    async with await town.guest(case, child, language, companion=beside[0]) as guardian:
        await town.wait(case)
        asked = await guardian.notice("invitation")
        assert ("silence does not count" if language == "en" else "不答复不视为同意") in asked["text"]
        said = (await guardian.says("MEDIATION")).json()
        assert (said["given"], said["assistedBy"]) == (True, beside[0])
        await case.find_mediator()
        draft = await case.draft(pays(school, child, 800))
        alone = await guardian.tries(f"{case.name}/{draft}:sign", parties=[child], **SIGNS)
        assert alone.json()["code"] == "SUPPORT_NEEDED", "a child does not sign alone"
        await guardian.does(f"{case.name}/{draft}:sign", parties=[child], **{**SIGNS, "signer": "SIGNER_GUARDIAN"})
        await case.desk.post(f"{beside[0]}:end", "clerk")
        assert (await guardian.sign_in(guardian.said)).status_code == 404, "the code dies with the powers"
        with refused("INVALID_FIELD"):
            await town.invited(case, child, companion=beside[0])
    async with await town.guest(case, child, language, companion=beside[1]) as guardian:
        assert (await guardian.reads(f"{child}/invitation"))["side"] == "SIDE_RESPONDENT"
        await town.wait(case, days=41)
        assert (await guardian.sign_in(guardian.said)).status_code == 404, "the child came of age"
    async with await town.guest(case, child, language) as grown:
        assert (await grown.reads(f"{child}/invitation"))["companion"] == ""


@BOTH
async def test_a_debtor_in_default_hands_in_a_proof_and_silence_decides_nothing(town: Town, language: str) -> None:
    case = await mediated(town, "申屠楼下", "公冶楼上")
    one, two = case.parties
    await case.agree(pays(two, one, 1200, days=5))
    async with await town.guest(case, one, language) as creditor, await town.guest(case, two, language) as debtor:

        async def owed(by: Invitee) -> dict[str, Any]:
            (found,) = (await by.reads(f"{case.name}/instalments"))["instalments"]
            return dict(found)

        await town.wait(case, days=7)
        for each in (creditor, debtor):
            assert (await owed(each))["state"] == "INSTALMENT_STATE_DEFAULTED"
            late = await each.notice("performance_overdue")
            assert ("nothing says that it was performed" if language == "en" else "至今没有履行完毕的记录") in late[
                "text"
            ]
        assert "REMEDY_ENFORCEMENT" in (await owed(creditor))["remedies"]

        name = (await owed(debtor))["name"]
        file = {"type": "FILE_TYPE_PDF", "title": "转账回单", "party": two}
        slip = (await debtor.does(f"{case.name}/evidence", evidence=file, content=PDF))["name"]
        await debtor.does(f"{name}:claimPerformance", amountFen=120000, evidence=slip)
        await town.wait(case)
        asked = await creditor.notice("performance_claimed")
        assert ("nothing is decided" if language == "en" else "不视为同意") in asked["text"]
        await creditor.does(f"{name}:answerClaim", claim=1, confirmed=False)
        await town.wait(case)
        answered = await debtor.notice("performance_answered")
        assert ("disputed" if language == "en" else "有异议") in answered["text"]

        await debtor.does(f"{name}:claimPerformance", amountFen=120000, evidence=slip)
        await town.wait(case, days=60)
        waiting = await owed(debtor)
        assert (waiting["state"], waiting["claims"][1]["state"]) == (
            "INSTALMENT_STATE_DEFAULTED", "CLAIM_STATE_WAITING",
        )  # fmt: skip
        await case.desk.post(f"{name}:answerClaim", "mediator", case.user, claim=2, confirmed=True)
        await town.wait(case)
        for each in (creditor, debtor):
            assert (await owed(each))["state"] == "INSTALMENT_STATE_PERFORMED"
        done = await debtor.notice("performance_answered")
        assert ("confirmed" if language == "en" else "已确认") in done["text"]
