"""Bulk imports sent again: row by row, in a crowd, and after the database was killed in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from pb.intake.v1 import intake_pb2

from tests.conftest import Clients, request_id
from tests.patience import PATIENCE
from tests.test_idempotency import a_report


async def imported(
    clients: Clients, *batches: list[intake_pb2.ImportRow], sub: str | None = None
) -> list[intake_pb2.ImportResult]:
    """Return the results of one stream of batches; `sub`: who sends it."""

    async def stream() -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        for rows in batches:
            yield intake_pb2.ImportReportsRequest(rows=rows)

    answers = clients.intake.ImportReports(stream(), **clients.as_("clerk", "62", sub))
    return [result async for answer in answers for result in answer.results]


def rows_of(count: int, mark: str) -> list[intake_pb2.ImportRow]:
    """Return rows to import, each with a key of its own."""
    return [
        intake_pb2.ImportRow(row=index + 1, report=a_report(f"{mark} {index}"), request_id=f"{mark}-{index:06d}")
        for index in range(count)
    ]


async def test_an_import_repeated_makes_no_report_twice(clients: Clients) -> None:
    rows = rows_of(60, request_id())
    first = await imported(clients, rows[:25], rows[25:])
    again = await imported(clients, rows[:40], rows[40:])
    assert [result.report for result in again] == [result.report for result in first]
    assert all(result.repeated and not result.reason for result in again)
    assert len({result.report for result in first}) == 60


async def test_the_same_key_twice_in_one_import_is_one_report_and_with_another_body_a_refusal(
    clients: Clients,
) -> None:
    rows = rows_of(3, request_id())
    twin = intake_pb2.ImportRow(row=4, report=rows[0].report, request_id=rows[0].request_id)
    other = intake_pb2.ImportRow(row=5, report=a_report("另一件事。"), request_id=rows[0].request_id)
    results = await imported(clients, [*rows, twin, other], [twin, other])
    by_row = [(result.row, result.report, result.reason) for result in results]
    assert len({report for _, report, _ in by_row[:3]}) == 3
    for place in (3, 5):
        assert by_row[place] == (4, by_row[0][1], "")
    for place in (4, 6):
        assert by_row[place] == (5, "", "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.fault("B4")
async def test_a_colleague_who_sends_the_rows_again_is_told_that_they_are_there(clients: Clients) -> None:
    mark = request_id()
    rows = rows_of(6, mark)
    for row in rows:
        row.report.source, row.report.source_id = "colleague", f"{mark}-{row.row}"
    first = await imported(clients, rows[:4])
    # Some rows are there, some are new, one says something else, one comes under another key.
    rows[1].report.text += "再补充一句。"
    rows[2].request_id += "-other"
    again = await imported(clients, rows, sub=f"colleague-{mark}")
    assert [each.reason for each in again] == ["", "IDEMPOTENCY_KEY_REUSED", "ALREADY_EXISTS", "", "", ""]
    assert [each.repeated for each in again] == [True, False, False, True, False, False]
    assert (again[0].report, again[3].report) == (first[0].report, first[3].report)
    assert not again[0].receipt_code, "the receipt is for who brought the report"


async def test_two_imports_at_once_share_their_rows_without_doubling_any(clients: Clients) -> None:
    rows = rows_of(300, request_id())
    mine = [rows[start : start + 50] for start in range(0, 300, 50)]
    theirs = [rows[start : start + 70] for start in range(0, 300, 70)]  # cut elsewhere, and sent from the end
    one, two = await asyncio.gather(imported(clients, *mine), imported(clients, *reversed(theirs)))
    assert {r.row: r.report for r in one} == {r.row: r.report for r in two}
    assert len({result.report for result in one}) == 300
    fresh = [result.row for result in (*one, *two) if not result.repeated]
    assert sorted(fresh) == [row.row for row in rows], "each row is new to exactly one of the two"


async def test_an_import_goes_on_after_the_database_was_killed_in_the_middle(clients: Clients) -> None:
    """The sender sends again from the first batch that was not answered; nothing answered is lost or doubled."""
    rows, answered, killed = rows_of(800, request_id()), dict[int, str](), False
    batches = [rows[start : start + 50] for start in range(0, len(rows), 50)]

    async def stream(first: int) -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        for batch in batches[first:]:
            yield intake_pb2.ImportReportsRequest(rows=batch)

    async with asyncio.timeout(PATIENCE):
        while len(answered) < len(rows):
            try:
                sending = stream(len(answered) // 50)
                async for answer in clients.intake.ImportReports(sending, **clients.as_("clerk", "62")):
                    for result in answer.results:
                        assert not result.reason
                        assert answered.setdefault(result.row, result.report) == result.report
                    if len(answered) >= 200 and not killed:
                        clients.stack.kill("postgres")
                        killed = True
            except grpc.aio.AioRpcError as error:
                # grpc's own client says "from Core" when the stream ends while it is still sending.
                if error.code() is not grpc.StatusCode.UNAVAILABLE and "from Core" not in str(error.details()):
                    raise
                await asyncio.sleep(0.2)
    await asyncio.to_thread(clients.stack.await_ready, "postgres")
    again = await imported(clients, *batches)
    assert all(result.repeated for result in again)
    assert {result.row: result.report for result in again} == answered
    assert len(set(answered.values())) == len(rows)
