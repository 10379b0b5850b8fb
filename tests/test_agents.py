"""The day of an agent and of a representative: by a code of their own, within their powers, while those last."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pb.mediation.v1 import consent_pb2

from accord.embedded.stack import Stack
from tests.conftest import Clients
from tests.dossiers import text_of
from tests.outside import Invitee
from tests.scenario import PDF, Desk, Matter, day, instant, pays, refused
from tests.still import standing_still
from tests.still_door import Town, town_of

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
POWERS = ("SPEAK", "RECEIVE", "NEGOTIATE", "PROCEDURE")
SIGNS = {"signer": "SIGNER_AGENT", "manner": "SIGNING_MANNER_ELECTRONIC"}


@pytest.fixture(scope="module")
async def town(stack: Stack, clients: Clients) -> AsyncIterator[Town]:
    """Return a centre whose time is set."""
    async with standing_still(stack, "mediation") as still, town_of(still, clients) as found:
        yield found


async def agent_of(case: Matter, *parties: str, powers: tuple[str, ...] = POWERS, **fields: Any) -> str:
    """Enter an agent with a written authority at the counter; its name."""
    details = {"display_name": "令狐律师", "phone": "13712340000", "address": "律所路九号"}
    made = await case.tell("companions", "clerk", role="COMPANION_ROLE_AGENT", parties=list(parties), details=details,
                           scopes=[f"SCOPE_{each}" for each in powers], **fields)  # fmt: skip
    return str(made["name"])


async def comes(town: Town, case: Matter, agent: str, language: str = "zh") -> Invitee:
    """Hand an agent its code, and return it as it signs in."""
    me = Invitee(town.still.stack, language, town.url)
    await me.comes(await case.desk.post(f"{agent}:invite", "clerk"))
    return me


async def status(me: Invitee, path: str, **fields: Any) -> int:
    """Return how a command of somebody is answered."""
    return (await me.tries(path, **fields)).status_code


async def mediated(town: Town, *people: str) -> Matter:
    """Return a case in mediation, with a party on each side."""
    case = await town.matter()
    await case.two_sides(*people)
    await case.everybody_says_yes()
    await case.find_mediator()
    return case


@BOTH
async def test_an_agent_does_what_its_powers_allow_and_nothing_that_is_the_principals_own(
    town: Town, language: str
) -> None:
    case = await mediated(town, "申屠楼下", "公冶楼上")
    other, principal = case.parties
    agent = await agent_of(case, principal, last_day=day(60))
    session = await case.desk.post(
        f"{case.name}/sessions", "mediator", case.user, kind="SESSION_KIND_JOINT", venue="VENUE_ROOM",
        room=await case.desk.room(), start_time=instant(30), end_time=instant(32),
    )  # fmt: skip
    async with await comes(town, case, agent, language) as me, await town.guest(case, principal, language) as self_:
        assert me.party == principal
        asked = await me.reads(f"{principal}/invitation")
        assert asked["rights"], "reads what is claimed, its principal's rights and routes"
        assert asked["rights"][0].isascii() == (language == "en")
        (seen,) = (await me.reads(f"{case.name}/sessions"))["sessions"]
        assert seen["name"] == session["name"]
        assert (await me.reads(f"{seen['name']}/content"))["place"]
        await me.does(f"{seen['name']}:askOtherTime", party=principal, times=[instant(50)])
        said = await me.says("EXTENSION")
        assert (said.status_code, said.json()["givenBy"]) == (200, agent), said.text
        principals = {name.removeprefix("STEP_") for name in consent_pb2.Step.keys()[1:]} - {"SESSION", "EXTENSION"}
        for step in sorted(principals):
            for yes in (True, False):
                said = await me.says(step, yes=yes)
                assert said.json()["code"] == "OWN_CONSENT_NEEDED", (step, yes, said.text)
        evidence = {"title": "收据", "fileName": "a.pdf", "type": "FILE_TYPE_PDF", "party": principal}
        given = await me.tries(f"{case.name}/evidence", evidence=evidence, content=PDF)
        assert given.status_code == 200, given.text
        assert [each["name"] for each in (await me.reads(f"{case.name}/evidence"))["evidence"]] == [
            given.json()["name"]
        ]
        # What was filed of an earlier draft is not what will be served.
        await case.draft(pays(principal, other, 700))
        await case.file("AGREEMENT")
        town.still.time.set(town.still.time.now() + timedelta(minutes=1))
        draft = await case.draft(pays(principal, other, 900))
        assert (await me.reads(f"{case.name}/{draft}/text"))["clauses"]
        for path, fields in (
            (f"{case.name}/{draft}:sign", {"parties": [principal], **SIGNS}),
            (f"{principal}:withdraw", {}),
            (f"{principal}:chooseMediator", {"mediator": f"mediators/{case.user}"}),
            (f"{principal}:replaceMediator", {}),
            (f"{case.name}/caucuses/respondent/notes", {"text": "底线是八百元。"}),
            (f"{seen['name']}:askOtherTime", {"party": other, "times": [instant(50)]}),
            (f"{other}/consents", {"step": "STEP_EXTENSION", "given": True, "medium": "MEDIUM_ONLINE",
                                   "language": "zh", "readBack": True}),
        ):  # fmt: skip
            assert await status(me, path, **fields) == 403, path
        for path in (f"{principal}/file", f"{other}/invitation", f"{other}/notices", f"{case.name}/parties",
                     f"{case.name}/accessLog", f"{case.name}/caucuses/respondent/notes"):  # fmt: skip
            assert (await me.looks(path)).status_code == 403, path
        await self_.does(f"{case.name}/{draft}:sign", parties=[principal], **{**SIGNS, "signer": "SIGNER_SELF"})
        await case.desk.post(f"{case.name}/{draft}:sign", "clerk", parties=[other], signer="SIGNER_SELF",
                             manner="SIGNING_MANNER_SIGNATURE")  # fmt: skip
        await case.bind(draft)
        (owed,) = (await me.reads(f"{case.name}/instalments"))["instalments"]
        assert owed["performer"] == principal
        await me.does(f"{case.name}/{draft}:askForService", party=principal, channel="CONTACT_CHANNEL_PAPER")
        await town.wait(case)
        served = await me.notice("agreement_service")
        letter = await case.desk.get(f"{served['name']}/letter", "clerk")
        assert letter["address"] == "律所路九号", "what is served goes to who may receive it"
        assert letter["missingEnclosures"] == ["People's mediation agreement"]
        await case.file("AGREEMENT")
        letter = await case.desk.get(f"{served['name']}/letter", "clerk")
        assert (len(letter["enclosures"]), letter["missingEnclosures"]) == (1, [])
        printed = text_of(base64.b64decode(letter["content"]))
        assert letter["text"].splitlines()[0] in printed
        assert "人民调解协议书" in printed, "the agreement goes with the letter that serves it"


@BOTH
async def test_powers_are_what_was_given_and_end_by_day_by_the_principal_or_by_the_agent(
    town: Town, language: str
) -> None:
    case = await mediated(town, "申屠楼下", "公冶楼上")
    other, principal = case.parties
    narrow = await agent_of(case, principal, powers=("SPEAK",), last_day=day(3))
    revoked = await agent_of(case, principal)
    resigned = await agent_of(case, other)
    with refused("INVALID_FIELD"):
        await agent_of(case, principal, last_day=day(-1))
    async with (
        await comes(town, case, narrow, language) as speaker, await comes(town, case, revoked, language) as gone,
        await comes(town, case, resigned, language) as lays_down, await town.guest(case, principal, language) as me,
    ):  # fmt: skip
        draft = await case.draft(pays(principal, other, 900))
        assert (await speaker.looks(f"{case.name}/evidence")).status_code == 200
        assert (await speaker.looks(f"{case.name}/{draft}/text")).status_code == 403, "may speak, not negotiate"
        assert (await speaker.says("EXTENSION")).status_code == 403
        assert (await speaker.looks(f"{principal}/notices")).status_code == 403
        listed = (await me.reads(f"{case.name}/companions"))["companions"]
        assert [each["name"] for each in listed] == [narrow, revoked], "a party sees who acts for it, and nobody else"
        assert await status(me, f"{resigned}:end") == 403
        assert await status(speaker, f"{revoked}:end") == 403
        await me.does(f"{revoked}:end")
        assert (await gone.looks(f"{case.name}/sessions")).status_code == 403, "revoked, and at once"
        await lays_down.does(f"{resigned}:end")
        assert (await lays_down.looks(f"{case.name}/sessions")).status_code == 403
        await town.wait(case, days=3)
        assert (await speaker.sign_in(speaker.said)).status_code == 200, "the last day counts"
        town.still.time.set(town.still.time.now() + timedelta(days=1))
        assert (await speaker.looks(f"{case.name}/evidence")).status_code in (401, 403)
        for each in (speaker, gone, lays_down):
            assert (await each.sign_in(each.said)).status_code == 404
        with refused("INVALID_FIELD"):
            await case.desk.post(f"{narrow}:invite", "clerk")


async def test_a_representative_acts_for_its_electors_alone_and_each_of_them_may_leave(town: Town) -> None:
    case = await town.matter()
    members = [await case.add("APPLICANT", name, member=True) for name in ("闻人甲", "闻人乙", "闻人丙")]
    boss = await case.add("RESPONDENT", "公良老板")
    elected = str((await case.elect("闻人甲", *members[:2]))["name"])
    async with await comes(town, case, elected) as me, await town.guest(case, members[1], "zh") as second:
        evidence = {"title": "工资条", "fileName": "a.pdf", "type": "FILE_TYPE_PDF"}
        for party, expected in ((members[0], 200), (members[1], 200), (members[2], 400), (boss, 400)):
            given = await me.tries(f"{case.name}/evidence", evidence={**evidence, "party": party},
                                   content=PDF if party == members[0] else PDF[:-8] + "JSVFT0YK")  # fmt: skip
            assert given.status_code == expected, given.text
        assert (await second.does(f"{members[1]}:withdraw"))["party"] == members[1]
        assert await status(second, f"{elected}:end") == 403, "others elected them as well"


async def test_a_code_of_an_agent_closes_after_wrong_words_and_a_new_one_kills_it(town: Town) -> None:
    case = await mediated(town, "申屠楼下", "公冶楼上")
    agent = await agent_of(case, case.parties[1])
    with refused("INVALID_FIELD"):
        guardian = await case.tell("companions", "clerk", role="COMPANION_ROLE_INTERPRETER",
                                   parties=case.parties[:1], details={"display_name": "翻译"})  # fmt: skip
        await case.desk.post(f"{guardian['name']}:invite", "clerk")
    async with await comes(town, case, agent) as me:
        old, said = me.code, me.said
        made = await case.desk.post(f"{agent}:invite", "clerk")
        assert (await me.sign_in(said, old)).status_code == 404
        me.code = made["code"]
        for _ in range(5):
            assert (await me.sign_in("不对 不对")).status_code in (401, 403)
        assert (await me.sign_in(made["words"].split(" / ")[0])).status_code == 429


async def test_an_agent_reads_nothing_of_the_report(stack: Stack, rest: httpx.AsyncClient) -> None:
    case = await Desk(rest, stack).open("neighbour", "楼上漏水，天花板泡坏。")
    _, principal = await case.two_sides("申屠楼下", "公冶楼上")
    report = case.name.replace("cases/", "reports/")
    async with Invitee(stack) as agent, Invitee(stack) as party:
        await agent.comes(await case.desk.post(f"{await agent_of(case, principal)}:invite", "clerk"))
        await party.comes(await case.desk.post(f"{principal}:invite", "clerk", claim=case.text))
        assert (await agent.looks(f"{principal}/invitation")).status_code == 200
        for path in (report, f"{report}/content", f"{report}/accessLog", f"{report}/file", f"{report}/photos",
                     f"{case.name}/accessLog", f"{case.name}/plan", f"{case.name}/erasure"):  # fmt: skip
            assert (await agent.looks(path)).status_code in (403, 404), path
        assert (await party.looks(f"{case.name}/accessLog")).status_code == 200
