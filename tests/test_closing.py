"""Closing: gates, number, retention; visits afterwards; reopening with new facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pb.mediation.v1 import agreement_pb2, case_pb2
from pb.mediation.v1 import follow_up_pb2 as follow
from pb.mediation.v1 import fulfilment_pb2 as pb

from casework.case import Outcome, Stage
from casework.errors import CaseError
from casework.mediation import closing
from casework.mediation.closing import Gate, ReopenReason, Retention, Standing
from tests.case_people import Act
from tests.conftest import Clients
from tests.mediated import SECRET, Mediated, as_date, day, mediated, refused


@pytest.fixture
async def case(clients: Clients) -> Mediated:
    """Return a case of neighbours in mediation."""
    return await mediated(clients)


def test_closing_needs_evidence_both_views_and_no_open_clause_unless_it_ends_early() -> None:
    ready = Standing(True, True, 0, frozenset({1, 2}), frozenset({1, 2}), 0)
    assert closing.gates(ready, Outcome.AGREED) == []
    bare = Standing(False, False, 1, frozenset({1, 2}), frozenset({1}), 2)
    assert closing.gates(bare, Outcome.AGREED) == list(Gate)
    early = closing.gates(bare, Outcome.WITHDRAWN)
    assert early == [Gate.MEDIATION_OPEN, Gate.NOTICES_UNSERVED, Gate.VIEWS_MISSING]
    # A side that has left altogether is asked nothing.
    left = Standing(True, False, 0, frozenset({1}), frozenset({1}), 0)
    assert closing.gates(left, Outcome.WITHDRAWN) == []


@pytest.mark.parametrize(
    ("category", "facts", "kept"),
    [
        ("neighbour", {}, Retention.TEN_YEARS),
        ("neighbour", {"simple_and_performed": False}, Retention.THIRTY_YEARS),
        ("neighbour", {"minors": True}, Retention.THIRTY_YEARS),
        ("land/forest", {}, Retention.THIRTY_YEARS),
        ("family/inheritance", {}, Retention.THIRTY_YEARS),
        ("landlord", {}, Retention.TEN_YEARS),
        ("neighbour", {"largest_side": 6}, Retention.PERMANENT),
        ("neighbour", {"major": True}, Retention.PERMANENT),
    ],
)
def test_how_long_a_file_is_kept(category: str, facts: dict[str, object], kept: Retention) -> None:
    given = {"major": False, "largest_side": 1, "minors": False, "simple_and_performed": True, **facts}
    assert closing.retention(category, **given) is kept  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ReopenReason)
def test_a_case_is_taken_up_again_within_its_time_and_no_later(reason: ReopenReason) -> None:
    closed = datetime(2026, 11, 2, 9, tzinfo=UTC)
    last = closed + closing.REOPEN_WITHIN[reason]
    closing.may_reopen(Stage.CLOSED, reason, closed, last)
    with pytest.raises(CaseError, match="REOPEN_LATE"):
        closing.may_reopen(Stage.CLOSED, reason, closed, last + timedelta(seconds=1))
    with pytest.raises(CaseError, match="WRONG_STATE"):
        closing.may_reopen(Stage.HANDLING, reason, None, closed)


async def test_a_case_closed_long_ago_is_a_new_matter(clients: Clients) -> None:
    case = Mediated(clients, (await clients.accept(await clients.file_report())).name)
    await clients.finish(case.name)
    shown = await case.do("GetClosing", f"{case.name}/closing")
    until = shown.reopen_until_time.ToDatetime(UTC)
    assert until - shown.close_time.ToDatetime(UTC) == timedelta(days=365)
    back = "UPDATE cases SET closed_at = closed_at - interval '366 days' WHERE number = $1"
    await case.execute(back, [(case.number,)])
    again = case.do("ReopenCase", role="duty_officer", reason=follow.REOPEN_REASON_RECURRENCE, evidence="call-1")
    await refused(again, "REOPEN_LATE")


async def test_a_case_closes_when_performed_and_heard_and_is_visited_afterwards(case: Mediated) -> None:
    await case.finish_tasks()
    await refused(case.close(), "MEDIATION_OPEN")
    await case.agreed()
    await refused(case.close(), "VIEWS_MISSING")
    await case.views()
    error = await refused(case.close(), "CLAUSES_OPEN")
    assert "CLAUSES_OPEN" in (error.details() or "")
    shown = await case.do("GetClosing", f"{case.name}/closing")
    assert list(shown.gates) == [follow.CLOSING_GATE_CLAUSES_OPEN]
    assert [view.party for view in shown.views] == [case.party(1), case.party(2)]
    (only,) = await case.parts()
    await case.perform(only, 300_00)
    assert {"visit-7", "visit-30", "visit-90"} <= set(await case.running())
    closed = await case.close()
    assert closed.stage == case_pb2.STAGE_CLOSED
    shown = await case.do("GetClosing", f"{case.name}/closing")
    assert "人调结字第" in shown.document_number
    assert shown.retention == follow.RETENTION_TEN_YEARS or closed.grade != 1
    # The visits outlive the closing; nothing else of the plan does.
    assert set(await case.running()) == {"visit-7", "visit-30", "visit-90", "confirmation-1"}
    told = next(event for event in await case.history() if event.type == "CaseClosed")
    assert told.payload["next_at"]

    visits = (await case.do("ListVisits")).visits
    assert [as_date(visit.due_date) - as_date(day(0)) for visit in visits] == [timedelta(days=n) for n in (7, 30, 90)]
    said = [agreement_pb2.PartySatisfaction(party=case.party(1), satisfaction=1),
            agreement_pb2.PartySatisfaction(party=case.party(2), satisfaction=3)]  # fmt: skip
    # What a visit months ahead would find cannot be said today.
    await refused(
        case.do("RecordVisit", visits[2].name, performance=3, satisfaction=said, recurred=False),
        "NOT_BEFORE_ITS_DAY",
    )
    assert [as_date(visit.last_date) - as_date(visit.due_date) for visit in visits] == [timedelta(days=7)] * 3
    await case.come(7)
    await refused(case.do("ReopenCase", role="duty_officer", reason=3, evidence="call-1"), "NOT_PERFORMED")
    seen = await case.do("RecordVisit", visits[0].name, performance=3, satisfaction=said, recurred=True, note=SECRET)
    assert (seen.recurred, list(seen.satisfaction)) == (True, said)
    assert "visit-7" not in await case.running()
    await refused(
        case.do("RecordVisit", visits[0].name, performance=3, satisfaction=said, recurred=False), "ALREADY_EXISTS"
    )
    results = await case.do("GetMediationResults", f"{case.name}/results")
    assert list(results.satisfaction) == said
    assert results.performance == agreement_pb2.PERFORMANCE_DONE
    for (row,) in await case.fetch("SELECT t::text FROM visits t UNION ALL SELECT t::text FROM closing_views t"):
        assert SECRET.encode().hex() not in row

    opened = await case.do("ReopenCase", role="duty_officer", reason=follow.REOPEN_REASON_RECURRENCE, evidence="call-1")
    assert (opened.stage, opened.outcome, opened.HasField("close_time")) == (case_pb2.STAGE_HANDLING, 0, False)
    assert opened.due_time.ToDatetime(UTC) > datetime.now(UTC)
    assert "close-2" in await case.running()
    await refused(case.do("ReopenCase", role="duty_officer", reason=1, evidence="call-1"), "WRONG_STATE")
    reopened = next(event for event in await case.history() if event.type == "CaseReopened")
    assert reopened.wakes
    # There is something to do again, and until it is done it cannot be closed.
    task = int(reopened.payload["task"])
    assert (opened.open_tasks, reopened.payload["unit"]) == (1, opened.unit)
    assert {f"task-{task}.sign", f"task-{task}.task"} <= set(await case.running())
    await refused(case.close(), "TASKS_OPEN")
    await case.finish_tasks()
    # What was said to the first closing is not said to the second.
    await refused(case.close(), "VIEWS_MISSING")
    await case.views()
    await case.close()
    again = await case.do("GetClosing", f"{case.name}/closing")
    assert again.document_number != shown.document_number
    assert "close-2" not in await case.running()


async def test_a_mediation_that_came_to_something_is_not_one_that_was_only_proposed(case: Mediated) -> None:
    await case.agreed(extent=agreement_pb2.AGREEMENT_EXTENT_PARTIAL)
    people = Act(case.clients, case.name)
    await people.replace(1)
    await people.add(3)  # nobody mediates, and the new one was asked nothing yet
    await refused(case.close(4), "MEDIATION_OPEN")


async def test_whoever_asked_for_a_closing_does_not_close(case: Mediated) -> None:
    await case.do("EndMediation", ground=agreement_pb2.END_GROUND_PARTY_SUED)
    await refused(case.close(2), "NOTICES_UNSERVED")
    for party in (1, 2):
        await case.do("ServeNotice", f"{case.name}/notices/{party}", medium=1)
    await case.views()
    request = case.request("RequestClosing", case.name, outcome=2)
    await case.stub("RequestClosing")(request, **case.clients.as_("handler", sub="one-and-the-same"))
    closing_ = case.request("CloseCase", case.name, approved=True)
    await refused(
        case.stub("CloseCase")(closing_, **case.clients.as_("reviewer", sub="one-and-the-same")), "SAME_PERSON"
    )
    assert (await case.do("CloseCase", role="reviewer", approved=True)).stage == case_pb2.STAGE_CLOSED


async def test_who_withdrew_is_asked_nothing_and_holds_nobody_up(case: Mediated) -> None:
    await case.withdraw(2)
    await refused(case.do("EndMediation", ground=agreement_pb2.END_GROUND_PARTY_WITHDREW), "WRONG_STATE")
    await case.do("ServeNotice", f"{case.name}/notices/1", medium=1)
    await case.do("RecordView", f"{case.name}/closing", party=case.party(1), view=3)
    assert (await case.close(3)).stage == case_pb2.STAGE_CLOSED


async def test_a_default_whose_routes_were_told_lets_the_case_close(case: Mediated) -> None:
    await case.finish_tasks()
    await case.agreed()
    await case.views()
    (only,) = await case.parts()
    await case.do("DeclareDefault", only.name, reason=pb.DEFAULT_REASON_REFUSED)
    await case.do("PursueDefault", only.name, remedy=pb.REMEDY_REMIND)
    await refused(case.close(), "CLAUSES_OPEN")
    await case.do("PursueDefault", only.name, remedy=pb.REMEDY_ENFORCEMENT)
    await case.close()
    assert (await case.do("GetClosing", f"{case.name}/closing")).retention >= follow.RETENTION_THIRTY_YEARS


async def test_a_case_without_a_mediation_closes_as_before_and_gets_a_number(clients: Clients) -> None:
    case = Mediated(clients, (await clients.accept(await clients.file_report())).name)
    assert (await clients.finish(case.name)).stage == case_pb2.STAGE_CLOSED
    shown = await case.do("GetClosing", f"{case.name}/closing")
    assert shown.document_number
    assert not shown.gates
