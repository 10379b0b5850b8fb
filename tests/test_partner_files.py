"""Partners that write files: each row is handed on and answered in the partner's words; what is done is moved."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accord.embedded.stack import Stack
from accord.partners.door import PartnerDoor
from accord.partners.files import MOST_ROWS, FileDoor
from casework.clocks.calendar import LOCAL
from casework.door.programs.partner import FileRule
from services.kit.spreadsheets.writing import as_xlsx
from tests.conftest import COUNTY, request_id
from tests.outside import Desk
from tests.patience import PATIENCE
from tests.test_partners import partner

CITY = COUNTY[:4]
HOTLINE = f"{CITY}-hotline"
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
HEADINGS = ["工单编号", "诉求类别", "区划代码", "诉求内容", "办理时限", "紧急程度", "来电人", "来电号码", "坐席"]
RESULTS = {"zh": ("未接收", "已接收", "已接收（重复）"), "en": ("refused", "taken in", "taken in (repeated)")}


async def started(stack: Stack, unit: str, *words: str, **env: str) -> asyncio.subprocess.Process:
    """Start `accord partners` for a partner, with its token."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "accord.cli", "partners", *words, "--unit", unit, "--url", stack.urls["api"],
        env={**os.environ, "ACCORD_TOKEN": stack.token("integrator", unit), **env},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def ended(program: asyncio.subprocess.Process) -> tuple[int, str]:
    """Return the exit code of a program, and what it said."""
    said, _ = await asyncio.wait_for(program.communicate(), PATIENCE)
    return program.returncode or 0, said.decode()


class Folder:
    """The folder of a partner, and the program that reads it."""

    def __init__(self, path: Path, stack: Stack, language: str = "zh", unit: str = HOTLINE) -> None:
        self.path, self.mark, self.language = path, request_id()[:12], language
        self._stack, self._unit = stack, unit

    def row(self, number: int, **cells: str) -> list[str]:
        due = (datetime.now(UTC).astimezone(LOCAL) + timedelta(days=9)).strftime("%Y-%m-%d")
        given = {
            "工单编号": f"{self.mark}-{number}", "诉求类别": "噪音扰民", "区划代码": f"{COUNTY}001",
            "诉求内容": "楼上半夜装修，没人管。", "办理时限": due, "来电人": "某女士", "来电号码": "13900000001",
            "坐席": "07",
            **cells,
        }  # fmt: skip
        return [given.get(each, "") for each in HEADINGS]

    def puts(self, name: str, *rows: list[str], encoding: str = "utf-8-sig") -> None:
        if name.endswith(".xlsx"):
            content = as_xlsx([HEADINGS, *rows], "工单")
        else:
            written = io.StringIO(newline="")
            csv.writer(written).writerows([HEADINGS, *rows])
            content = written.getvalue().encode(encoding)
        self.path.joinpath(name).write_bytes(content)

    async def starts(self) -> asyncio.subprocess.Process:
        words = ("files", str(self.path), "--settle", "0", "--language", self.language)
        return await started(self._stack, self._unit, *words)

    async def runs(self) -> tuple[int, str]:
        return await ended(await self.starts())

    def answers(self, name: str) -> list[dict[str, str]]:
        text = self.path.joinpath("done", f"{name}.answers.csv").read_text("utf-8-sig")
        heading, *rows = csv.reader(io.StringIO(text))
        names = ("row", "number", "result", "report", "column", "reason", "code")
        assert (heading[0] == "row") == (self.language == "en")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def there(self) -> set[str]:
        return {each.name for each in self.path.iterdir() if each.is_file() and not each.name.startswith(".")}


@pytest.fixture
async def open_() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


class Sent(PartnerDoor):
    """A door that takes every item in; `meanwhile` is done while it does."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__("http://nowhere", str, HOTLINE)
        self.numbers: list[str] = []
        self.meanwhile = meanwhile

    async def submit(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.numbers += [each["number"] for each in items]
        self.meanwhile()
        return [{"number": each["number"], "report": "reports/620102-2026-000001"} for each in items]


def rows_of(*numbers: int) -> bytes:
    return "".join(["number,category,text\n", *(f"{each},物业,电梯停。\n" for each in numbers)]).encode()


async def test_a_file_that_is_replaced_while_it_is_handed_on_is_read_again_before_it_is_moved(tmp_path: Path) -> None:
    path, new = tmp_path / "a.csv", tmp_path / ".new"
    path.write_bytes(rows_of(1))
    # The same content in another file, too: what comes next in its place is not moved unread.
    for content in (rows_of(1), rows_of(2)):
        new.write_bytes(content)
        door = Sent(lambda: new.exists() and new.replace(path))
        files = FileDoor(tmp_path, FileRule(), door, 0)
        looked = await files.look()
        assert (looked.files, looked.waits, path.exists()) == (0, 1, True)
    assert (await files.look()).files == 1
    assert door.numbers == ["1", "2"]


async def test_a_file_that_cannot_be_read_to_its_end_is_read_again_only_once_it_was_changed(tmp_path: Path) -> None:
    path, door = tmp_path / "a.csv.gz", Sent()
    path.write_bytes(gzip.compress(rows_of(*range(1000)))[:-4])
    files = FileDoor(tmp_path, FileRule(), door, 0)
    first, second = await files.look(), await files.look()
    assert first.left == second.left != []
    assert len(door.numbers) == len(set(door.numbers)) > 0
    path.write_bytes(gzip.compress(rows_of(7)))
    assert (await files.look()).files == 1
    assert not (tmp_path / "a.csv.gz.refused.txt").exists()


async def test_a_few_bytes_do_not_unpack_to_rows_without_end(tmp_path: Path) -> None:
    tmp_path.joinpath("a.csv.gz").write_bytes(gzip.compress(rows_of(1) + b"x\n" * MOST_ROWS))
    looked = await FileDoor(tmp_path, FileRule(), Sent(), 0).look()
    assert looked.left == [f"a.csv.gz: more than {MOST_ROWS:,} rows 多于 {MOST_ROWS:,} 行"]


@BOTH
async def test_every_row_of_a_file_is_handed_on_and_answered_under_the_partners_headings(
    language: str, stack: Stack, open_: AsyncExitStack, tmp_path: Path
) -> None:
    folder = Folder(tmp_path, stack, language)
    folder.puts(
        "今日工单.csv", folder.row(1), folder.row(2, 区划代码="110101"), folder.row(3, 办理时限="尽快"),
        folder.row(4, 诉求内容=""), folder.row(5, 紧急程度="马上"), folder.row(1),
    )  # fmt: skip
    status, said = await folder.runs()
    assert (status, folder.there()) == (0, set()), said
    assert "坐席" in said, "a column that is not read is named"
    refused, taken, repeated = RESULTS[language]
    answers = folder.answers("今日工单.csv")
    assert [each["result"] for each in answers] == [taken, refused, refused, refused, refused, repeated]
    assert [each["column"] for each in answers] == ["", "区划代码", "办理时限", "诉求内容", "紧急程度", ""]
    assert [each["row"] for each in answers] == list("234567")
    assert answers[0]["report"] == answers[5]["report"]
    assert all(each["reason"].isascii() == (language == "en") for each in answers[2:4])

    desk = await open_.enter_async_context(Desk(stack, "duty_officer", COUNTY))
    shown = await desk.reads(f"/v1/reports/{answers[0]['report']}/content")
    assert (shown["text"], shown["reporter"]["phone"]) == ("楼上半夜装修，没人管。", "13900000001")


async def test_a_workbook_and_json_lines_are_read_too_and_a_corrected_row_is_taken_in(
    stack: Stack, tmp_path: Path
) -> None:
    folder = Folder(tmp_path, stack)
    folder.puts("一.xlsx", folder.row(1), folder.row(2, 区划代码="110101"))
    lines: list[dict[str, Any]] = [
        {"工单编号": f"{folder.mark}-3", "诉求类别": "物业", "诉求内容": "电梯停。", "reporter": {"phone": "139002"}},
        {"number": "另一种标题", "诉求类别": "物业", "诉求内容": "没有编号。"},
    ]  # fmt: skip
    tmp_path.joinpath("二.jsonl").write_text("\n".join(json.dumps(each) for each in lines) + "\n{", "utf-8")
    tmp_path.joinpath("别的.csv").write_text("a,b\n1,2\n", "utf-8")
    folder.puts("编码.csv", folder.row(4), encoding="gb18030")
    tmp_path.joinpath("说明.txt").write_text("不是推送件", "utf-8")
    status, said = await folder.runs()
    assert status == 1
    assert "no column 缺少列: 工单编号、诉求类别、诉求内容" in said
    left = ("别的.csv", "编码.csv")
    assert folder.there() == {*left, *(f"{each}.refused.txt" for each in left), "说明.txt"}
    first, second = folder.answers("一.xlsx"), folder.answers("二.jsonl")
    assert [each["code"] for each in second] == ["", "MISSING_VALUE", "UNREADABLE_ROW"]

    for each in left:
        tmp_path.joinpath(each).unlink()
    folder.puts("一.xlsx", folder.row(1), folder.row(2))
    assert (await folder.runs())[0] == 0
    again = folder.answers("2-一.xlsx")
    assert [each["result"] for each in again] == ["已接收（重复）", "已接收"]
    assert again[0]["report"] == first[0]["report"]


async def test_killed_half_way_nothing_is_lost_and_nothing_is_there_twice(
    stack: Stack, open_: AsyncExitStack, tmp_path: Path
) -> None:
    partner = f"{COUNTY}-petition"
    folder = Folder(tmp_path, stack, unit=partner)
    lines = [
        {"number": f"{folder.mark}-{place}", "category": "物业", "text": f"第 {place} 件：路灯不亮。"}
        for place in range(800)
    ]
    tmp_path.joinpath("一天.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in lines), "utf-8")
    desk = await open_.enter_async_context(Desk(stack, "integrator", partner))
    program = await folder.starts()
    async with asyncio.timeout(PATIENCE):
        while not (await desk.reads(f"/v1/units/{partner}/partnerItems?number={folder.mark}-10")).get("items"):
            await asyncio.sleep(0.02)
    program.kill()
    await program.communicate()
    assert folder.there() == {"一天.jsonl"}

    both = await asyncio.gather(folder.runs(), folder.runs())
    assert sorted(status for status, _ in both) == [0, 2], both
    assert folder.there() == set()
    answers = folder.answers("一天.jsonl")
    assert [each["number"] for each in answers] == [each["number"] for each in lines]
    assert len({each["report"] for each in answers} - {""}) == 800
    assert {"已接收（重复）", "已接收"} == {each["result"] for each in answers}


async def test_what_became_of_items_is_written_into_the_folder_in_order(
    stack: Stack, open_: AsyncExitStack, tmp_path: Path
) -> None:
    folder, hotline = Folder(tmp_path, stack), await partner(stack, open_)
    folder.puts("一.csv", folder.row(1))
    assert (await folder.runs())[0] == 0
    report = folder.answers("一.csv")[0]["report"]
    hotline.mark = folder.mark
    await hotline.told(1)
    duty = await open_.enter_async_context(Desk(stack, "duty_officer", COUNTY))
    await duty.does(f"reports/{report}", "decline", reason="elsewhere", route="ROUTE_HOTLINE")
    await hotline.told(2)
    status, said = await folder.runs()
    assert status == 0, said
    files = sorted((tmp_path / "changes").iterdir())
    rows = [row for file in files for row in csv.DictReader(io.StringIO(file.read_text("utf-8-sig")))]
    assert [int(row["序号"]) for row in rows] == sorted({int(row["序号"]) for row in rows})
    own = [(row["状态"], row["其他途径"], row["受理编号"]) for row in rows if row["编号"].startswith(folder.mark)]
    assert own == [("已接收", "", report), ("退回", "hotline", report)]

    tmp_path.joinpath(".accord-told.json").write_text(json.dumps({"unit": "6202-hotline", "after": 0}), "utf-8")
    status, said = await folder.runs()
    assert (status, "is kept for 6202-hotline" in said) == (2, True), said
