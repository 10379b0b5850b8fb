"""Supervision letters at the boundary of each deadline: the last second before, the first second after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest
from pb.escalation.v1 import escalation_pb2, escalation_pb2_grpc
from pb.escalation.v1 import letters_pb2 as pb
from pb.escalation.v1.letters_pb2_grpc import LetterServiceStub

from accord.embedded.stack import Stack
from services.kit.storage.database import text
from tests.conftest import COUNTY, request_id
from tests.lettering import DRAFTER, HEAD, OTHER_HEAD, TOWN, Letters, proto_date
from tests.still import Still, standing_still
from tests.test_letters import reason

DRAFTED, SERVED, RECEIVED = pb.LETTER_STATE_DRAFTED, pb.LETTER_STATE_SERVED, pb.LETTER_STATE_RECEIVED
REPLIED, FAILED, CLOSED = pb.LETTER_STATE_REPLIED, pb.LETTER_STATE_FAILED, pb.LETTER_STATE_CLOSED

_STANDING = text("""
    SELECT state, (SELECT count(*) FROM clock_rungs r JOIN clocks c ON c.id = r.clock
        WHERE r.number = l.number AND r.kind = 'overdue' AND c.rule LIKE 'letter%' AND c.rule <> 'letter_objection'
    ) AS missed FROM letters l WHERE number = :number
""")


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


@pytest.fixture
def at(still: Still) -> Letters:
    """Return letters from the county to a township, on the day that the test sets."""
    return Letters(LetterServiceStub(still.channel), still.as_, lambda: still.time.now().date())


async def pass_by(still: Still, name: str, last_second: str, first_second: str) -> None:
    """Let a deadline pass: nothing happens in its last second, it fires in the first one after."""
    number = name.replace("/", "-", 1)
    before = await _state(still, name)
    still.to(last_second)
    await still.fire(number)
    assert await _state(still, name) == before, "it fired before its time"
    still.to(first_second)
    await still.fire(number)


async def _state(still: Still, name: str) -> tuple[int, int]:
    """Return where a letter stands, and how many of its deadlines were missed."""
    async with still.database.begin() as connection:
        row = (await connection.execute(_STANDING, {"number": name.replace("/", "-", 1)})).one()
    return int(row.state), int(row.missed)


async def climb(at: Letters, name: str, kind: int) -> str:
    """Have the next rung drafted, once, and return it."""
    following = await at.next_of(name)
    assert await at.next_of(name) == following
    assert (await at.get(following)).kind == kind
    assert (await at.get(following)).state == DRAFTED
    return following


async def test_a_unit_that_never_answers_gets_all_five_each_at_its_deadline_to_the_second(
    still: Still, at: Letters
) -> None:
    still.to("2026-03-23T09:00")
    notice = await at.draft(subject=f"cases/{COUNTY}-2026-000051")
    await at.receive(notice)
    # Ten working days from Monday 23 March, over Qingming (4 to 6 April): until Tuesday 7 April.
    await pass_by(still, notice, "2026-04-07T23:59:59", "2026-04-08T00:00")
    assert (await at.get(notice)).failure == pb.LETTER_FAILURE_NO_REPLY

    still.to("2026-04-27T09:00")
    warning = await climb(at, notice, pb.LETTER_KIND_WARNING)
    await at.take_up(warning)
    await at.receive(warning)
    # Five, over Labour Day (1 to 5 May): 28, 29, 30 April, 6, 7 May.
    await pass_by(still, warning, "2026-05-07T23:59:59", "2026-05-08T00:00")

    circular = await climb(at, warning, pb.LETTER_KIND_CIRCULAR)
    await at.take_up(circular)
    await at.receive(circular)
    # Ten from Friday 8 May, the Saturday after worked: 9, 11 to 15, 18 to 21 May.
    await pass_by(still, circular, "2026-05-21T23:59:59", "2026-05-22T00:00")

    interview = await climb(at, circular, pb.LETTER_KIND_INTERVIEW)
    await at.take_up(interview, interview_date=proto_date(date(2026, 5, 27)))
    await at.receive(interview)
    still.to("2026-05-27T15:00")
    held = await at.do(
        "HoldInterview", interview, hold_date=proto_date(date(2026, 5, 27)), minutes="单位负责人说明情况。"
    )
    assert held.reply_due_time.ToDatetime().isoformat() == "2026-06-03T15:59:59"  # the last second of 3 June here
    await pass_by(still, interview, "2026-06-03T23:59:59", "2026-06-04T00:00")

    inspection = await climb(at, interview, pb.LETTER_KIND_INSPECTION)
    await at.take_up(inspection)
    await at.receive(inspection)
    # Ten from Thursday 4 June, over Dragon Boat (19 to 21 June): 5, 8 to 12, 15 to 18 June.
    await pass_by(still, inspection, "2026-06-18T23:59:59", "2026-06-19T00:00")
    assert (await at.get(inspection)).failure == pb.LETTER_FAILURE_NO_REPLY
    assert await at.next_of(inspection) == ""
    await at.do("RecordTransfer", inspection, "unit_head", HEAD, body="units/6201", reason="屡督不改。")


async def test_a_letter_nobody_signs_for_counts_as_received_after_a_working_day(still: Still, at: Letters) -> None:
    # Served on the eve of National Day (1 to 7 October): Thursday 8 October is the one working day.
    still.to("2026-09-30T16:00")
    name = await at.draft()
    await at.serve(name)
    await pass_by(still, name, "2026-10-08T23:59:59", "2026-10-09T00:00")
    found = await at.get(name)
    assert (found.state, found.deemed_received) == (RECEIVED, True)
    # Ten from Friday the 9th, Saturday the 10th worked: 10, 12 to 16, 19 to 22 October.
    await pass_by(still, name, "2026-10-22T23:59:59", "2026-10-23T00:00")
    assert (await at.get(name)).state == FAILED


async def test_a_unit_objects_until_the_last_second_of_the_fifth_working_day(still: Still, at: Letters) -> None:
    still.to("2026-04-01T10:00")
    early, late = await at.draft(), await at.draft()
    for name in (early, late):
        await at.receive(name)
    # 2, 3, 7, 8, 9 April.
    still.to("2026-04-09T23:59:59")
    assert (await at.at_unit("ObjectLetter", early, grounds="不符。")).objection == pb.LETTER_OBJECTION_RAISED
    still.to("2026-04-10T00:00")
    assert await reason(at.at_unit("ObjectLetter", late, grounds="不符。")) == "OBJECTION_LATE"
    # While it waits nothing else does; nobody decides for five days: the level above is told.
    await pass_by(still, early, "2026-04-16T23:59:59", "2026-04-17T00:00")
    assert (await at.get(early)).state == RECEIVED
    raised = await escalations(still, early)
    assert [(each.from_unit, each.to_unit) for each in raised] == [(f"units/{COUNTY}", "units/6201")]
    rejected = await at.do("DecideObjection", early, "unit_head", OTHER_HEAD, upheld=False, reason="事实清楚。")
    assert rejected.objection == pb.LETTER_OBJECTION_REJECTED
    # The whole time to answer begins anew on Friday 17 April: 20 to 24, 27 to 30 April, 6 May.
    await pass_by(still, early, "2026-05-06T23:59:59", "2026-05-07T00:00")
    assert (await at.get(early)).state == FAILED


async def escalations(still: Still, parent: str) -> list[escalation_pb2.Escalation]:
    """Return what was raised from a file."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    request = escalation_pb2.ListEscalationsRequest(parent=parent)
    return list((await stub.ListEscalations(request, **still.as_("supervisor", "62"))).escalations)


async def test_an_answer_nobody_verifies_in_five_days_is_told_to_the_level_above(still: Still, at: Letters) -> None:
    still.to("2026-03-02T09:00")
    name = await at.draft()
    await at.reply(name)
    await pass_by(still, name, "2026-03-09T23:59:59", "2026-03-10T00:00")
    assert (await at.get(name)).state == REPLIED
    assert [each.to_unit for each in await escalations(still, name)] == ["units/6201"]
    assert (await at.do("VerifyLetter", name, sufficient=True, finding="属实。")).state == CLOSED


async def test_a_late_answer_closes_a_letter_that_failed_and_its_next_draft_stays_with_people(
    still: Still, at: Letters
) -> None:
    still.to("2026-03-02T09:00")
    name = await at.draft("WARNING", subject=f"cases/{COUNTY}-2026-000052")
    await at.receive(name)
    await pass_by(still, name, "2026-03-09T23:59:59", "2026-03-10T00:00")
    following = await at.next_of(name)
    assert (await at.at_unit("ReplyLetter", name, measures="已办理。")).state == REPLIED
    await at.do("VerifyLetter", name, sufficient=True, finding="属实。")
    assert (await at.get(name)).state == CLOSED
    assert (await at.get(following)).state == DRAFTED


async def test_a_next_letter_no_workflow_drafts_is_drafted_by_the_service_a_working_day_later(
    still: Still, at: Letters
) -> None:
    still.to("2026-03-06T09:00")
    name = await at.draft(subject=f"cases/{COUNTY}-2026-000053")
    await at.answer_badly(name)
    await pass_by(still, name, "2026-03-09T23:59:59", "2026-03-10T00:00")
    assert (await at.get((await at.get(name)).next)).kind == pb.LETTER_KIND_WARNING


async def test_a_draft_is_not_left_lying_and_nothing_is_sent_for_it(still: Still, at: Letters) -> None:
    still.to("2026-03-02T09:00")
    name = await at.draft()
    await pass_by(still, name, "2026-03-04T23:59:59", "2026-03-05T00:00")
    assert (await at.get(name)).state == DRAFTED


async def test_a_matter_five_working_days_overdue_calls_for_a_circular_to_the_second(still: Still, at: Letters) -> None:
    still.to("2026-03-30T09:00")
    number = f"{COUNTY}-2026-000054"
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{TOWN}", reason="overdue")
    request = escalation_pb2.CreateEscalationRequest(
        parent=f"cases/{number}", escalation=raised, request_id=request_id()
    )
    await stub.CreateEscalation(request, **still.as_("supervisor", "62"))
    assert await kinds(at, number) == [pb.LETTER_KIND_WARNING]
    # 31 March, 1, 2, 3 and, after Qingming, 7 April.
    still.to("2026-04-07T23:59:59")
    await still.fire(number)
    assert await kinds(at, number) == [pb.LETTER_KIND_WARNING]
    still.to("2026-04-08T00:00")
    await still.fire(number)
    assert await kinds(at, number) == [pb.LETTER_KIND_WARNING, pb.LETTER_KIND_CIRCULAR]


async def kinds(at: Letters, case: str) -> list[int]:
    """Return the kinds of letters drafted about a case, oldest first."""
    request = pb.ListLetterDraftsRequest(page_size=1000)
    found = await at.stub.ListLetterDrafts(request, **at.as_("supervisor", COUNTY, DRAFTER))
    return [each.kind for each in found.letters if each.subject == f"cases/{case}"]
