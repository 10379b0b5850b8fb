"""The read model: copied from the feeds, newer never replaced by older, complete again after a rebuild."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import facts_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import facts_pb2 as intake_facts
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import facts_pb2 as mediation_facts
from typer.testing import CliRunner

from accord.cli import app
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import mediated
from tests.patience import PATIENCE
from tests.scratch import Scratch

NUMBER = "620102-2026-777001"


@pytest.fixture
async def rows(clients: Clients) -> AsyncIterator[Any]:
    """Return what looks into escalation's tables as the administrator."""
    connection = await Scratch.main(clients.stack).connect()
    try:

        async def rows_of(table: str, number: str) -> list[dict[str, Any]]:
            query = f"SELECT * FROM escalation.{table} WHERE number = $1"
            return [dict(row) for row in await connection.fetch(query, number)]

        yield rows_of
    finally:
        await connection.close()


async def until(rows: Any, number: str, **wanted: Any) -> dict[str, Any]:
    """Return a case's facts once they are as wanted."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for row in await rows("case_facts", number):
                if all(row[name] == value for name, value in wanted.items()):
                    return row
            await asyncio.sleep(0.1)


def report(sequence: int, **fields: Any) -> intake_facts.ReportFacts:
    told = {
        "report": f"reports/{NUMBER}", "sequence": sequence, "state": 1, "unit": f"units/{COUNTY}", "channel": 1,
        "category": "categories/neighbour", "grade": 1, "receive_time": Timestamp(seconds=1_780_000_000),
    }  # fmt: skip
    return intake_facts.ReportFacts(**{**told, **fields})


def case(sequence: int, **fields: Any) -> mediation_facts.CaseFacts:
    told = {
        "case": f"cases/{NUMBER}", "sequence": sequence, "stage": 1, "unit": f"units/{COUNTY}", "grade": 2,
        "category": "categories/neighbour", "receive_time": Timestamp(seconds=1_780_000_000),
        "open_time": Timestamp(seconds=1_780_100_000),
    }  # fmt: skip
    return mediation_facts.CaseFacts(**{**told, **fields})


def clock(service: str, state: int) -> facts_pb2.ClockFacts:
    return facts_pb2.ClockFacts(
        clock=f"clocks/{service}/{NUMBER}.close", rule="close_low", unit=f"units/{COUNTY}", subject=f"cases/{NUMBER}",
        state=state, start_time=Timestamp(seconds=1_780_100_000), due_time=Timestamp(seconds=1_790_000_000),
    )  # fmt: skip


async def record(clients: Clients, **told: Any) -> int:
    answer = await clients.facts.RecordFacts(
        facts_pb2.RecordFactsRequest(request_id=request_id(), **told), **clients.as_service()
    )
    return int(answer.recorded)


async def test_what_was_read_earlier_never_overwrites_what_was_read_later(clients: Clients, rows: Any) -> None:
    assert await record(clients, reports=[report(2)], cases=[case(5)], clocks=[clock("mediation", 2)]) == 3
    assert await record(clients, reports=[report(1, state=5)], cases=[case(4, stage=4)]) == 0
    assert await record(clients, cases=[case(4)], clocks=[clock("mediation", 1)]) == 0
    (facts,), (kept,) = await rows("case_facts", NUMBER), await rows("clock_facts", NUMBER)
    assert (facts["state"], facts["stage"], facts["report_seq"], facts["case_seq"]) == ("RECEIVED", "HANDLING", 2, 5)
    assert kept["state"] == 2
    # The same again is written again: a rebuild heals a row that somebody spoilt.
    assert await record(clients, reports=[report(2)], cases=[case(5)], clocks=[clock("mediation", 2)]) == 3


async def test_of_a_matter_that_has_a_case_the_case_says_whose_it_is(clients: Clients, rows: Any) -> None:
    await record(clients, cases=[case(6, unit="units/620102-labour")])
    await record(clients, reports=[report(3, unit="units/620103", area="620102001", grade=3)])
    (facts,) = await rows("case_facts", NUMBER)
    assert (facts["unit"], facts["grade"], facts["place"]) == ("620102-labour", 2, "620102001")


async def test_a_clock_of_which_no_matter_was_told_is_left_out(clients: Clients) -> None:
    assert await record(clients, clocks=[clock("intake", 1)]) == 0
    assert await record(clients, cases=[case(7)], clocks=[clock("intake", 1)]) == 1


async def test_what_happens_to_a_case_is_taken_over_to_its_end(clients: Clients, rows: Any) -> None:
    filed = await clients.file_report("楼上漏水。", people_affected=2)
    number = filed.name.removeprefix("reports/")
    await until(rows, number, state="RECEIVED", unit=COUNTY, door="counter", category="neighbour", closed_at=None)
    opened = await clients.accept(filed)
    await until(rows, number, state="ACCEPTED", stage="HANDLING")
    await clients.finish(opened.name)
    facts = await until(rows, number, stage="CLOSED", outcome="RESOLVED")
    assert facts["closed_at"] == facts["last_closed_at"] is not None
    clocks = {row["clock"].partition(".")[2]: row["state"] for row in await rows("clock_facts", number)}
    assert clocks["accept"] == clocks["close"] == 2
    assert set(clocks.values()) == {2}


async def test_a_declined_report_is_over(clients: Clients, rows: Any) -> None:
    filed = await clients.file_report()
    request = intake_pb2.DeclineReportRequest(name=filed.name, reason="elsewhere", route=1, request_id=request_id())
    await clients.intake.DeclineReport(request, **clients.as_("duty_officer"))
    facts = await until(rows, filed.name.removeprefix("reports/"), state="DECLINED")
    assert facts["closed_at"] == facts["declined_at"] is not None


async def test_the_three_results_are_taken_over_apart(clients: Clients, rows: Any) -> None:
    found = await mediated(clients)
    await found.agreed()
    for part in await found.parts():
        await found.perform(part, 300_00)
    number = found.name.removeprefix("cases/")
    facts = await until(rows, number, performance="DONE")
    assert (facts["mediation"], facts["outcome"], facts["answers"], facts["satisfied"]) == ("AGREED_FULL", "", 0, 0)
    assert facts["closed_at"] is None


async def test_what_is_taken_over_holds_no_word_anybody_said(clients: Clients, rows: Any) -> None:
    filed = await clients.file_report(
        "欧阳漏水户天花板", reporter={"display_name": "欧阳漏水户", "phone": "13900112233"}
    )
    number = filed.name.removeprefix("reports/")
    facts = await until(rows, number, state="RECEIVED")
    told = f"{facts} {await rows('clock_facts', number)}"
    assert not [word for word in ("漏水", "欧阳", "13900112233") if word in told]


async def test_after_a_loss_the_read_model_is_built_anew_from_the_feeds(clients: Clients, rows: Any) -> None:
    filed = await clients.file_report()
    number = filed.name.removeprefix("reports/")
    before = await until(rows, number, state="RECEIVED")
    connection = await Scratch.main(clients.stack).connect()
    for table in ("case_facts", "clock_facts"):
        await connection.execute(f"DELETE FROM escalation.{table} WHERE number = $1", number)
    await connection.close()
    assert not await rows("case_facts", number)
    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["facts", "rebuild", "--state", str(clients.stack.folder.root)]
    )
    assert done.exit_code == 0, done.output
    assert "intake: " in done.output
    assert await rows("case_facts", number) == [before]
    assert len(await rows("clock_facts", number)) == 1


async def test_a_feed_watched_for_names_tells_of_each_case_once_and_nothing_of_what_happened(clients: Clients) -> None:
    filed = await clients.file_report()
    for _ in range(3):
        await clients.intake.GetReportContent(
            intake_pb2.GetReportContentRequest(name=f"{filed.name}/content"), **clients.as_("clerk")
        )
    found: list[Any] = []
    request = feed_pb2.WatchEventsRequest(service="intake", names_only=True, until_caught_up=True, batch_size=1000)
    async with asyncio.timeout(PATIENCE):
        while not any(event.case == filed.case and event.sequence == 4 for event in found):
            found = [
                event
                async for batch in clients.feeds["intake"].WatchEvents(request, **clients.as_("auditor", "cn"))
                for event in batch.events
            ]
    (last,) = [event for event in found if event.case == filed.case]
    assert (last.type, last.actor, last.payload.fields) == ("", "", {})


async def test_clocks_are_listed_of_many_cases_at_once(clients: Clients) -> None:
    one, other, third = [await clients.file_report() for _ in range(3)]
    request = clock_pb2.ListClocksRequest(service="intake", cases=[one.case, third.case])
    found = await clients.clocks["intake"].ListClocks(request, **clients.as_("auditor"))
    assert {clock.case for clock in found.clocks} == {one.case, third.case}
    assert other.case not in {clock.case for clock in found.clocks}
