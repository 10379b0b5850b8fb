"""The transfer of `accord import`: broken off, repeated, refused; against a service that keeps what it took."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pb.intake.v1 import intake_pb2, intake_pb2_grpc
from typer.testing import CliRunner

from accord.importing.batch import Batch, batches
from accord.importing.catalogue import load_mapping
from accord.importing.journal import Journal, JournalInUse, Outcome
from accord.importing.rejection import Rejection
from accord.importing.row import RowMapper
from accord.importing.source import Source
from accord.importing.transfer import Patience, Transfer, TransferStopped

QUICK = Patience(in_flight=3, answer=5.0, stream=30.0, tries=5, first_tries=3, first_pause=0.01, longest_pause=0.05)

MAPPING = """\
source: town
id: id
time: {zone: Asia/Shanghai}
fields:
  channel: {column: door, map: {phone: hotline}}
  unit: {constant: "620102"}
  category: {constant: other}
  text: {column: words}
"""


class Shelf(intake_pb2_grpc.IntakeServiceServicer):
    """Keeps rows by their key. Ends a stream with `fault` after every `breaks`-th batch, before or after taking it."""

    def __init__(self, breaks: int = 0, fault: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        self.kept: dict[str, bytes] = {}
        self.tokens: list[str] = []
        self.breaks, self.fault, self.seen = breaks, fault, 0

    async def ImportReports(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        self.tokens.append(dict(context.invocation_metadata())["authorization"])
        async for request in requests:
            self.seen += 1
            broken = self.breaks and self.seen % self.breaks == 0
            if broken and self.seen % 2:
                await context.abort(self.fault, "before")
            results = [self.take(row) for row in request.rows]
            if broken:
                await context.abort(self.fault, "after")
            yield intake_pb2.ImportReportsResponse(results=results)

    def take(self, row: Any) -> Any:
        if row.report.text == "bad":
            return intake_pb2.ImportResult(
                row=row.row, reason="UNKNOWN_CATEGORY", field="report.category", message="no"
            )
        body = row.report.SerializeToString(deterministic=True)
        repeated = row.request_id in self.kept
        assert self.kept.setdefault(row.request_id, body) == body
        return intake_pb2.ImportResult(row=row.row, report="reports/620102-2026-000001", repeated=repeated)


class Served:
    """A shelf behind a port of loopback."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.address = ""

    async def __aenter__(self) -> Served:
        self._server = grpc.aio.server()
        intake_pb2_grpc.add_IntakeServiceServicer_to_server(self.shelf, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)


def town(folder: Path, rows: int) -> Path:
    """Rows 7, 17, … have no known door, rows 13, 33, … are refused by the service."""
    (folder / "town.yaml").write_text(MAPPING, "utf-8")
    path = folder / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(1, rows + 1):
            door, words = "fax" if number % 10 == 7 else "phone", "bad" if number % 20 == 13 else "拖欠工资"
            file.write(json.dumps({"id": f"{number:06d}", "door": door, "words": words}) + "\n")
    return path


def cut(folder: Path, path: Path, size: int = 10, answered: Any = (), limit: int | None = None) -> Iterator[Batch]:
    source = Source(path)
    mapper = RowMapper(load_mapping(str(folder / "town.yaml")), source.columns)
    return batches(source.rows(), mapper, size, answered, limit)


async def send(address: str, pending: Iterator[Batch], journal: Journal, patience: Patience = QUICK) -> list[str]:
    retries: list[str] = []
    async with grpc.aio.insecure_channel(address) as channel:
        await Transfer(channel, lambda: "t", journal.add, retries.append, patience).run(pending)
    return retries


async def test_every_row_is_answered_for_once(tmp_path: Path) -> None:
    path = town(tmp_path, 200)
    async with Served(Shelf()) as served:
        with Journal(tmp_path / "j") as journal:
            await send(served.address, cut(tmp_path, path), journal)
    totals = journal.totals
    assert (totals.rows, totals.created, totals.repeated, len(totals.rejected)) == (200, 170, 0, 30)
    assert len(served.shelf.kept) == 170
    assert served.shelf.tokens == ["Bearer t"]
    by_reason = {each.reason: each for each in totals.rejected}
    assert by_reason["UNKNOWN_CATEGORY"] == Rejection(193, "000193", "UNKNOWN_CATEGORY", "category", "no")
    assert by_reason["UNMAPPED_VALUE"].field == "channel"


async def test_lost_connections_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    path = town(tmp_path, 400)
    async with Served(Shelf(breaks=3)) as served:
        with Journal(tmp_path / "j") as journal:
            retries = await send(served.address, cut(tmp_path, path), journal)
    assert len(retries) > 5
    assert (journal.totals.rows, len(served.shelf.kept)) == (400, 340)
    assert journal.totals.created + journal.totals.repeated == 340
    rows = [each.row for each in journal.totals.rejected]
    assert len(rows) == len(set(rows)) == 60


async def test_a_stopped_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = town(tmp_path, 200)
    async with Served(Shelf()) as served:
        with Journal(tmp_path / "j") as journal:
            await send(served.address, cut(tmp_path, path, limit=95), journal)
        before = served.shelf.seen
        with Journal(tmp_path / "j") as journal:
            assert journal.totals.rows == 95
            await send(served.address, cut(tmp_path, path, size=50, answered=journal.answered()), journal)
        assert served.shelf.seen == before + 3
    assert (journal.totals.rows, journal.totals.created, len(served.shelf.kept)) == (200, 170, 170)


async def test_from_the_beginning_again_everything_is_repeated(tmp_path: Path) -> None:
    path = town(tmp_path, 100)
    async with Served(Shelf()) as served:
        for _ in range(2):
            with Journal(tmp_path / "j", restart=True) as journal:
                await send(served.address, cut(tmp_path, path), journal)
    assert (journal.totals.created, journal.totals.repeated, len(served.shelf.kept)) == (0, 85, 85)


async def test_a_refusal_of_the_caller_is_not_tried_again(tmp_path: Path) -> None:
    path = town(tmp_path, 20)
    for fault in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
        async with Served(Shelf(breaks=1, fault=fault)) as served:
            with Journal(tmp_path / "j", restart=True) as journal, pytest.raises(TransferStopped, match=fault.name):
                # One at a time: what was sent beside it before the refusal came is not a second try.
                await send(served.address, cut(tmp_path, path), journal, Patience(in_flight=1))
        assert len(served.shelf.tokens) == 1


async def test_a_token_that_runs_out_on_the_way_is_renewed(tmp_path: Path) -> None:
    path = town(tmp_path, 100)
    async with Served(Shelf(breaks=4, fault=grpc.StatusCode.UNAUTHENTICATED)) as served:
        with Journal(tmp_path / "j") as journal:
            await send(served.address, cut(tmp_path, path), journal, Patience(in_flight=1, first_pause=0.01))
    assert journal.totals.rows == 100
    assert len(served.shelf.tokens) > 2


async def test_nobody_there_is_said_after_a_few_tries(tmp_path: Path) -> None:
    path = town(tmp_path, 20)
    with Journal(tmp_path / "j") as journal, pytest.raises(TransferStopped, match="UNAVAILABLE"):
        await send("127.0.0.1:9", cut(tmp_path, path), journal)
    assert journal.totals.rows == 0


async def test_a_file_that_breaks_off_is_sent_as_far_as_it_goes(tmp_path: Path) -> None:
    path = town(tmp_path, 100)

    def breaking() -> Iterator[Batch]:
        for number, batch in enumerate(cut(tmp_path, path)):
            if number == 4:
                raise ValueError("cut short")
            yield batch

    async with Served(Shelf()) as served:
        with Journal(tmp_path / "j") as journal, pytest.raises(ValueError, match="cut short"):
            await send(served.address, breaking(), journal)
    assert journal.totals.rows == 40


def test_heavy_rows_travel_in_small_batches(tmp_path: Path) -> None:
    path = town(tmp_path, 1)
    path.write_text(
        "\n".join(json.dumps({"id": f"{n}", "door": "phone", "words": "字" * 5_000}) for n in range(200)), "utf-8"
    )
    sizes = [batch.request().ByteSize() for batch in cut(tmp_path, path, size=1_000)]
    assert len(sizes) == 3
    assert max(sizes) < 2 << 20


def test_a_journal_cut_short_forgets_its_last_line_only(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.add(Outcome(1, 10, 9, 0, [Rejection(3, "c", "R", "f", "m")]))
        journal.add(Outcome(11, 20, 10, 0, []))
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(path) as journal:
        assert journal.totals.rows == 10
        answered = journal.answered()
        assert [row for row in range(1, 30) if row in answered] == list(range(1, 11))
        journal.add(Outcome(11, 20, 10, 0, []))
    with Journal(path) as journal:
        assert (journal.totals.rows, journal.totals.rejected) == (20, [Rejection(3, "c", "R", "f", "m")])


def test_one_import_of_a_file_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(JournalInUse):
        Journal(tmp_path / "j")


def run(*arguments: str) -> Any:
    import typer

    from accord.commands.import_command import import_

    app = typer.Typer()
    app.command()(import_)
    return CliRunner().invoke(app, arguments)


def test_without_a_terminal_and_yes_nothing_is_sent(tmp_path: Path) -> None:
    path = town(tmp_path, 20)
    result = run(str(path), "--mapping", str(tmp_path / "town.yaml"), "--state", str(tmp_path / "state"))
    assert result.exit_code == 0, result.output
    assert "20 rows: 18 ready to send, 2 rejected" in result.output
    assert "UNMAPPED_VALUE" in result.output
    assert "nothing was sent" in result.output
    assert not (tmp_path / "state").exists()


def test_wrong_input_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    path = town(tmp_path, 2)
    for arguments, words in (
        (["--mapping", "nowhere.yaml"], "nowhere.yaml:1: No such file or directory; shipped are"),
        (["--mapping", "boston311"], "the file has no column 'case_enquiry_id'; it has id, door, words"),
        (["--mapping", str(tmp_path / "town.yaml"), "--yes", "--state", str(tmp_path / "s")], "no stack runs in"),
    ):
        result = run(str(path), *arguments)
        assert result.exit_code == 2
        assert words in result.output
        assert "Traceback" not in result.output
