"""Files `accord import` reads: CSV, JSON lines, XLSX, packed or not, whole or broken."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from accord.importing.rejection import Rejection, write_rejections
from accord.importing.source import Source, SourceError


def rows_of(path: Path, encoding: str = "utf-8") -> list[tuple[int, list[object], str]]:
    return [(row.number, list(row.cells), row.fault) for row in Source(path, encoding).rows()]


def test_the_heading_of_a_csv_file_is_row_one_and_blank_rows_count(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,"x\ny"\r\n')
    assert Source(path).columns == ["a", "b"]
    assert rows_of(path) == [(2, ["1", "2"], ""), (4, ["3", "x\ny"], "")]


def test_broken_csv_rows_are_told_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1\n2,\xff\n3,\x00\n4,5,6\n7,8,\n9,10\n")
    faults = [(number, fault) for number, _, fault in rows_of(path)]
    assert faults == [
        (2, "has 1 cells where the heading has 2"),
        (3, "is not utf-8 from character 1 of the row on"),
        (4, "contains a NUL character"),
        (5, "has 3 cells where the heading has 2"),
        (6, ""),
        (7, ""),
    ]


def test_a_quotation_without_an_end_costs_its_rows_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,2\n3,"x\n' + "y,z\n" * 400_000)
    found = rows_of(path)
    assert found[0] == (2, ["1", "2"], "")
    assert found[1][2].startswith("lines 3 to")
    assert found[-1][2] == ""


def test_chinese_encodings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("编号,内容\n1,拖欠工资\n".encode("gb18030"))
    assert rows_of(path, "gb18030") == [(2, ["1", "拖欠工资"], "")]


def test_json_lines_keep_numbers_as_written_and_flatten_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        '{"id": 12345678901234567890, "p": {"lat": 1.50}}',
        "",
        '{"id": null, "tags": ["x"], "ok": true}',
        "[1]",
        '{"id"',
    ]
    path.write_text("\n".join(lines))
    assert Source(path).columns == ["id", "p.lat", "tags", "ok"]
    found = rows_of(path)
    assert [row[:2] for row in found[:2]] == [
        (1, ["12345678901234567890", "1.50", "", ""]),
        (3, ["", "", '["x"]', "true"]),
    ]
    assert [number for number, _, fault in found if fault.startswith("is not a JSON object")] == [4, 5]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with gzip.open(path, "wb", 1) as file:
        file.write(b'{"a": 1}\n' if "json" in name else b"a\n1\n")
        for _ in range(64):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    try:
        if "json" in name:
            assert [(number, bool(fault)) for number, _, fault in rows_of(path)] == [(1, False), (2, True)]
        else:
            with pytest.raises(SourceError, match=r"a line of more than 8,388,607 characters"):
                rows_of(path)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < 48 << 20


def test_a_json_line_whose_names_would_unfold_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    long = {"x" * 201: {str(place): 1 for place in range(9)}}
    path.write_text(f'{{"a": 1}}\n{json.dumps(long)}\n')
    assert Source(path).columns == ["a"]
    assert rows_of(path)[1][2] == "is not a JSON object: a name has more than 200 characters"


@pytest.mark.parametrize("packed", [False, True])
def test_spreadsheets_give_dates_and_whole_numbers(tmp_path: Path, packed: bool) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["id", "at", "n"], [7, datetime(2026, 3, 1, 8), 1.5], [], ["x", None, True]):
        sheet.append(row)
    path = tmp_path / "a.xlsx"
    book.save(path)
    if packed:
        path = tmp_path / "a.xlsx.gz"
        path.write_bytes(gzip.compress((tmp_path / "a.xlsx").read_bytes()))
    assert rows_of(path) == [(2, ["7", datetime(2026, 3, 1, 8), "1.5"], ""), (4, ["x", "", "true"], "")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 50_000)[:-20]),
        ("a.csv.gz", b"a,b\n1,2\n"),
        ("a.xlsx", b"PK\x03\x04 not a workbook"),
        ("a.csv", b""),
        ("a.txt", b"a,b\n"),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=name.replace(".", r"\.")):
        list(Source(path).rows())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv: No such file"):
        Source(tmp_path / "nowhere.csv")


def test_rejected_rows_are_written_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    rejections = [Rejection(9, "b", "R", "f", "m, n"), Rejection(2, "a", "R", "f", "m")]
    assert write_rejections(path, rejections) == 2
    assert path.read_text("utf-8-sig").splitlines() == [
        "row,source_id,reason,field,message",
        "2,a,R,f,m",
        '9,b,R,f,"m, n"',
    ]
