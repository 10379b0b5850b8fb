"""Posts and absences of a unit come from a file: previewed, applied once however often, and never overwritten."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from accord.embedded.folder import StackError
from accord.embedded.stack import Stack
from accord.people.entries import COLUMNS, Absence, Post, read_entries
from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY
from tests.test_login import run

HEAD = ",".join(COLUMNS)
TOWN = f"{COUNTY}001"


def file_of(folder: Path, *rows: str, head: str = HEAD, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((head, *rows)), "utf-8-sig")
    return path


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    table = file_of(
        tmp_path, "post,zhao,赵一,主任,620102,2026-01-01,,是,", "", "absence,zhao,,,620102,2026-02-01,2026-02-09,,qian"
    )
    rows = [
        {"kind": "post", "account": "zhao", "display_name": "赵一", "post": "主任", "unit": COUNTY,
         "since": "2026-01-01", "until": None, "signs": True},
        {"kind": "absence", "account": "zhao", "unit": COUNTY, "since": "2026-02-01", "until": "2026-02-09",
         "cover": "qian"},
    ]  # fmt: skip
    listed = tmp_path / "people.json"
    listed.write_text(json.dumps(rows), "utf-8")
    read = [entry for _, entry in read_entries(table)]
    assert read == [entry for _, entry in read_entries(listed)]
    assert [type(entry) for entry in read] == [Post, Absence]
    assert [number for number, _ in read_entries(table)] == [2, 4]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("chief,a,甲,主任,620102,2026-01-01,,,", "2: kind"), ("post,a,甲,主任,62x,2026-01-01,,,", "2: unit"),
        ("post,a,甲,主任,620102,January,,,", "2: since"), ("post,a,甲,主任,620102,2026-02-01,2026-01-01,,", "2: until"),
        ("post,,甲,主任,620102,2026-01-01,,,", "2: account"), ("post,a,,主任,620102,2026-01-01,,,", "2: display_name"),
        ("post,a,甲,主任,620102,2026-01-01,,perhaps,", "2: signs"), ("post,a,甲", "2: needs 9 cells"),
        ("absence,a,,,620102,2026-01-01,2026-01-02,,", "2: cover"), ("absence,a,,,620102,2026-01-01,,,b", "2: until"),
        ('post,"a,甲', "UTF-8, as CSV"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_by_its_line_and_column_and_not_by_a_name(row: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(StackError, match=fault) as error:
        read_entries(file_of(tmp_path, row))
    assert "甲" not in str(error.value)


def test_a_wrong_file_is_refused_as_a_whole(tmp_path: Path) -> None:
    for head in ("kind,account,phone", "account,post", "kind,kind", ""):
        with pytest.raises(StackError, match="the first line"):
            read_entries(file_of(tmp_path, head=head))
    path = tmp_path / "people.json"
    for content in (b"{}", b"[1]", b'[{"kind": 5}]', b'[{"phone": "x"}]', b"[", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(StackError, match=r"people\.json"):
            read_entries(path)
    with pytest.raises(StackError, match="No such file"):
        read_entries(tmp_path / "none.csv")


async def test_a_head_applies_a_file_twice_and_it_is_once(stack: Stack, tmp_path: Path) -> None:
    mark, today = uuid.uuid4().hex[:8], datetime.now(LOCAL).date()
    one, two, since, soon = f"one-{mark}", f"two-{mark}", today - timedelta(days=30), today + timedelta(days=3)
    head = {"ACCORD_TOKEN": stack.token("unit_head", COUNTY)}
    posts = [f"post,{each},{name},主任,{COUNTY},{since},,," for each, name in ((one, "赵一"), (two, "钱二"))]
    away = [f"absence,{one},,,{COUNTY},{today},{soon},,{two}", f"absence,{two},,,{COUNTY},{since},{since},,{one}"]
    file = str(file_of(tmp_path, *posts, *away))

    code, out, said = await run(stack, "people", file, "--preview", **head)
    assert (code, out, said.splitlines()[-1]) == (0, "", "3 new, 0 ends, 0 same, 1 over, 0 differs"), said
    # Two at once, as if somebody pressed the key twice.
    both = await asyncio.gather(*(run(stack, "people", file, "--yes", "--json", **head) for _ in range(2)))
    assert {code for code, _, _ in both} <= {0, 1}
    code, out, said = await run(stack, "people", file, "--yes", **head)
    assert (code, out) == (0, "0 applied, 0 refused\n"), said
    assert said.splitlines()[-1] == "0 new, 0 ends, 3 same, 1 over, 0 differs"

    # Who leaves gets a last day; what differs otherwise is left to a person, and no name is printed.
    changed = [posts[0].replace("赵一", "赵壹"), posts[1].replace(f"{since},,", f"{since},{today},")]
    code, out, said = await run(stack, "people", str(file_of(tmp_path, *changed)), "--yes", **head)
    assert (code, out) == (1, "1 applied, 0 refused\n"), said
    assert f"2: differs  post  {COUNTY}  {one}" in said
    assert f"3: ends  post  {COUNTY}  {two}" in said
    assert "赵" not in said
    code, out, said = await run(stack, "people", str(file_of(tmp_path, changed[1])), "--yes", **head)
    assert (code, said.splitlines()[-1]) == (0, "0 new, 0 ends, 1 same, 0 over, 0 differs")


async def test_a_row_that_the_server_refuses_is_told_with_its_words_and_the_others_go_in(
    stack: Stack, tmp_path: Path
) -> None:
    mark, today = uuid.uuid4().hex[:8], datetime.now(LOCAL).date()
    town = {"ACCORD_TOKEN": stack.token("unit_head", TOWN)}
    rows = [
        f"absence,a-{mark},,,{TOWN},{today},{today},,a-{mark}",
        f"absence,b-{mark},,,{TOWN},{today},{today},,c-{mark}",
    ]
    code, out, said = await run(stack, "people", str(file_of(tmp_path, *rows)), "--yes", **town)
    assert (code, out) == (1, "1 applied, 1 refused\n"), said
    assert "2: refused  INVALID_FIELD: cover" in said
    # Another unit's lists are not even compared.
    code, _, said = await run(stack, "people", str(file_of(tmp_path, f"post,x,甲,主任,62,{today},,,")), "--yes", **town)
    assert (code, "PERMISSION_DENIED" in said) == (2, True), said
