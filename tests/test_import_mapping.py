"""Files and mappings of `accord import`: what becomes of rows, and which are refused and why."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from accord.importing.catalogue import MappingError, MappingFile, categories, load_mapping
from accord.importing.comparison import Held, compare
from accord.importing.overdue import Comparison, expected_overdue, overdue, write_differences
from accord.importing.preview import Preview, preview
from accord.importing.rejection import Rejection
from accord.importing.row import MappedRow, RowMapper, request_id
from accord.importing.shipped import shipped
from accord.importing.source import Source
from tests.still import shipped_rules

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

MAPPING = """\
source: town
id: id
blank: ["", "-"]
time:
  zone: America/New_York
  formats: [iso, "%d.%m.%Y %H:%M", "%d.%m.%Y"]
  time_of_day: "09:30"
  fold: first
fields:
  channel:
    column: door
    map: {phone: hotline, web: app}
  unit: {constant: "620102"}
  category:
    first:
      - {column: kind, transforms: [strip, lower], map: {noise: neighbour/noise}}
      - {column: group, map: {W: labour/wage-arrears}}
    default: other
  text: {template: ["{kind}", "{words} ({group})", "{kind}"]}
  place.location: {latitude: lat, longitude: lon, not_located: [[42.5, -71]]}
  people_affected: {column: people}
  amount: {column: wan, factor: 10000}
  danger: {column: danger, map: {"y": true, "n": false}}
  receive_time: {column: at}
  history.due_time: {column: due}
  history.close_time: {column: closed}
check:
  overdue: {column: late, map: {"yes": true, "no": false}}
"""
COLUMNS = [
    *("id", "door", "kind", "group", "words", "lat", "lon"),
    *("people", "wan", "danger", "at", "due", "closed", "late"),
]
GOOD = {"id": "A-1", "door": "phone", "kind": " Noise ", "group": "W", "words": "drums", "at": "2026-03-01 08:00:00"}


def mapping(folder: Path, text: str = MAPPING) -> MappingFile:
    path = folder / "town.yaml"
    path.write_text(text, "utf-8")
    return load_mapping(str(path))


def one(folder: Path, text: str = MAPPING, **cells: str) -> MappedRow | Rejection:
    path = folder / "rows.jsonl"
    path.write_text(json.dumps(dict.fromkeys(COLUMNS, "") | GOOD | cells) + "\n", "utf-8")
    source = Source(path)
    (row,) = source.rows()
    return RowMapper(mapping(folder, text), source.columns).map(row)


def good(folder: Path, text: str = MAPPING, **cells: str) -> MappedRow:
    mapped = one(folder, text, **cells)
    assert isinstance(mapped, MappedRow), mapped
    return mapped


def refused(folder: Path, text: str = MAPPING, **cells: str) -> Rejection:
    mapped = one(folder, text, **cells)
    assert isinstance(mapped, Rejection), mapped
    return mapped


def data(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no real records here: {path} is absent")
    return path


# Real records


@pytest.fixture(scope="module")
def boston() -> list[MappedRow | Rejection]:
    source, file = Source(data("boston311_2011h2/cases.csv.gz")), load_mapping("boston311")
    mapper = RowMapper(file, source.columns)
    begin = time.perf_counter()
    mapped = [mapper.map(row) for row in source.rows()]
    print(f"{len(mapped):,} rows mapped in {time.perf_counter() - begin:.1f} s")
    return mapped


def test_every_boston_row_becomes_a_report_and_its_flag_is_ours(boston: list[MappedRow | Rejection]) -> None:
    mapped = boston
    reports = [each for each in mapped if isinstance(each, MappedRow)]
    assert (len(mapped), len(reports)) == (58_251, 58_251)
    assert Counter(expected_overdue(each) for each in reports) == {False: 46_572, True: 11_521, None: 158}
    assert all(
        overdue(each.report.history, NOW) is expected_overdue(each)
        for each in reports
        if expected_overdue(each) is not None
    )
    silent = [each for each in reports if expected_overdue(each) is None]
    assert all(overdue(each.report.history, NOW) for each in silent)
    assert sum(each.report.history.HasField("due_time") for each in reports) == 58_251 - 10_981
    assert sum(each.report.history.HasField("close_time") for each in reports) == 58_251 - 3_681
    assert sum(not each.report.place.address for each in reports) == 2_829
    assert sum(not each.report.place.HasField("location") for each in reports) == 4_775
    assert len({each.request_id for each in reports}) == 58_251


def test_no_column_that_names_staff_is_read() -> None:
    used = load_mapping("boston311").mapping.columns()
    assert not {"closure_reason", "queue", "closedphoto", "submittedphoto"} & set(used)
    assert "resolution_description" not in load_mapping("nyc311").mapping.columns()


def test_boston_preview_tells_what_is_odd(boston: list[MappedRow | Rejection], tmp_path: Path) -> None:
    found = Preview({}, [], overdue=Comparison())
    for row in boston:
        found.add(row, NOW)
    counts = {key: tally.count for key, tally in found.notes.items()}
    assert counts == {
        ("NOT_LOCATED", "place.location"): 4_775,
        ("DUE_FAR_AWAY", "history.due_time"): 18,
        ("DUE_BEFORE_RECEIPT", "history.due_time"): 3,
        ("AMBIGUOUS_TIME", "receive_time"): 3,
        ("AMBIGUOUS_TIME", "history.close_time"): 1,
    }
    assert found.overdue is not None
    assert [(count, first) for _, count, first in found.overdue.by_reason()] == [(157, 433), (1, 5195)]
    assert found.overdue.unexplained == []
    write_differences(tmp_path / "differences.csv", found.overdue.differences)
    lines = (tmp_path / "differences.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == 1 + 158
    assert lines[1].startswith("433,101000296134,,True,True,the source states nothing")


@pytest.mark.parametrize(
    ("name", "path", "rows"),
    [("nyc311", "nyc311_2019nye/requests.csv.gz", 1_000), ("cfpb", "cfpb_2015q1/complaints.csv.gz", 28_156)],
)
def test_every_row_of_the_other_sources_becomes_a_report(name: str, path: str, rows: int) -> None:
    source, file = Source(data(path)), load_mapping(name)
    found = preview(source, file.mapping, RowMapper(file, source.columns), NOW, None)
    assert (found.rows, found.taken) == (rows, rows)


# Mapping files


def test_shipped_mappings_lead_to_categories_and_units_that_exist() -> None:
    rules = shipped_rules(ROOT / "rules")
    assert shipped() == ["boston311", "cfpb", "nyc311"]
    for name in shipped():
        found = load_mapping(name).mapping
        assert {each for each in categories(found) if each not in rules.categories} == set()
        assert found.fields.unit.constant in rules.units


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("phone: hotline", "phone: telephone"), 12, ["map.phone", "'telephone' is not one of", "hotline"]),
        (("default: other", "default: Other"), 18, ["category.default", "does not have the form of a category"]),
        (('"620102"}', '"62010"}'), 13, ["unit.constant", "does not have the form of a unit"]),
        (("{column: people}", "{column: people, template: [x]}"), 21, ["template", "is not a known field"]),
        (("America/New_York", "America/Old_York"), 5, ["there is no time zone 'America/Old_York'"]),
        (("fields:\n", "fieldz:\n"), 9, ["fieldz"]),
        (("source: town", "source: Town Hall"), 1, ["source"]),
        (("{phone: hotline, web", "{phone: hotline, no"), 12, ["a key must be text; put it in quotes"]),
    ],
)
def test_a_wrong_mapping_is_refused_with_file_and_line(
    tmp_path: Path, change: tuple[str, str], line: int, words: list[str]
) -> None:
    with pytest.raises(MappingError) as caught:
        mapping(tmp_path, MAPPING.replace(*change))
    assert any(f"town.yaml:{line}:" in str(each) and all(word in str(each) for word in words)
               for each in caught.value.problems), str(caught.value)  # fmt: skip


def test_two_origins_of_a_field_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"town\.yaml:13: fields\.unit: .*exactly one of .*column and constant"):
        mapping(tmp_path, MAPPING.replace('{constant: "620102"}', '{constant: "620102", column: door}'))


def test_a_column_the_file_lacks_is_named_with_the_line_that_wants_it(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"town\.yaml:21: fields\.people_affected.*no column 'people'.*id, door"):
        RowMapper(mapping(tmp_path), [column for column in COLUMNS if column != "people"])


def test_an_unknown_mapping_names_the_shipped_ones() -> None:
    with pytest.raises(MappingError, match="shipped are boston311, cfpb, nyc311"):
        load_mapping("chicago311")


# Values


def test_text_is_put_together_without_saying_anything_twice(tmp_path: Path) -> None:
    assert good(tmp_path).report.text == "Noise · drums (W)"
    assert good(tmp_path, words="-").report.text == "Noise"


def test_a_row_without_any_text_is_refused(tmp_path: Path) -> None:
    found = refused(tmp_path, kind="", words="")
    assert (found.reason, found.field) == ("MISSING_VALUE", "text")


def test_a_value_outside_of_the_map_refuses_the_row_unless_there_is_a_default(tmp_path: Path) -> None:
    found = refused(tmp_path, door="fax")
    assert (found.row, found.source_id, found.reason, found.field) == (1, "A-1", "UNMAPPED_VALUE", "channel")
    assert "'fax' (door)" in found.message
    taken = good(tmp_path, kind="Smell", group="X")
    assert taken.report.category == "categories/other"
    assert [(note.kind, note.field, note.detail) for note in taken.notes] == [("DEFAULTED", "category", "smell")]


def test_otherwise_is_a_choice_and_not_noted(tmp_path: Path) -> None:
    text = MAPPING.replace("map: {phone: hotline, web: app}", "map: {phone: hotline}\n    otherwise: counter")
    taken = good(tmp_path, text, door="fax")
    assert (taken.report.channel, taken.notes) == (1, [])
    assert refused(tmp_path, text, door="-").reason == "MISSING_VALUE"


def test_the_first_column_that_says_something_decides(tmp_path: Path) -> None:
    assert good(tmp_path).report.category == "categories/neighbour/noise"
    assert good(tmp_path, kind="Pay").report.category == "categories/labour/wage-arrears"


def test_amounts_are_kept_to_the_fen(tmp_path: Path) -> None:
    amount = good(tmp_path, wan="¥1,234.567891").report.amount
    assert (amount.currency_code, amount.units, amount.nanos) == ("CNY", 12_345_678, 910_000_000)


@pytest.mark.parametrize("text", ["-5", "abc", "NaN", "Infinity", "9e999999", "1e30"])
def test_a_number_that_cannot_be_meant_refuses_the_row(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, wan=text).reason == "INVALID_NUMBER"
    assert refused(tmp_path, people=text).reason == "INVALID_NUMBER"


def test_the_rules_of_the_contract_are_checked_here_already(tmp_path: Path) -> None:
    found = refused(tmp_path, words="x" * 5_001)
    assert (found.reason, found.field) == ("INVALID_FIELD", "text")
    assert refused(tmp_path, id="x" * 81).field == "source_id"
    assert refused(tmp_path, people="10000001").field == "people_affected"
    assert refused(tmp_path, people="99999999999").reason == "INVALID_NUMBER"


def test_a_stand_in_for_an_unknown_place_is_dropped(tmp_path: Path) -> None:
    assert good(tmp_path, lat="42.4", lon="-71").report.place.location.latitude == 42.4
    dropped = good(tmp_path, lat="42.50", lon="-71.0")
    assert not dropped.report.place.HasField("location")
    assert dropped.notes[0].kind == "NOT_LOCATED"
    assert not good(tmp_path, lat="42.4", lon="-").report.place.HasField("location")
    for lat in ("north", "91", "nan"):
        assert refused(tmp_path, lat=lat, lon="1").reason == "INVALID_NUMBER"


# Times


def utc(row: MappedRow) -> str:
    return row.report.receive_time.ToDatetime(UTC).strftime("%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05 08:00:00", "01-05T13:00"),
        ("2026-01-05T08:00:00.000", "01-05T13:00"),
        ("2026-01-05T08:00:00+08:00", "01-05T00:00"),
        ("05.01.2026 08:00", "01-05T13:00"),
        ("05.01.2026", "01-05T14:30"),
        ("2026-01-05", "01-05T14:30"),
        ("2026-07-05", "07-05T13:30"),
    ],
)
def test_local_times_are_read_in_each_format(tmp_path: Path, text: str, moment: str) -> None:
    assert utc(good(tmp_path, at=text)) == moment


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "31.04.2026", "2026-01-05 25:00:00", "9999-12-31 23:00"])
def test_what_is_not_a_time_refuses_the_row(tmp_path: Path, text: str) -> None:
    found = refused(tmp_path, at=text)
    assert (found.reason, found.field) == ("INVALID_TIME", "receive_time")


@pytest.mark.parametrize(
    ("fold", "text", "kind", "moment"),
    [
        ("first", "2026-11-01 01:30:00", "AMBIGUOUS_TIME", "11-01T05:30"),
        ("second", "2026-11-01 01:30:00", "AMBIGUOUS_TIME", "11-01T06:30"),
        ("first", "2026-03-08 02:30:00", "SKIPPED_TIME", "03-08T07:30"),
        ("second", "2026-03-08 02:30:00", "SKIPPED_TIME", "03-08T06:30"),
    ],
)
def test_fold_decides_about_hours_that_come_twice_or_not_at_all(
    tmp_path: Path, fold: str, text: str, kind: str, moment: str
) -> None:
    row = good(tmp_path, MAPPING.replace("fold: first", f"fold: {fold}"), at=text)
    assert utc(row) == moment
    assert [(note.kind, note.field) for note in row.notes] == [(kind, "receive_time")]


def test_history_is_there_even_where_nothing_is_known_of_it(tmp_path: Path) -> None:
    report = good(tmp_path).report
    assert report.HasField("history")
    assert not report.history.HasField("due_time")


def test_a_promise_before_the_receipt_is_kept_and_noted(tmp_path: Path) -> None:
    row = good(tmp_path, due="2026-02-28")
    assert [note.kind for note in row.notes] == ["DUE_BEFORE_RECEIPT"]
    assert overdue(row.report.history, NOW)


def test_a_closing_before_the_receipt_refuses_the_row(tmp_path: Path) -> None:
    found = refused(tmp_path, closed="2026-02-28")
    assert (found.reason, found.field) == ("INVALID_FIELD", "history.close_time")


def test_an_open_row_is_overdue_once_its_time_is_past(tmp_path: Path) -> None:
    row = good(tmp_path, due="2026-10-01")
    assert overdue(row.report.history, NOW)
    assert not overdue(row.report.history, datetime(2026, 9, 1, tzinfo=UTC))
    assert not overdue(good(tmp_path).report.history, NOW)
    assert [expected_overdue(good(tmp_path, late=word)) for word in ("yes", "no", "")] == [True, False, None]


@pytest.mark.fault("B7")
@pytest.mark.parametrize(
    ("as_of", "overdue_then"),
    [("2026-08-31", False), ("2026-09-01", True), ('"2026-09-01 11:59"', False), ('"2026-09-01T16:01:00Z"', True)],
)
def test_a_file_is_held_against_the_time_it_was_exported(tmp_path: Path, as_of: str, overdue_then: bool) -> None:
    text = MAPPING.replace('"no": false}}', f'"no": false}}, as_of: {as_of}}}')
    row = good(tmp_path, text, due="2026-09-01 12:00:00", late="no")
    file = mapping(tmp_path, text).mapping
    found = preview(Source(tmp_path / "rows.jsonl"), file, RowMapper(mapping(tmp_path, text), COLUMNS), NOW, None)
    assert found.overdue is not None
    assert found.overdue.equal[False] == (not overdue_then)
    due = (row.report.history.due_time.seconds, 0)
    held = {"A-1": Held("reports/1", True, (row.report.receive_time.seconds, 0), due, None)}
    there = compare([row], held, [], True, file.as_of(NOW)).overdue
    assert there is not None
    assert there.equal[False] == (not overdue_then)
    assert mapping(tmp_path).mapping.as_of(NOW) == NOW


# Identity


def test_the_key_of_a_row_fits_the_contract_and_never_melts_two_ids() -> None:
    assert request_id("town", "A-1") == "import:town:A-1"
    keys = {request_id("s" * 40, each) for each in ("a b", "a_b", "a  b", "甲", "x" * 80, "x" * 79)}
    assert len(keys) == 6
    assert all(len(key) <= 80 for key in keys)


def test_an_id_that_comes_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(dict.fromkeys(COLUMNS, "") | GOOD) for _ in range(2)), "utf-8")
    source = Source(path)
    mapper = RowMapper(mapping(tmp_path), source.columns)
    first, second = [mapper.map(row) for row in source.rows()]
    assert isinstance(first, MappedRow)
    assert isinstance(second, Rejection)
    assert (second.row, second.reason, second.message) == (2, "REPEATED_ID", "is also the id of row 1")


def test_a_spreadsheet_date_is_a_local_time(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(COLUMNS)
    sheet.append([{**GOOD, "at": datetime(2026, 1, 5, 8)}.get(column) for column in COLUMNS])
    book.save(tmp_path / "a.xlsx")
    source = Source(tmp_path / "a.xlsx")
    (row,) = source.rows()
    mapped = RowMapper(mapping(tmp_path), source.columns).map(row)
    assert isinstance(mapped, MappedRow)
    assert utc(mapped) == "01-05T13:00"
