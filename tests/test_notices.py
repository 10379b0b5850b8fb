"""Notices: by rules, once, in the language and by the way somebody wants; and what their service moves."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from pb.access.v1 import contact_pb2
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import agreement_pb2, people_pb2
from pb.mediation.v1 import notices_pb2 as pb
from pb.mediation.v1.agreement_pb2_grpc import AgreementServiceStub
from pb.mediation.v1.notices_pb2_grpc import NoticeServiceStub

from accord.embedded.stack import Stack
from accord.rules_place import SHIPPED
from casework.clocks.calendar import LOCAL
from casework.mediation.notice import Audience, Channel, FieldKind, NoticeRule, Quiet, Wishes, awake, choose
from services.kit.instants import instant, stamp
from services.kit.rules import Rules
from services.kit.rules.folder import RulesFolder
from services.kit.rules.notices import read_notices
from services.mediation.erasure import store as erasures
from tests.conftest import COUNTY, Clients, request_id
from tests.outbox import Mailbox, Outbox, gateway, mail_server
from tests.patience import PATIENCE
from tests.still import Still, shipped_rules, standing_still
from tests.world_people import party
from workflows.notices import sending

APP, SMS, EMAIL, PAPER, COUNTER = range(1, 6)
DUE, AT_DESK, SENT, DELIVERED, READ, SERVED, DEEMED, FAILED, CANCELLED = range(1, 10)


@pytest.fixture(scope="module")
def rules() -> Rules:
    """Return the shipped rules."""
    return shipped_rules(SHIPPED)


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return mediation standing still."""
    async with standing_still(stack, "mediation") as found:
        yield found


@pytest.fixture
async def mail() -> AsyncIterator[Mailbox]:
    """Return a mail server."""
    async with mail_server() as found:
        yield found


_NUMBERS = iter(range(801, 900))


@pytest.fixture
async def outbox(still: Still, clients: Clients) -> Outbox:
    """Return a new case with an empty outbox, on a Monday morning."""
    still.to("2026-03-02T09:00")
    found = await Outbox.of(still, clients, next(_NUMBERS))
    await found.execute("UPDATE notices SET state = 9 WHERE state = 1")
    return found


def wish(**fields: Any) -> contact_pb2.ContactPreference:
    """Return how somebody wants to be reached."""
    return contact_pb2.ContactPreference(**fields)


def reachable(side: int, name: str, **details: Any) -> people_pb2.Party:
    """Return a party with these ways to reach it."""
    return party(side, name, details.pop("phone", ""), details=details)


async def join(outbox: Outbox, *parties: people_pb2.Party) -> None:
    """Add parties to the case."""
    for each in parties:
        request = people_pb2.CreatePartyRequest(parent=outbox.case, party=each, request_id=request_id())
        await outbox.clients.people.CreateParty(request, **outbox.clients.as_("clerk"))


def at(local: str) -> datetime:
    """Return an instant in local time."""
    return datetime.fromisoformat(f"{local}+08:00")


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "due"),
    [
        ("2026-03-02T09:30", "2026-03-02T09:30"),
        ("2026-03-02T21:00", "2026-03-03T08:00"),
        ("2026-03-03T07:59", "2026-03-03T08:00"),
        ("2026-03-06T22:00", "2026-03-09T08:00"),  # Friday night
        ("2026-09-30T22:00", "2026-10-08T08:00"),  # National Day
        ("2026-10-10T10:00", "2026-10-10T10:00"),  # a make-up Saturday
    ],
)
def test_nothing_is_sent_in_quiet_hours_nor_on_days_off(rules: Rules, written: str, due: str) -> None:
    rule = NoticeRule(
        "a", "intake", "ReportAccepted", Audience.reporter, "a", (Channel.SMS,), Quiet(21, 8), True, "a test"
    )
    assert rule.due(at(written), rules.calendars.of(COUNTY)) == at(due)


def test_the_quiet_hours_of_a_person_go_over_midnight_or_not() -> None:
    night, noon = Quiet(22, 6), Quiet(12, 14)
    assert awake(night, at("2026-03-02T23:30")) == at("2026-03-03T06:00")
    assert awake(night, at("2026-03-02T05:10")) == at("2026-03-02T06:00")
    assert awake(noon, at("2026-03-02T12:00")) == at("2026-03-02T14:00")
    assert awake(noon, at("2026-03-02T14:00")) == at("2026-03-02T14:00")


def test_what_somebody_wants_goes_before_the_rule_and_what_they_never_want_is_never_used() -> None:
    order, all_ = [Channel.APP, Channel.SMS, Channel.EMAIL], frozenset(Channel)
    known = frozenset({Channel.SMS, Channel.EMAIL, Channel.PAPER})
    assert choose(order, Wishes(known), (), all_) is Channel.SMS
    assert choose(order, Wishes(known), (), {Channel.EMAIL}) is Channel.EMAIL
    assert choose(order, Wishes(known, wanted=(Channel.PAPER,)), (), all_) is Channel.PAPER
    assert choose(order, Wishes(known, never=frozenset({Channel.SMS})), (), all_) is Channel.EMAIL
    assert choose(order, Wishes(known, never=known), (), all_) is Channel.COUNTER
    assert choose(order, Wishes(known), {Channel.SMS, Channel.EMAIL}, all_) is None
    assert choose(order, Wishes(frozenset()), (), all_) is Channel.COUNTER


def test_every_notice_can_be_worded_in_both_languages(rules: Rules) -> None:
    samples = {
        FieldKind.time: "2026-03-02T09:30:00+08:00", FieldKind.date: "2026-03-02", FieldKind.unit: "units/620102",
        FieldKind.text: "word", FieldKind.cause: "appraisal", FieldKind.enum: "REOPEN_REASON_RECURRENCE",
    }  # fmt: skip
    enums = {"route": "ROUTE_COURT", "venue": "VENUE_ROOM", "outcome": "OUTCOME_AGREED",
             "state": "CLAIM_STATE_DISPUTED", "channel": "CONTACT_CHANNEL_PAPER"}  # fmt: skip
    enums |= {"how": "EXTENSION_KIND_ONCE", "ground": "END_GROUND_TERM_EXPIRED"}
    for rule in rules.notices:
        said = {source: enums.get(source) or samples[kind] for source, kind in rule.fields.values()}
        told = {"number": "620102-2026-000001", "unit": "城关区", "date": "2026年3月2日", "routes": "- 起诉"}
        for template in (rule.template, "discreet"):
            for language in ("zh", "en"):
                text = rules.notices.text(
                    template, rule, language, said, told, lambda unit: "城关区", lambda limit, cause, language: cause
                )
                assert text.subject
                assert "{name}" in text.text
                assert "{" not in text.text.replace("{name}", "")
                assert text.short
    assert not rules.notices.on("intake", "ReportImported"), "history that was over notifies nobody"


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "says"),
    [
        ("templates/reporters.yaml", "您的事项 {number} 已受理", "您的事项 {nummer} 已受理", "已受理，正在办理",
         "{nummer} has no value in the notice 'report_accepted'"),
        ("notices.yaml", "event: ReportAccepted", "event: ReportAcepted", "ReportAcepted", "intake has no event"),
        ("notices.yaml", "    audience: invited\n    template: session_scheduled",
         "    audience: everybody\n    template: session_scheduled", "audience: everybody", "must be one of"),
        ("notices.yaml", "fields: {due: due_at}", "fields: {due: until}", "{due: until}", "has no field 'until'"),
        ("notices.yaml", "template: report_merged", "template: merged", "template: merged", "no template has the name"),
        ("notices.yaml", "  VENUE_REMOTE: {zh: 线上, en: online}\n", "", "fields: {start: start_at, venue: venue}",
         "does not say VENUE_REMOTE"),
        ("notices.yaml", "event: PerformanceClaimed", "event: AgreementEffective", "audience: beneficiary",
         "names no clause"),
        ("notices.yaml", "event: ServiceAsked", "event: AgreementEffective", "audience: asker", "names no party"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_rules_is_refused_with_its_line(
    tmp_path: Path, file: str, old: str, new: str, line: str, says: str
) -> None:
    shutil.copytree(SHIPPED / "notices", tmp_path / "notices")
    changed = tmp_path / "notices" / file
    before = changed.read_text("utf-8")
    assert old in before
    changed.write_text(before.replace(old, new, 1), "utf-8")
    folder = RulesFolder(tmp_path)
    assert read_notices(folder) is None
    lines = changed.read_text("utf-8").splitlines()
    assert any(says in each.message and line in lines[each.line - 1] for each in folder.problems), folder.problems


# --- sending ----------------------------------------------------------------------------------------------------------


async def test_each_gets_a_mail_in_the_own_language_once(outbox: Outbox, mail: Mailbox, tmp_path: Path) -> None:
    await join(
        outbox, reachable(1, "钱一", email="one@example.org"),
        reachable(2, "Ann Two", email="two@example.org", contact=wish(language="en")),
    )  # fmt: skip
    assert await outbox.hear("MediationEnded", 50, ground="END_GROUND_GAP_TOO_WIDE") == 2
    assert await outbox.hear("MediationEnded", 50, ground="END_GROUND_GAP_TOO_WIDE") == 0, "heard again"
    assert await outbox.hear("MediationEnded", 51, ground="END_GROUND_AGREED") == 0, "not the case of this notice"
    async with outbox.sender(tmp_path, mail) as sender:
        assert await sender.send_due() == 2
        assert await sender.send_due() == 0
    zh, en = sorted(mail.mails, key=lambda each: str(each["To"]))
    number = outbox.case.removeprefix("cases/")
    assert (str(zh["To"]), str(zh["Subject"])) == ("one@example.org", f"调解终止与权利告知：{number}")
    assert (str(en["To"]), str(en["Subject"])) == ("two@example.org", f"The mediation ended, and your rights: {number}")
    assert zh.get_content().splitlines()[0] == "钱一："
    assert "仲裁" in zh.get_content(), "the other routes of a labour matter are told"
    assert en.get_content().splitlines()[0] == "Ann Two,"
    assert {each.state for each in await outbox.notices()} == {SENT}
    looks = [each for each in await outbox.act.log() if each.action == "contacts.batchGet"]
    assert {each.subject for each in looks} == {outbox.act.of(1), outbox.act.of(2)}
    rows = await outbox.execute("SELECT notices::text FROM notices WHERE number = :number", number=number)
    assert all("example.org" not in row[0] and "钱一" not in row[0] for row in rows)


async def test_reasons_go_to_everybody_who_takes_part_once_and_to_nobody_who_was_never_asked(outbox: Outbox) -> None:
    await join(
        outbox, reachable(1, "赵报事", phone="13900001111"), reachable(2, "孙二"), reachable(1, "钱一"),
        reachable(2, "李三"),
    )  # fmt: skip
    for number in (1, 2, 3):
        await outbox.act.say(number)
    limit = "close_medium"
    events: list[tuple[str, str, dict[str, str], str]] = [
        ("ClockPaused", "matter_paused", {"rule": limit, "cause": "appraisal"}, "鉴定"),
        ("ClockExtended", "matter_extended",
         {"rule": limit, "due_at": "2026-03-20T15:59:59Z", "how": "EXTENSION_KIND_CONSENT_OF_ALL"}, "经各方同意"),
        ("CaseClosed", "matter_closed", {"outcome": "OUTCOME_REFERRED"}, "转由其他部门办理"),
        ("CaseReopened", "matter_reopened", {"reason": "REOPEN_REASON_NEW_FACTS"}, "有新的事实"),
        ("CaseTransferred", "matter_transferred", {"from": "620102", "to": "620103"}, "七里河区"),
    ]  # fmt: skip
    for place, (event, _, said, _) in enumerate(events, 50):
        # The reporter, who is party 1, is told as the reporter; party 4 has not been asked yet.
        assert await outbox.hear(event, place, **said) == 3, event
    notices = await outbox.notices()
    for _, rule, _, words in events:
        mine = [each for each in notices if each.rule == rule]
        assert [each.recipient for each in mine] == [outbox.act.of(2), outbox.act.of(3)], rule
        assert words in (await letter(outbox, mine[0])).text


async def test_it_waits_for_the_morning_and_for_the_quiet_hours_of_the_person(
    outbox: Outbox, mail: Mailbox, tmp_path: Path
) -> None:
    quiet = wish(quiet_from=8, quiet_until=10)
    await join(outbox, reachable(1, "钱一", email="one@example.org", contact=quiet))
    outbox.still.to("2026-03-02T22:00")
    await outbox.hear("MediationEnded", 50)
    async with outbox.sender(tmp_path, mail) as sender:
        assert await sender.send_due() == 0
        outbox.still.to("2026-03-03T08:00")
        assert await sender.send_due() == 1
        assert not mail.mails
        outbox.still.to("2026-03-03T09:59")
        assert await sender.send_due() == 0
        outbox.still.to("2026-03-03T10:00")
        await sender.send_due()
    assert len(mail.mails) == 1


async def test_a_sender_that_dies_half_way_leaves_one_message(outbox: Outbox, mail: Mailbox, tmp_path: Path) -> None:
    await join(outbox, reachable(1, "钱一", email="one@example.org"))
    await outbox.hear("MediationEnded", 50)
    mail.answers.clear()
    async with outbox.sender(tmp_path, mail) as sender:
        dying = asyncio.create_task(sender.send_due())
        asked = asyncio.create_task(mail.asked.wait())
        await asyncio.wait({dying, asked}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert not dying.done()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    async with outbox.sender(tmp_path, mail) as sender:
        assert await sender.send_due() == 0, "nobody else has it while the claim holds"
        await outbox.execute("UPDATE notices SET leased_until = leased_until - interval '15 minutes'")
        mail.answers.set()
        assert await sender.send_due() == 1
    assert len({str(each["Message-ID"]) for each in mail.mails}) == 1
    assert (await outbox.notice(1)).state == SENT


async def test_an_address_that_bounces_leads_to_the_next_channel_and_then_to_somebodys_task(
    outbox: Outbox, mail: Mailbox, tmp_path: Path
) -> None:
    first = wish(channels=[EMAIL, SMS])
    await join(outbox, reachable(1, "钱一", email="gone@example.org", phone="13812345678", contact=first))
    mail.refused.add("gone@example.org")
    await outbox.hear("MediationEnded", 50)
    with gateway() as sms:
        async with outbox.sender(tmp_path, mail, sms) as sender:
            await sender.send_due()
            assert (await outbox.notice(1)).reason == "smtp-550"
            sms.answers[:] = [503]
            await sender.send_due()
            outbox.still.to("2026-03-02T09:10")
            await sender.send_due()
            shown = await outbox.notice(1)
            assert (shown.state, shown.channel) == (SENT, SMS)
            # It comes back from there as well: nothing is left to try.
            await outbox.receipt(shown.name, pb.RECEIPT_KIND_RETURNED, "integrator")
            await sender.send_due()
    assert not mail.mails
    assert len(sms.ids) == 2
    assert len(set(sms.ids)) == 1, "the gateway knows a repeat by its id"
    (message,) = sms.taken
    assert (message["to"], message["channel"], message["notice"]) == ("13812345678", "sms", shown.name)
    shown = await outbox.notice(1)
    assert (shown.state, shown.reason) == (FAILED, "returned")
    assert [each.state for each in shown.deliveries] == [DUE, DUE, SENT, DUE, FAILED]
    assert "notice_failed" in {clock.rule for clock in await running(outbox)}
    request = pb.ResolveNoticeRequest(name=shown.name, again=True, reason="new-number", request_id=request_id())
    assert (await outbox.stub.ResolveNotice(request, **outbox.clients.as_("clerk"))).state == DUE
    assert "notice_failed" not in {clock.rule for clock in await running(outbox)}


async def test_nobody_is_reached_where_they_asked_not_to_be(outbox: Outbox, mail: Mailbox, tmp_path: Path) -> None:
    await join(
        outbox,
        reachable(1, "钱一", email="shared@example.org", phone="13812345678", address="平安路1号",
                  contact=wish(never_by=[EMAIL], discreet=True)),
        reachable(2, "孙二", address="平安路1号", contact=wish(channels=[PAPER])),
        reachable(3, "李三", address="平安路1号", contact=wish(channels=[PAPER])),
    )  # fmt: skip
    await outbox.act.screen(2, concern=True, hide_address=True)
    await outbox.hear("MediationEnded", 50)
    with gateway() as sms:
        async with outbox.sender(tmp_path, mail, sms, paper=True) as sender:
            await sender.send_due()
    assert not mail.mails
    (message,) = sms.taken
    assert message["to"] == "13812345678"
    assert "调解" not in message["text"].replace("调解中心", "")
    hidden, open_ = await outbox.notice(2), await outbox.notice(3)
    assert (hidden.state, hidden.channel) == (AT_DESK, COUNTER)
    assert (open_.state, open_.channel) == (AT_DESK, PAPER)
    assert not (await letter(outbox, hidden)).address
    printed = await letter(outbox, open_)
    assert (printed.addressee, printed.address) == ("李三", "平安路1号")
    assert printed.content.startswith(b"PK")


async def letter(outbox: Outbox, notice: pb.Notice) -> pb.NoticeLetter:
    """Return a notice as a letter."""
    request = pb.GetNoticeLetterRequest(name=f"{notice.name}/letter")
    found: pb.NoticeLetter = await outbox.stub.GetNoticeLetter(request, **outbox.clients.as_("clerk"))
    return found


async def test_what_somebody_asked_for_goes_by_the_channel_it_named_and_never_where_it_must_not(
    outbox: Outbox, mail: Mailbox, tmp_path: Path
) -> None:
    usual = wish(channels=[EMAIL])
    await join(
        outbox, reachable(1, "钱一", email="one@example.org", address="甲巷1号", contact=usual),
        reachable(2, "孙二", email="two@example.org", address="甲巷2号", contact=wish(never_by=[PAPER])),
    )  # fmt: skip
    for sequence, who in ((50, "1"), (51, "2")):
        asked = {"agreement": "1", "party": who, "channel": "CONTACT_CHANNEL_PAPER"}
        assert await outbox.hear("ServiceAsked", sequence, **asked) == 1
    async with outbox.sender(tmp_path, mail, paper=True) as sender:
        assert await sender.send_due() == 2
    assert not mail.mails
    assert [(await outbox.notice(who)).channel for who in (1, 2)] == [PAPER, COUNTER]


async def test_a_reporter_who_is_a_party_is_reached_as_the_party_wants(outbox: Outbox, tmp_path: Path) -> None:
    await join(outbox, reachable(1, "赵报事", phone="13912345678", contact=wish(language="en")))
    await outbox.hear("CaseReopened", 50)
    with gateway() as sms:
        async with outbox.sender(tmp_path, sms=sms) as sender:
            await sender.send_due()
    (message,) = sms.taken
    assert (message["to"], message["language"]) == ("13912345678", "en")


async def test_without_any_channel_a_notice_waits_at_the_counter_and_nobody_is_looked_up(
    outbox: Outbox, tmp_path: Path
) -> None:
    await join(outbox, reachable(1, "钱一", email="one@example.org"))
    await outbox.hear("MediationEnded", 50)
    async with outbox.sender(tmp_path) as sender:
        await sender.send_due()
    shown = await outbox.notice(1)
    assert (shown.state, shown.channel) == (AT_DESK, COUNTER)
    assert not [each for each in await outbox.act.log() if each.action == "contacts.batchGet"]
    assert (await outbox.receipt(shown.name, pb.RECEIPT_KIND_SERVED)).state == SERVED


async def test_a_notice_that_lacks_a_field_is_named_and_kept(outbox: Outbox, tmp_path: Path) -> None:
    await outbox.hear("ReportDeclined", 50, service="intake")
    async with outbox.sender(tmp_path) as sender:
        await sender.send_due()
    (shown,) = await outbox.notices(FAILED)
    assert shown.reason == "missing-route"


async def test_what_is_erased_is_not_sent_any_more(outbox: Outbox, mail: Mailbox, tmp_path: Path) -> None:
    await join(outbox, reachable(1, "钱一", email="one@example.org"))
    await outbox.hear("MediationEnded", 50)
    async with outbox.still.database.begin() as connection:
        await erasures.erase(connection, outbox.case.removeprefix("cases/"), outbox.still.time.now())
    async with outbox.sender(tmp_path, mail) as sender:
        assert await sender.send_due() == 0
    assert (await outbox.notice(1)).state == CANCELLED


# --- service ----------------------------------------------------------------------------------------------------------


async def running(outbox: Outbox) -> list[clock_pb2.Clock]:
    """Return the running clocks of the case."""
    request = clock_pb2.ListClocksRequest(service="mediation", case=outbox.case, running=True)
    found = await outbox.clients.clocks["mediation"].ListClocks(request, **outbox.clients.as_("auditor", "62"))
    return list(found.clocks)


async def kinds(outbox: Outbox) -> list[str]:
    """Return the kinds of the case's events."""
    request = feed_pb2.ListEventsRequest(service="mediation", case=outbox.case, page_size=1000)
    found = await outbox.clients.feeds["mediation"].ListEvents(request, **outbox.clients.as_("auditor", "62"))
    return [each.type for each in found.events]


async def test_a_notice_of_rights_counts_as_served_seven_days_after_it_was_posted(
    outbox: Outbox, tmp_path: Path
) -> None:
    await outbox.act.two_sides()
    await outbox.act.withdraw(2)
    assert await outbox.hear("PartyWithdrew", 50, ground="END_GROUND_PARTY_WITHDREW") == 2
    async with outbox.sender(tmp_path) as sender:
        await sender.send_due()
    posted, handed = await outbox.notice(1), await outbox.notice(2)
    await outbox.receipt(posted.name, pb.RECEIPT_KIND_POSTED, evidence="EMS-1")
    outbox.still.to("2026-03-03T10:00")
    await outbox.receipt(handed.name, pb.RECEIPT_KIND_SERVED)
    (clock,) = [each for each in await running(outbox) if each.rule == "notice_deemed"]
    assert instant(clock.due_time).astimezone(LOCAL).date().isoformat() == "2026-03-09"
    outbox.still.to("2026-03-10T00:00")
    await outbox.still.fire(outbox.case.removeprefix("cases/"))
    shown = await outbox.notice(1)
    assert shown.state == DEEMED
    assert instant(shown.serve_time) == at("2026-03-09T23:59:59")
    found = await AgreementServiceStub(outbox.still.channel).GetEnding(
        agreement_pb2.GetEndingRequest(name=f"{outbox.case}/ending"), **outbox.clients.as_("clerk")
    )
    served = {each.party: (each.medium, instant(each.serve_time)) for each in found.notices}
    assert served[outbox.act.of(1)] == (agreement_pb2.SERVICE_MEDIUM_POST, at("2026-03-09T23:59:59"))
    assert served[outbox.act.of(2)] == (agreement_pb2.SERVICE_MEDIUM_IN_PERSON, at("2026-03-03T10:00"))
    assert (await kinds(outbox)).count("NoticeServed") == 2


async def test_the_time_to_answer_begins_anew_on_the_day_of_service(outbox: Outbox, tmp_path: Path) -> None:
    await join(outbox, reachable(1, "钱一"), reachable(2, "孙二"))
    await outbox.act.say(1)
    before = next(each for each in await running(outbox) if each.rule == "mediation_answer")
    assert await outbox.hear("AnswersAwaited", 50) == 1, "only those who have not answered are asked"
    async with outbox.sender(tmp_path) as sender:
        await sender.send_due()
    shown = await outbox.notice(2)
    outbox.still.to("2026-03-05T11:00")
    handed_over = stamp(at("2026-03-04T15:00"))
    await outbox.receipt(shown.name, pb.RECEIPT_KIND_SERVED, time=handed_over, evidence="slip-1")
    after = next(each for each in await running(outbox) if each.rule == "mediation_answer")
    assert instant(after.due_time) - instant(before.due_time) == timedelta(days=2)
    assert "ClockRestarted" in await kinds(outbox)


async def test_a_gateway_says_what_became_of_a_message_and_nothing_else(outbox: Outbox, tmp_path: Path) -> None:
    await join(outbox, reachable(1, "钱一", phone="13812345678"))
    await outbox.hear("MediationEnded", 50)
    with gateway() as sms:
        async with outbox.sender(tmp_path, sms=sms) as sender:
            await sender.send_due()
    shown = await outbox.notice(1)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await outbox.receipt(shown.name, pb.RECEIPT_KIND_SERVED, "integrator")
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await outbox.receipt(shown.name, pb.RECEIPT_KIND_DELIVERED, "integrator")).state == DELIVERED
    assert (await outbox.receipt(shown.name, pb.RECEIPT_KIND_READ, "integrator")).state == READ
    assert "notice_deemed" not in {each.rule for each in await running(outbox)}


# --- the whole way ----------------------------------------------------------------------------------------------------


async def test_what_is_filed_at_the_counter_is_on_its_list_a_moment_later(clients: Clients) -> None:
    named = await clients.file_report(reporter=report_pb2.Reporter(display_name="周某", phone="13700001111"))
    nobody = await clients.file_report()
    stub = NoticeServiceStub(clients.channels["mediation"])
    async with asyncio.timeout(PATIENCE):
        while not (found := (await listed(stub, clients, named.case))):
            await asyncio.sleep(0.05)
        while found[0].state == DUE:
            await asyncio.sleep(0.05)
            found = await listed(stub, clients, named.case)
    assert [(each.rule, each.recipient, each.state) for each in found] == [
        ("report_received", named.name, AT_DESK)
    ]  # fmt: skip
    assert not await listed(stub, clients, nobody.case), "there is nobody to tell"


async def listed(stub: Any, clients: Clients, case: str) -> list[pb.Notice]:
    """Return the notices of a matter."""
    return list((await stub.ListNotices(pb.ListNoticesRequest(case=case), **clients.as_("clerk"))).notices)


@pytest.mark.parametrize(("code", "times"), [(grpc.StatusCode.DEADLINE_EXCEEDED, 2), (grpc.StatusCode.INTERNAL, 1)])
async def test_what_became_of_notices_is_recorded_again_where_no_answer_came(
    monkeypatch: pytest.MonkeyPatch, code: grpc.StatusCode, times: int
) -> None:
    monkeypatch.setattr(sending, "_AGAIN", (0.0, 0.0))
    asked = []

    class Stub:
        async def RecordAttempts(self, request: pb.RecordAttemptsRequest, timeout: float) -> None:
            asked.append(request)
            if len(asked) == 1:
                raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())

    with contextlib.suppress(grpc.aio.AioRpcError):
        await sending._record(cast("NoticeServiceStub", Stub()), [pb.NoticeAttempt(name="notices/1")])
    assert len(asked) == times
