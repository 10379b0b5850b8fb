"""A party's day: nothing but the code of its invitation and two words, over REST, in Chinese and in English."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import jwt
import pytest
from pb.mediation.v1 import invitations_pb2

from accord.embedded.stack import Stack
from tests.case_people import Act, new_case
from tests.conftest import CALL, Clients
from tests.dossiers import text_of
from tests.outside import Invitee
from tests.patience import PATIENCE
from tests.rpcs import all_rpcs, call
from tests.scenario import PDF, Desk, Matter, instant, pays, refused
from tests.world import REQUESTS, new_world
from tests.world_people import invited

CLAIM = "申请人请求修好漏水并赔偿天花板。"
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
REFUSED = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


async def matter(desk: Desk) -> Matter:
    """Return a case with a party on each side."""
    case = await desk.open("neighbour", "楼上卫生间漏水，天花板泡坏两处。")
    await case.two_sides("申屠楼下", "公冶楼上")
    return case


async def invite(case: Matter, party: str, role: str = "clerk", **fields: Any) -> dict[str, Any]:
    """Invite a party."""
    sub = case.user if role == "mediator" else None
    made: dict[str, Any] = await case.desk.post(f"{party}:invite", role, sub, claim=CLAIM, **fields)
    return made


async def printed(case: Matter, session: str) -> str:
    """Return the text of the record of a session on paper."""
    about = {"form": "DOCUMENT_FORM_RECORD", "subject": f"{case.name}/{session}"}
    made = await case.tell("documents:generate", **about)
    return text_of(b64decode((await case.desk.get(made["name"], "mediator", case.user))["content"]))


async def notified(me: Invitee, *rules: str) -> None:
    """Wait until one can read notices of these rules that were made out to one, each in words."""
    async with asyncio.timeout(PATIENCE):
        found: list[dict[str, Any]] = []
        while not set(rules) <= {each["rule"] for each in found}:
            await asyncio.sleep(0.3)
            found = (await me.reads(f"{me.party}/notices"))["notices"]
    assert all(each["text"] and "{" not in each["text"] + each["subject"] for each in found)


@BOTH
async def test_an_invitation_says_what_is_claimed_the_rights_the_other_routes_and_what_one_said(
    stack: Stack, desk: Desk, language: str
) -> None:
    case = await matter(desk)
    one, two = case.parties
    await case.says(one)
    async with Invitee(stack, language) as me:
        await me.comes(await invite(case, two))
        assert (me.party, me.case) == (two, case.name)
        told = await me.reads(f"{two}/invitation")
        assert (told["claim"], told["side"], told["unitDisplayName"]) == (CLAIM, "SIDE_RESPONDENT", "城关区")
        assert (told["code"], told["words"]) == ("", "")
        assert told["category"].startswith("Neigh" if language == "en" else "邻里")
        assert told["rights"][4].startswith("5. You may" if language == "en" else "（五）您可以")
        assert told["otherRoutes"]
        assert told["answerDueTime"], "silence has its end"
        assert told["consents"] == []
        assert not any(each in str(told) for each in ("申屠楼下", "甲巷", "1390000")), "nobody else is named"

        assert (await me.says("MEDIATION")).status_code == 200
        told = await me.reads(f"{two}/invitation")
        (said,) = told["consents"]
        assert (said["step"], said["given"], said["medium"]) == ("STEP_MEDIATION", True, "MEDIUM_ONLINE")
        assert said["language"] == ("en" if language == "en" else "zh-CN")
        assert (await me.looks(f"{one}/invitation")).status_code == 403


async def test_a_new_code_replaces_the_old_one_and_five_wrong_words_close_it_for_an_hour(
    stack: Stack, desk: Desk
) -> None:
    case = await matter(desk)
    async with Invitee(stack) as me:
        first = await invite(case, case.parties[1])
        second = await invite(case, case.parties[1])
        assert first["code"] != second["code"]
        assert (await me.sign_in(first["words"].split(" / ")[0], first["code"])).status_code == 404
        for _ in range(5):
            assert (await me.sign_in("山 山", second["code"])).json()["code"] == "SECOND_FACTOR_WRONG"
        closed = await me.sign_in(second["words"].split(" / ")[0], second["code"])
        assert closed.status_code == 429
        assert 3000 < int(closed.headers["retry-after"]) <= 3600
        assert "InvitationClosed" in await case.timeline()


async def test_for_a_child_the_guardian_is_invited_and_says_it_beside_it(stack: Stack, desk: Desk) -> None:
    case = await matter(desk)
    child = await case.add("RESPONDENT", "令狐小宝", details={"birth_date": "2018-01-01"})
    with refused("GUARDIAN_NEEDED"):
        await invite(case, child)
    beside = await case.tell("companions", "clerk", role="COMPANION_ROLE_GUARDIAN", parties=[child],
                             details={"display_name": "令狐大宝"})  # fmt: skip
    with refused("INVALID_FIELD"):
        await invite(case, case.parties[0], companion=beside["name"])
    async with Invitee(stack) as guardian:
        await guardian.comes(await invite(case, child, companion=beside["name"]))
        said = (await guardian.says("MEDIATION")).json()
        assert (said["given"], said["assistedBy"]) == (True, beside["name"])


async def test_what_is_told_alone_opens_by_the_mediators_invitation_alone(stack: Stack, desk: Desk) -> None:
    case = await matter(desk)
    await case.everybody_says_yes()
    await case.find_mediator()
    await case.confide("respondent", "最多两千元。")
    async with Invitee(stack) as me:
        await me.comes(await invite(case, case.parties[1]))
        assert (await me.looks(f"{case.name}/caucuses/respondent/notes")).status_code == 403
        await me.comes(await invite(case, case.parties[1], "mediator"))
        told = await me.reads(f"{case.name}/caucuses/respondent/notes")
        assert [each["text"] for each in told["notes"]] == ["最多两千元。"]
        assert (await me.looks(f"{case.name}/caucuses/applicant/notes")).status_code == 403


@BOTH
async def test_a_party_who_agrees_and_performs(stack: Stack, desk: Desk, language: str) -> None:
    case = await matter(desk)
    one, two = case.parties
    async with Invitee(stack, language) as other, Invitee(stack, language) as me:
        await other.comes(await invite(case, one))
        await me.comes(await invite(case, two))
        for each in (other, me):
            assert (await each.says("MEDIATION")).status_code == 200
        case.user = await desk.mediator()
        chosen = f"mediators/{case.user}"
        for each in (other, me):
            await each.does(f"{each.party}:chooseMediator", mediator=chosen)
        told = await me.reads(f"{two}/invitation")
        assert (told["mediator"], told["mediatorDisplayName"]) == (chosen, "周调解")
        await case.tell("mediation:accept", disclosure=dict.fromkeys(("kin", "interest", "prior_role"), False))
        assert (await me.reads(f"{case.name}/mediation"))["state"] == "MEDIATION_STATE_MEDIATING"

        made = await case.tell("sessions", kind="SESSION_KIND_JOINT", venue="VENUE_REMOTE", place="https://meet.example/7",
                               start_time=instant(30), end_time=instant(32))  # fmt: skip
        alone = await case.tell("sessions", kind="SESSION_KIND_SEPARATE", venue="VENUE_ON_SITE", place="甲巷口",
                                parties=[one], start_time=instant(40), end_time=instant(41))  # fmt: skip
        (seen,) = (await me.reads(f"{case.name}/sessions"))["sessions"]
        assert seen["name"] == made["name"], "the other side's talk alone is not shown"
        assert (await me.looks(alone["name"])).status_code == 404
        assert (await me.reads(f"{made['name']}/content"))["place"] == "https://meet.example/7"
        await me.does(f"{made['name']}:askOtherTime", party=two, times=[instant(50)])
        assert (await me.tries(f"{made['name']}:askOtherTime", party=one, times=[instant(50)])).status_code == 403
        (wish,) = (await case.ask(made["name"].removeprefix(f"{case.name}/")))["timeWishes"]
        assert wish["party"] == two
        assert (await other.reads(made["name"]))["timeWishes"] == []

        file = {"type": "FILE_TYPE_PDF", "title": "维修收据", "party": two}
        given = await me.does(f"{case.name}/evidence", evidence=file, content=PDF)
        assert [each["name"] for each in (await me.reads(f"{case.name}/evidence"))["evidence"]] == [given["name"]]
        assert (await other.reads(f"{case.name}/evidence"))["evidence"] == []

        first, agreement = [await case.draft(pays(two, one, yuan)) for yuan in (900, 1200)]
        base, name = f"{case.name}/{first}", f"{case.name}/{agreement}"
        assert [each["name"] for each in (await me.reads(f"{case.name}/agreements"))["agreements"]] == [base, name]
        assert (await me.reads(f"{name}/text"))["clauses"]
        (changed,) = (await me.reads(f"{name}:compare?base={base}"))["clauses"]
        assert (changed["change"], changed["fields"]) == ("CLAUSE_CHANGE_CHANGED", ["amount_fen", "content"])
        assert (changed["baseClause"]["amountFen"], changed["clause"]["amountFen"]) == ("90000", "120000")
        assert [each["text"] for each in changed["content"]] == ["支付", "900", "1200", "元。"]
        signs = {"signer": "SIGNER_SELF", "manner": "SIGNING_MANNER_ELECTRONIC"}
        assert (await me.tries(f"{name}:sign", parties=[one], **signs)).status_code == 403
        assert (await me.tries(f"{name}:sign", parties=[one, two], **signs)).status_code == 403
        by_hand = await me.tries(f"{name}:sign", parties=[two], signer="SIGNER_SELF", manner="SIGNING_MANNER_STAMP")
        assert by_hand.status_code == 400
        await me.does(f"{name}:sign", parties=[two], **signs)
        await case.sign(agreement, one)
        assert {each["party"]: each["manner"] for each in (await me.reads(name))["signatures"]} == {
            one: "SIGNING_MANNER_SIGNATURE", two: "SIGNING_MANNER_ELECTRONIC",
        }  # fmt: skip
        await case.bind(agreement)

        (due,) = (await me.reads(f"{case.name}/instalments"))["instalments"]
        assert (due["performer"], due["beneficiary"], due["amountFen"]) == (two, one, "120000")
        assert due["dueTime"]
        received = {"amountFen": 120000, "evidence": "slip-1"}
        assert (await me.tries(f"{due['name']}:recordPerformance", **received)).status_code == 403
        assert (await me.says("JUDICIAL_CONFIRMATION")).status_code == 200
        early = await me.tries(f"{name}:applyForConfirmation", court="620102-court")
        assert early.json()["code"] == "CONSENT_MISSING", "jointly or not at all"
        assert (await other.says("JUDICIAL_CONFIRMATION")).status_code == 200
        await other.does(f"{name}:applyForConfirmation", court="620102-court")
        assert (await me.reads(f"{name}/confirmation"))["court"] == "620102-court"
        done = await other.does(f"{due['name']}:recordPerformance", **received)
        assert done["state"] == "INSTALMENT_STATE_PERFORMED"
        log = (await me.reads(f"{case.name}/accessLog"))["entries"]
        assert any(each["action"] == "parties.unmask" and each["subject"] == two for each in log)
        assert not any(each["subject"] == one for each in log)
        await notified(me, "agreement_ready", "agreement_effective")
        await notified(other, "agreement_ready", "agreement_effective")


@BOTH
async def test_a_proof_of_performance_is_a_claim_until_the_creditor_says_yes_or_it_is_checked(
    stack: Stack, desk: Desk, language: str
) -> None:
    case = await matter(desk)
    one, two = case.parties
    three = await case.add("RESPONDENT", "夏侯隔壁")
    await case.everybody_says_yes()
    await case.find_mediator()
    await case.agree(pays(two, one, 1200), pays(three, one, 5))
    async with Invitee(stack, language) as creditor, Invitee(stack, language) as debtor, Invitee(stack) as third:
        for each, party in ((creditor, one), (debtor, two), (third, three)):
            await each.comes(await invite(case, party))
        (owed,) = (await debtor.reads(f"{case.name}/instalments"))["instalments"]
        file = {"type": "FILE_TYPE_PDF", "title": "转账回单"}
        slip = (await debtor.does(f"{case.name}/evidence", evidence={**file, "party": two}, content=PDF))["name"]
        other = b64encode(b"%PDF-1.7\nanother\n%%EOF\n").decode()
        foreign = (await third.does(f"{case.name}/evidence", evidence={**file, "party": three}, content=other))["name"]
        claim, says = f"{owed['name']}:claimPerformance", f"{owed['name']}:answerClaim"
        assert (await creditor.looks(slip)).status_code == 404
        assert (await creditor.tries(claim, amountFen=120000, evidence=slip)).status_code == 403
        assert (await debtor.tries(claim, amountFen=130000, evidence=slip)).status_code == 400
        assert (await debtor.tries(claim, amountFen=120000, evidence=foreign)).status_code == 400
        claimed = await debtor.does(claim, amountFen=120000, evidence=slip)
        (told,) = claimed["claims"]
        assert (claimed["state"], claimed["paidFen"]) == ("INSTALMENT_STATE_PENDING", "0"), "a claim decides nothing"
        assert (told["state"], told["evidence"], told["amountFen"]) == ("CLAIM_STATE_WAITING", slip, "120000")
        assert (await debtor.tries(claim, amountFen=120000, evidence=slip)).status_code == 409, "one waits at a time"

        assert (await creditor.looks(slip)).status_code == 200, "it was handed in to the creditor"
        assert (await third.looks(slip)).status_code == 404
        assert (await third.tries(says, claim=1, confirmed=True)).status_code == 403
        assert (await debtor.tries(says, claim=1, confirmed=True)).status_code == 403
        disputed = await creditor.does(says, claim=1, confirmed=False)
        assert disputed["claims"][0]["state"] == "CLAIM_STATE_DISPUTED"
        assert (await creditor.tries(says, claim=1, confirmed=False)).status_code == 409
        second = await debtor.does(claim, amountFen=50000, evidence=slip)
        assert [each["claim"] for each in second["claims"]] == [1, 2]
        part = await creditor.does(says, claim=2, confirmed=True)
        assert (part["state"], part["paidFen"]) == ("INSTALMENT_STATE_PART", "50000")

        await debtor.does(claim, amountFen=70000, evidence=slip)
        checked = await desk.post(says, "mediator", case.user, claim=3, confirmed=True)
        assert (checked["state"], checked["paidFen"]) == ("INSTALMENT_STATE_PERFORMED", "120000")
        assert checked["evidence"] == [slip, slip]
        assert (await creditor.tries(says, claim=1, confirmed=True)).status_code == 409, "it is performed"


@BOTH
async def test_a_party_asks_that_the_agreement_is_served_and_sees_how_and_when_it_was(
    stack: Stack, desk: Desk, language: str
) -> None:
    case = await matter(desk)
    one, two = case.parties
    three = await case.add("APPLICANT", "夏侯隔壁", details={"contact": {"never_by": ["CONTACT_CHANNEL_SMS"]}})
    await case.everybody_says_yes()
    await case.find_mediator()
    hides = {"concern": True, "hide_address": True, "wants_joint_session": True, "in_private": True}
    await desk.post(f"{two}:screen", "clerk", screening=hides)
    draft = await case.draft(pays(two, one, 1200))
    name = f"{case.name}/{draft}"
    async with Invitee(stack, language) as other, Invitee(stack, language) as me:
        await other.comes(await invite(case, three))
        await me.comes(await invite(case, two))
        asks = {"party": two, "channel": "CONTACT_CHANNEL_COUNTER"}
        assert (await me.tries(f"{name}:askForService", **asks)).json()["code"] == "WRONG_STATE", "it binds nobody yet"
        for party in case.parties:
            await case.sign(draft, party)
        await case.bind(draft)
        assert (await other.tries(f"{name}:askForService", **asks)).status_code == 403
        assert (await other.looks(f"{two}/notices")).status_code == 403
        by_letter = {"party": two, "channel": "CONTACT_CHANNEL_PAPER"}
        refused_there = await me.tries(f"{name}:askForService", **by_letter)
        assert refused_there.status_code == 400, "nothing goes to a hidden address"
        assert refused_there.json()["errors"][0]["field"] == "channel"
        await me.does(f"{name}:askForService", **by_letter, address="丁路3号，李律师收")
        assert (await me.tries(f"{name}:askForService", **by_letter)).status_code == 409, "it is on its way"
        served = await me.notice("agreement_service", "AT_DESK")
        worded = "letter" if language == "en" else "邮寄"
        assert (worded in served["text"], "serveTime" in served) == (True, False)
        letter = await desk.get(f"{served['name']}/letter", "clerk")
        assert letter["address"] == "丁路3号，李律师收"
        await desk.post(f"{served['name']}:recordReceipt", "clerk", kind="RECEIPT_KIND_SERVED", evidence="slip-9")
        proof = await me.notice("agreement_service", "SERVED")
        assert proof["serveTime"]
        assert [(each["state"], each["evidence"]) for each in proof["deliveries"]] == [
            ("NOTICE_STATE_AT_DESK", ""), ("NOTICE_STATE_SERVED", "slip-9"),
        ]  # fmt: skip
        assert not any(each["rule"] == "agreement_service" for each in
                       (await other.reads(f"{three}/notices"))["notices"])  # fmt: skip
        unwanted = await other.tries(f"{name}:askForService", party=three, channel="CONTACT_CHANNEL_SMS")
        assert (unwanted.status_code, unwanted.json()["errors"][0]["field"]) == (400, "channel"), "never by that"


@BOTH
async def test_a_party_reads_the_record_of_its_own_session_and_signs_it_once_or_refuses(
    stack: Stack, desk: Desk, language: str
) -> None:
    case = await matter(desk)
    one, two = case.parties
    three = await case.add("RESPONDENT", "夏侯隔壁")
    await case.everybody_says_yes()
    await case.find_mediator()
    session = await case.sit_down("JOINT", one, two)
    name = f"{case.name}/{session}/record"
    async with Invitee(stack, language) as other, Invitee(stack, language) as me, Invitee(stack) as third:
        for each, party in ((other, one), (me, two), (third, three)):
            await each.comes(await invite(case, party))
        assert (await me.looks(name)).status_code == 404, "nothing is written yet"
        await case.write(session, "双方各自陈述。", "下周再谈。")
        read = await me.reads(name)
        assert (read["content"]["statements"], read["etag"], read["writtenBy"]) == ("双方各自陈述。", "1", "")
        assert (await third.looks(name)).status_code == 404, "it was not asked to this session"

        signs = {"role": "SIGNER_ROLE_PARTY", "party": two, "manner": "SIGNING_MANNER_ELECTRONIC"}
        assert (await me.tries(f"{name}:sign", **signs)).json()["code"] == "READ_BACK_MISSING"
        assert (await me.tries(f"{name}:confirmReadBack", party=one, language="zh")).status_code == 403
        await me.does(f"{name}:confirmReadBack", party=two, language=language, etag=read["etag"])
        assert (await me.tries(f"{name}:sign", **{**signs, "party": one})).status_code == 403
        assert (await me.tries(f"{name}:sign", **{**signs, "party": "", "role": "SIGNER_ROLE_MEDIATOR"})
                ).status_code == 403  # fmt: skip
        by_hand = await me.tries(f"{name}:sign", **{**signs, "manner": "SIGNING_MANNER_SIGNATURE"})
        assert by_hand.status_code == 400
        assert (await third.tries(f"{name}:sign", **{**signs, "party": three})).status_code == 400
        signed = await me.does(f"{name}:sign", **signs)
        assert [each["party"] for each in signed["signatures"] if each["party"]] == [two]
        assert (await me.tries(f"{name}:sign", **signs)).status_code == 409
        assert (await me.tries(f"{name}:refuse", party=two)).status_code == 409, "it signed"

        assert (await other.tries(f"{name}:refuse", party=two)).status_code == 403
        await other.does(f"{name}:refuse", party=one, reason="第二句我没有说过。")
        assert (await other.tries(f"{name}:refuse", party=one)).status_code == 409
        (own,), (seen,) = (await other.reads(name))["refusals"], (await me.reads(name))["refusals"]
        assert (own["party"], own["reason"], seen["reason"]) == (one, "第二句我没有说过。", "")
        (told,) = (await case.ask(f"{session}/record"))["refusals"]
        assert (told["reason"], told["recordedBy"]) == ("第二句我没有说过。", one)
        assert "拒绝在本记录上签名" in await printed(case, session), "who refused is on the paper, why is not"
        on_paper = {"party": one, "manner": "SIGNING_MANNER_FINGERPRINT", "role": "SIGNER_ROLE_PARTY"}
        await case.tell(f"{session}/record:confirmReadBack", "clerk", party=one, language="zh")
        assert (await case.tell(f"{session}/record:sign", "clerk", **on_paper))["complete"]
        assert "拒绝" not in (await printed(case, session)).split("是否赔偿")[1], "it signed after all"
        assert "RecordRefused" in await case.timeline()


@BOTH
async def test_a_party_who_refuses_at_once(stack: Stack, desk: Desk, language: str) -> None:
    case = await matter(desk)
    one, two = case.parties
    await case.says(one)
    async with Invitee(stack, language) as me:
        await me.comes(await invite(case, two))
        assert (await me.says("MEDIATION", yes=False)).status_code == 200
        told = await me.reads(f"{two}/invitation")
        assert (told["withdrawn"], told["consents"][0]["given"]) == (True, False)
        ending = await me.reads(f"{case.name}/ending")
        assert ending["endTime"]
        assert ending["otherRoutes"]
        assert "answerDueTime" not in told
        await notified(me, "invitation", "mediation_left")


@BOTH
async def test_a_party_who_stops_in_a_session(stack: Stack, desk: Desk, language: str) -> None:
    case = await matter(desk)
    two = case.parties[1]
    await case.everybody_says_yes()
    await case.find_mediator()
    async with Invitee(stack, language) as me:
        await me.comes(await invite(case, two))
        before = (await case.ask("mediation"))["mediator"]
        assert (await me.tries(f"{case.parties[0]}:replaceMediator")).status_code == 403
        await me.does(f"{two}:replaceMediator")
        assert (await case.ask("mediation", "clerk"))["mediator"] != before
        replaced = await desk.get(f"{case.name}/timeline", "auditor")
        (told,) = [each for each in replaced["events"] if each["type"] == "MediatorReplaced"]
        assert two not in str(told), "whose word it was is nowhere told"
        await case.find_mediator()
        session = await case.sit_down()
        stopped = await me.does(f"{two}:withdraw")
        assert stopped["withdrawTime"]
        assert stopped["routes"]
        assert (await me.reads(f"{case.name}/{session}"))["state"] == "SESSION_STATE_BROKEN_OFF"
        assert (await me.reads(f"{case.name}/ending"))["otherRoutes"] == stopped["routes"]


def as_holder(token: str) -> dict[str, Any]:
    """Return the arguments of a call with a token."""
    return {"metadata": (("authorization", f"Bearer {token}"), ("accept-language", "en")), "timeout": CALL}


async def test_a_token_of_an_invitation_is_good_for_its_own_party_alone(stack: Stack, clients: Clients) -> None:
    world, stranger = await new_world(clients), Act(clients, (await new_case(clients)).name)
    await stranger.add(1)

    async def token(party: str) -> dict[str, Any]:
        made = await invited(clients, party)
        async with Invitee(stack) as me:
            await me.comes({"code": made.code, "words": made.words})
            assert jwt.decode(me.token, options={"verify_signature": False})["sub"] == party
            return as_holder(me.token)

    walked: set[str] = set()
    outside = await token(stranger.of(1))
    seconds = {case: await token(f"{case}/parties/2") for case in (world.case, world.sitting, world.mediated)}
    for rpc in all_rpcs():
        if rpc.public:
            continue
        request = REQUESTS[rpc.method.name](world, rpc.server)
        answer = await call(clients.channels[rpc.server], rpc.path, request.SerializeToString(), **outside)
        assert answer.code is grpc.StatusCode.PERMISSION_DENIED, f"{rpc}: {answer}"
        for case, access in seconds.items():
            # The evidence of the mediated case is what the second party handed in.
            given = f"{case}/evidence/{9 if case == world.mediated else 1}"
            others = (f"{case}/parties/1", f"{case}/caucuses/applicant", given)
            if any(f'"{each}' in str(request) for each in others):
                answer = await call(clients.channels[rpc.server], rpc.path, request.SerializeToString(), **access)
                assert answer.code in REFUSED, f"{rpc}: {answer}"
                walked.add(rpc.method.name)
    assert walked >= {
        "RecordConsent", "WithdrawParty", "ChooseMediator", "ReplaceMediator", "ListCaucusNotes", "GetEvidence",
        "CreateEvidence", "ExportCaseFile", "SignAgreement", "AskOtherTime", "SignSessionRecord", "RefuseSessionRecord",
        "AskForService",
    }  # fmt: skip


async def test_no_account_passes_for_a_party(clients: Clients) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1)
    request = invitations_pb2.GetInvitationRequest(name=f"{act.of(1)}/invitation")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await clients.invitations.GetInvitation(request, **clients.as_("citizen", sub=act.of(1)))
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
