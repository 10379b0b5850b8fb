"""Clocks of running services: what moves one, what never does, and that each rung fires once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2, consent_pb2, mediation_pb2

from services.kit.instants import instant
from services.kit.storage.tables.clock_tables import CLOCK_TABLES
from tests.case_people import Act
from tests.conftest import COUNTY, Clients, request_id
from tests.rpcs import Answer, call
from tests.scratch import Scratch

EXTENSION = consent_pb2.STEP_EXTENSION
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
async def case(clients: Clients) -> case_pb2.Case:
    """Return an open case of medium grade: its closing clock may be paused and extended."""
    report = await clients.file_report(category="categories/labour", people_affected=8, text="拖欠工资，多次讨要无果。")
    return await clients.accept(report)


def closing(case: case_pb2.Case) -> str:
    return f"clocks/mediation/{case.name.removeprefix('cases/')}.close"


async def get(clients: Clients, name: str) -> clock_pb2.Clock:
    service = name.split("/")[1]
    request = clock_pb2.GetClockRequest(name=name)
    clock: clock_pb2.Clock = await clients.clocks[service].GetClock(request, **clients.as_("handler"))
    return clock


async def act(clients: Clients, method: str, role: str = "handler", **fields: Any) -> clock_pb2.Clock:
    service = fields["name"].split("/")[1] if "name" in fields else fields["service"]
    request = getattr(clock_pb2, f"{method}Request")(request_id=request_id(), **fields)
    clock: clock_pb2.Clock = await getattr(clients.clocks[service], method)(request, **clients.as_(role))
    return clock


async def refusal(clients: Clients, method: str, role: str = "handler", **fields: Any) -> Answer:
    request = getattr(clock_pb2, f"{method}Request")(request_id=request_id(), **fields)
    service = fields["name"].split("/")[1] if "name" in fields else fields["service"]
    path = f"/accord.clock.v1.ClockService/{method}"
    return await call(clients.channels[service], path, request.SerializeToString(), **clients.as_(role))


async def told(clients: Clients, case: str, service: str = "mediation") -> list[feed_pb2.Event]:
    request = feed_pb2.ListEventsRequest(service=service, case=case, page_size=1000)
    return list((await clients.feeds[service].ListEvents(request, **clients.as_("handler"))).events)


async def test_a_pause_leaves_no_due_date_and_resuming_moves_it_by_the_days_between(
    clients: Clients, case: case_pb2.Case
) -> None:
    name = closing(case)
    before = await get(clients, name)
    paused = await act(clients, "PauseClock", name=name, cause="appraisal", evidence="doc-7")
    assert paused.state == clock_pb2.CLOCK_STATE_PAUSED
    assert not paused.HasField("due_time")
    assert paused.generation == before.generation + 1
    resumed = await act(clients, "ResumeClock", name=name)
    assert resumed.state == clock_pb2.CLOCK_STATE_RUNNING
    assert resumed.due_time == before.due_time  # paused and resumed on one day: nothing moves
    kinds = [event.type for event in await told(clients, case.name)]
    assert kinds[-2:] == ["ClockPaused", "ClockResumed"]


async def test_what_is_said_of_a_case_moves_no_clock(clients: Clients, case: case_pb2.Case) -> None:
    before = await get(clients, closing(case))
    handler = clients.as_("handler")
    task = f"{case.name}/tasks/1"
    await clients.mediation.SignTask(mediation_pb2.SignTaskRequest(name=task, request_id=request_id()), **handler)
    await clients.mediation.ReportTask(
        mediation_pb2.ReportTaskRequest(name=task, evidence="doc-1", request_id=request_id()), **handler
    )
    await clients.mediation.TransferCase(
        mediation_pb2.TransferCaseRequest(name=case.name, unit="units/620102001", request_id=request_id()),
        **clients.as_("duty_officer"),
    )
    after = await get(clients, closing(case))
    assert after.unit == "units/620102001"
    assert (after.due_time, after.rungs, after.generation) == (before.due_time, before.rungs, before.generation)


async def test_a_case_is_extended_by_every_partys_consent_and_taken_back(clients: Clients, case: case_pb2.Case) -> None:
    name, people = closing(case), Act(clients, case.name)
    before = await get(clients, name)
    claimed = {"name": name, "amount": 5, "kind": 3, "consents": ["parties/1", "parties/2"]}

    async def missing() -> None:
        answer = await refusal(clients, "ExtendClock", **claimed)
        assert (answer.reason, answer.fields) == ("CONSENT_MISSING", ["consents"])

    await missing()  # there is nobody to consent
    await people.add(1)
    await people.add(2)
    await people.say(1, EXTENSION)
    await missing()  # whatever is claimed: one of the two said nothing
    await people.say(2, EXTENSION, given=False)
    await missing()
    await people.say(2, EXTENSION)
    extended = await act(clients, "ExtendClock", name=name, amount=5, kind=3)
    assert instant(extended.due_time) > instant(before.due_time)
    again = await refusal(clients, "ExtendClock", **claimed)
    assert again.reason == "EXTENSION_USED_UP"
    back = await act(clients, "RevokeExtension", name=name)
    assert back.due_time == before.due_time


async def test_what_was_consented_to_once_is_not_time_without_end(clients: Clients, case: case_pb2.Case) -> None:
    people = Act(clients, case.name)
    for party in (1, 2):
        await people.add(party)
        await people.say(party, EXTENSION)
        await people.say(party)
    # The law gives fifteen days, begun with the last consent: all may give it more, as often as they wish.
    name = f"clocks/mediation/{case.name.removeprefix('cases/')}.mediation-statute-1"
    extend = {"name": name, "amount": 1, "kind": 3}
    await act(clients, "ExtendClock", **extend)
    assert (await refusal(clients, "ExtendClock", **extend)).reason == "CONSENT_MISSING"
    for party in (1, 2):
        await people.say(party, EXTENSION)
    await act(clients, "ExtendClock", **extend)


async def test_only_the_head_of_the_unit_approves_what_needs_the_head(clients: Clients, case: case_pb2.Case) -> None:
    name = f"clocks/mediation/{case.name.removeprefix('cases/')}.task-1.task"
    fields = {"name": name, "amount": 2, "kind": 1, "reason": "complex-facts"}
    assert (await refusal(clients, "ExtendClock", **fields)).reason == "APPROVER_REQUIRED"
    before = await get(clients, name)
    extended = await act(clients, "ExtendClock", "unit_head", **fields)
    assert instant(extended.due_time) - instant(before.due_time) == timedelta(days=2)
    (event,) = [event for event in await told(clients, case.name) if event.type == "ClockExtended"]
    assert event.payload["reason"] == "complex-facts"


@pytest.mark.parametrize(
    ("method", "fields", "reason", "field"),
    [
        ("PauseClock", {"cause": "bad-weather"}, "PAUSE_CAUSE_NOT_ALLOWED", "cause"),
        ("ResumeClock", {}, "CLOCK_NOT_PAUSED", "effective_time"),
        ("ExtendClock", {"amount": 1, "kind": 2, "reason": "busy"}, "EXTENSION_NOT_ALLOWED", "kind"),
        ("ExtendClock", {"amount": 999, "kind": 3, "consents": ["a"]}, "EXTENSION_TOO_LONG", "amount"),
        ("RevokeExtension", {"extension": 9}, "EXTENSION_NOT_FOUND", "extension"),
        ("StopClock", {"met": True}, "CLOCK_NOT_BY_HAND", "name"),
    ],
)
async def test_what_the_rule_forbids_is_refused_by_name_and_changes_nothing(
    method: str, fields: dict[str, Any], reason: str, field: str, clients: Clients, case: case_pb2.Case
) -> None:
    before = await get(clients, closing(case))
    answer = await refusal(clients, method, name=closing(case), **fields)
    assert (answer.reason, answer.fields) == (reason, [field])
    assert await get(clients, closing(case)) == before


async def test_an_entry_is_not_dated_back_further_than_the_rule_allows(clients: Clients, case: case_pb2.Case) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    answer = await refusal(clients, "PauseClock", name=closing(case), cause="illness", effective_time=long_ago)
    assert answer.reason in {"BACKDATED_TOO_FAR", "BEFORE_START"}


async def test_a_stale_etag_changes_nothing(clients: Clients, case: case_pb2.Case) -> None:
    await act(clients, "PauseClock", name=closing(case), cause="illness", etag="1")
    answer = await refusal(clients, "ResumeClock", name=closing(case), etag="1")
    assert answer.reason == "ETAG_MISMATCH"


async def test_an_explanation_has_every_day_once_and_counts_up_to_the_limit(
    clients: Clients, case: case_pb2.Case
) -> None:
    request = clock_pb2.ExplainClockRequest(name=closing(case))
    said = await clients.clocks["mediation"].ExplainClock(request, **clients.as_("handler", language="en"))
    days = [datetime.fromisoformat(day.date).date() for day in said.days]
    assert days == sorted(set(days))
    assert days[-1] == instant(said.clock.due_time).astimezone().date() or said.days[-1].verdict in {
        "rolled_to", "counted"
    }  # fmt: skip
    assert max(day.count for day in said.days) == 15
    assert said.limit == "15 calendar"
    assert "house default" in said.confidence


async def test_an_official_starts_and_stops_a_legal_clock(clients: Clients, case: case_pb2.Case) -> None:
    started = await act(clients, "StartClock", service="mediation", case=case.name, rule="labour_inspection")
    assert started.rule == "labour_inspection"
    assert started.HasField("due_time")
    assert (await refusal(clients, "StartClock", service="mediation", case=case.name, rule="sign")).reason == (
        "UNKNOWN_RULE"
    )
    assert (await refusal(clients, "StartClock", service="mediation", case=case.name, rule="no_such")).fields == [
        "rule"
    ]
    stopped = await act(clients, "StopClock", name=started.name, met=True)
    assert stopped.state == clock_pb2.CLOCK_STATE_MET
    assert (await refusal(clients, "StopClock", name=started.name, met=True)).reason == "CLOCK_NOT_RUNNING"


async def test_a_stale_generation_fires_nothing_and_learns_the_current_one(
    clients: Clients, case: case_pb2.Case
) -> None:
    ask = clock_pb2.FireClocksRequest(service="mediation", case=case.name)
    now = await clients.clocks["mediation"].FireClocks(ask, **clients.as_service("worker"))
    await act(clients, "PauseClock", name=closing(case), cause="illness")
    ask.generation = now.generation
    then = await clients.clocks["mediation"].FireClocks(ask, **clients.as_service("worker"))
    assert not then.firings
    assert then.generation == now.generation + 1


async def test_clocks_over_rest_are_the_same_clocks(clients: Clients, case: case_pb2.Case, rest: Any) -> None:
    headers = {"Authorization": f"Bearer {clients.stack.token('handler', COUNTY)}"}
    name = closing(case)
    got = (await rest.get(f"/v1/{name}", headers=headers)).json()
    assert got["rule"] == "close_medium"
    said = (await rest.get(f"/v1/{name}:explain", headers=headers)).json()
    assert said["days"][0]["verdict"] == "start_excluded"
    key = {**headers, "Idempotency-Key": request_id(), "If-Match": f'"{got["etag"]}"'}
    paused = await rest.post(f"/v1/{name}:pause", headers=key, json={"cause": "illness"})
    assert paused.status_code == 200, paused.text
    assert paused.json()["state"] == "CLOCK_STATE_PAUSED"
    wrong = await rest.post(
        f"/v1/clocks/nowhere/{name.rsplit('/', 1)[1]}:pause", headers=key, json={"cause": "illness"}
    )
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["field"] == "name"


async def test_two_hands_that_pause_at_once_pause_once(clients: Clients, case: case_pb2.Case) -> None:
    answers = await asyncio.gather(
        *(refusal(clients, "PauseClock", name=closing(case), cause="illness") for _ in range(8))
    )
    codes = [answer.code for answer in answers]
    assert codes.count(grpc.StatusCode.OK) == 1
    assert {answer.reason for answer in answers if answer.code is not grpc.StatusCode.OK} == {"CLOCK_PAUSED"}


@pytest.fixture
async def intake_rows(clients: Clients) -> AsyncIterator[Any]:
    """Yield a connection to intake's tables as their administrator."""
    connection = await Scratch.main(clients.stack).connect()
    await connection.execute("SET search_path = intake, public")
    yield connection
    await connection.close()


async def test_the_database_refuses_to_change_a_ledger_or_a_claim(clients: Clients, intake_rows: Any) -> None:
    await clients.file_report()
    for table in CLOCK_TABLES:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(Exception, match="refused"):
                await intake_rows.execute(statement)
