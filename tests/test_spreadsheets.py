"""Tables in and out: what is read is what a person saw, or is refused with its place; nothing written is a formula."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from accord.cli import app
from accord.importing.catalogue import load_mapping
from accord.importing.rejection import Rejection, write_rejections
from accord.importing.row import MappedRow, RowMapper
from accord.importing.source import Source, SourceError
from services.kit.spreadsheets import Number, TableError, Unreadable, harmless
from services.kit.spreadsheets.delimited import csv_rows, encoding_named
from services.kit.spreadsheets.number_format import shown
from services.kit.spreadsheets.writing import as_csv, as_xlsx, write
from services.kit.spreadsheets.xlsx import xlsx_rows

ROOT = Path(__file__).resolve().parent.parent
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = """<numFmts><numFmt numFmtId="200" formatCode="00000"/><numFmt numFmtId="201" formatCode="0,"/></numFmts>
<fills><fill/></fills><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="31"/><xf numFmtId="200"/>
<xf numFmtId="201"/><xf numFmtId="9"/><xf numFmtId="46"/></cellXfs>"""
MAPPING = """\
source: made
id: id
file: {%s}
time: {zone: Asia/Shanghai}
fields:
  channel: {constant: letter}
  unit: {constant: "620102"}
  category: {constant: contract}
  text: {column: text}
  receive_time: {column: received, formats: ["%%Y-%%m-%%d %%H:%%M"], required: true}
"""


def workbook(sheet: str, *, head: str = "", tail: str = "", book: str = "", strings: str = "") -> io.BytesIO:
    """Return a workbook of one sheet from the inner XML of its parts, which no program has put in order."""
    relation = '<Relationship Id="r{}" Type="http://x/{}" Target="{}"/>'
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_rels/.rels", f"<Relationships>{relation.format(1, 'officeDocument', 'xl/w.xml')}</Relationships>"
        )
        related = [("worksheet", "s1.xml"), ("styles", "styles.xml"), ("sharedStrings", "/xl/strings.xml")]
        archive.writestr(
            "xl/_rels/w.xml.rels",
            f"<Relationships>{''.join(relation.format(n, *each) for n, each in enumerate(related))}</Relationships>",
        )
        sheets = f'<sheets><sheet name="台账" sheetId="1" xmlns:r="{RELATED}" r:id="r0"/></sheets>'
        archive.writestr("xl/w.xml", f'<workbook xmlns="{MAIN}">{book}{sheets}</workbook>')
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{MAIN}">{STYLES}</styleSheet>')
        archive.writestr("xl/strings.xml", f'<sst xmlns="{MAIN}">{strings}</sst>')
        archive.writestr(
            "xl/s1.xml", f'<worksheet xmlns="{MAIN}">{head}<sheetData>{sheet}</sheetData>{tail}</worksheet>'
        )
    held.seek(0)
    return held


def cell(xml: str, **parts: str) -> object:
    """Return what is read of one cell."""
    (row,) = xlsx_rows(workbook(f'<row r="1">{xml}</row>', **parts))
    return row.cells[0]


def text(words: str, place: str = "") -> str:
    return f"<c{f' r={chr(34)}{place}{chr(34)}' if place else ''} t='inlineStr'><is><t>{words}</t></is></c>"


# --- reading XLSX -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("B1")
@pytest.mark.parametrize("dimension", ["A1", "A1:B3", "A1:XFD1048576", ""])
def test_every_row_is_read_whatever_size_the_sheet_says_it_has(tmp_path: Path, dimension: str) -> None:
    rows = "".join(f'<row r="{n}">{text(f"W-{n}", f"A{n}")}{text("x", f"C{n}")}</row>' for n in range(1, 14))
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook(rows, head=f'<dimension ref="{dimension}"/>' if dimension else "").read())
    assert [(row.number, row.cells) for row in Source(path).rows()] == [(n, [f"W-{n}", "", "x"]) for n in range(2, 14)]


@pytest.mark.fault("B2")
def test_styles_that_say_nothing_of_numbers_need_not_be_in_order() -> None:
    assert cell(text("楼上漏水")) == "楼上漏水"


@pytest.mark.parametrize(
    ("xml", "seen"),
    [
        ("<c><v>13800138000</v></c>", "13800138000"),
        ("<c><v>1.3800138E10</v></c>", "13800138000"),
        ("<c><v>0.30000000000000004</v></c>", "0.3"),
        ('<c s="3"><v>42</v></c>', "00042"),
        ('<c s="5"><v>0.5</v></c>', "50%"),
        ('<c t="b"><v>1</v></c>', "true"),
        ('<c s="1"><v>46082.375</v></c>', datetime(2026, 3, 1, 9)),
        ('<c s="2"><v>46082</v></c>', datetime(2026, 3, 1)),
        ('<c s="1"><v>46082.333333333336</v></c>', datetime(2026, 3, 1, 8)),
        ('<c s="1"><v>59</v></c>', datetime(1900, 2, 28)),
        ('<c t="d"><v>2026-03-01T08:00:00</v></c>', datetime(2026, 3, 1, 8)),
        ('<c t="s"><v>0</v></c>', "拖欠工资"),
        ('<c t="str"><f>A2</f><v>a_x000D_b</v></c>', "a\rb"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
    ],
)
@pytest.mark.fault("B1")
def test_a_cell_is_read_as_it_was_seen(xml: str, seen: object) -> None:
    strings = "<si><r><t>拖欠</t></r><r><t>工资</t></r><rPh><t>tuo</t></rPh></si>"
    assert cell(xml, strings=strings) == seen


@pytest.mark.fault("B1")
def test_the_dates_of_1904_are_read_as_such() -> None:
    assert cell('<c s="1"><v>44620</v></c>', book='<workbookPr date1904="1"/>') == datetime(2026, 3, 1)


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        ("<c><v>620102199001011234</v></c>", "more than 15 digits"),
        ("<c><v>6.2010219900101104E17</v></c>", "more than 15 digits"),
        ('<c t="e"><v>#REF!</v></c>', "#REF!"),
        ("<c><f>SUM(B1:B9)</f></c>", "a formula without a result"),
        ('<c s="4"><v>60000</v></c>', "does not show the number"),
        ('<c s="6"><v>1.5</v></c>', "a span of time"),
        ('<c s="1"><v>0.5</v></c>', "a time without a date"),
        ('<c s="1"><v>60</v></c>', "29 February 1900"),
        ('<c s="1"><v>-1</v></c>', "no date"),
        ('<c t="s"><v>7</v></c>', "a text that is not there"),
        ("<c><v>1,5</v></c>", "no number"),
    ],
)
@pytest.mark.fault("B1")
def test_a_cell_that_does_not_hold_what_was_seen_says_why(xml: str, why: str) -> None:
    found = cell(xml)
    assert isinstance(found, Unreadable)
    assert why in found.why


@pytest.mark.fault("B1")
def test_what_lies_under_merged_cells_is_not_taken_for_blank() -> None:
    rows = f'<row r="1">{text("a", "A1")}</row><row r="2">{text("b", "B2")}</row><row r="3">{text("c", "B3")}</row>'
    found = list(xlsx_rows(workbook(rows, tail='<mergeCells><mergeCell ref="A1:A2"/></mergeCells>')))
    assert isinstance(found[1].cells[0], Unreadable)
    assert found[2].cells == ["", "c"]


@pytest.mark.fault("B1")
def test_hidden_rows_and_columns_are_refused_unless_somebody_wants_them() -> None:
    rows = f'<row r="1" hidden="1">{text("a", "A1")}</row><row r="2">{text("b", "A2")}{text("c", "B2")}</row>'
    content = workbook(rows, head='<cols><col min="2" max="16384" hidden="1"/></cols>')
    hidden, shown_row = xlsx_rows(content)
    assert "hidden" in hidden.fault
    assert isinstance(shown_row.cells[1], Unreadable)
    assert [row.cells for row in xlsx_rows(content, hidden=True)] == [["a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "an .xls of Excel"),
        (b"<html><table></table></html>", "a web page"),
        (b"PK\x03\x04 no archive", "not an XLSX workbook"),
        (workbook("<row><c t='inlineStr'><is><t>a\x0bb</t></is></c></row>").read(), "cannot be read after row"),
        (workbook('<row r="2"/><row r="1"/>').read(), "row 1 stands behind row 2"),
        (workbook('<row r="1"><c r="B2"><v>1</v></c></row>').read(), "row 1 has a cell at 'B2'"),
        (workbook('<row r="99999999"/>').read(), "row 99999999"),
    ],
)
@pytest.mark.fault("B2")
def test_what_is_no_workbook_is_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.xlsx: ") as caught:
        list(Source(path).rows())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.fault("B2")
def test_a_workbook_that_unfolds_without_end_is_refused_before_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(workbook("")) as made, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in made.infolist():
            archive.writestr(entry, b" " * (1 << 25) if entry.filename == "xl/styles.xml" else made.read(entry))
    held.seek(0)
    with pytest.raises(TableError, match="unfolds to 33,554,432 bytes"):
        list(xlsx_rows(held))
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    held = io.BytesIO()
    with zipfile.ZipFile(workbook("")) as made, zipfile.ZipFile(held, "w") as archive:
        for entry in made.infolist():
            archive.writestr(entry, bomb.encode() * (entry.filename == "xl/strings.xml") + made.read(entry))
    held.seek(0)
    with pytest.raises(TableError, match="document type"):
        list(xlsx_rows(held))


@pytest.mark.parametrize(
    ("value", "form", "seen"),
    [
        ("1234.567", "#,##0.00", "1,234.57"),
        ("-1234.5", "#,##0.00_);[Red](#,##0.00)", "(1,234.50)"),
        ("1234.5", "[$¥-804]#,##0.00", "¥1,234.50"),
        ("13800138000", "000-0000-0000", "138-0013-8000"),
        ("7", '"第"0"号"', "第7号"),
        ("13800138000", "0.00E+00", "13800138000"),
        ("1234000", "0,", None),
        ("1.5", "# ?/?", None),
        ("7", ";;;", None),
        ("12", "[>10]0;0", None),
    ],
)
@pytest.mark.fault("B1")
def test_number_formats_are_followed_or_refused(value: str, form: str, seen: str | None) -> None:
    found = shown(Decimal(value), form)
    assert (found and found[0]) == seen


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    for rows in (xlsx_rows(io.BytesIO(content)), csv_rows(io.BytesIO(content)), csv_rows(io.BytesIO(content), "GBK")):
        with contextlib.suppress(TableError):
            list(rows)


# --- reading CSV ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.fault("B2")
def test_the_mark_at_the_beginning_says_the_encoding(encoding: str) -> None:
    rows = list(csv_rows(io.BytesIO("编号,内容\n1,拖欠\n".encode(encoding)), "gb18030"))
    assert [row.cells for row in rows] == [["编号", "内容"], ["1", "拖欠"]]


@pytest.mark.fault("B2")
def test_what_windows_calls_ansi_is_read_and_what_is_no_encoding_is_refused(tmp_path: Path) -> None:
    assert [row.cells for row in csv_rows(io.BytesIO("漏水".encode("gbk")), "ANSI")] == [["漏水"]]
    for name in ("base64", "rot13", "undefined", "idna", "unicode_escape", "nonsense", "utf-7"):
        with pytest.raises(ValueError, match="no text encoding"):
            encoding_named(name)
    (tmp_path / "map.yaml").write_text(MAPPING % "encoding: nonsense")
    (tmp_path / "a.csv").write_text("id,received,text\n")
    found = CliRunner().invoke(
        app, ["import", str(tmp_path / "a.csv"), "--mapping", str(tmp_path / "map.yaml"), "--preview"]
    )
    assert found.exit_code == 2
    assert "map.yaml:3: " in found.stderr
    assert "nonsense" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.fault("B2")
def test_a_quotation_with_something_behind_it_is_refused_and_excels_own_line_is_no_row() -> None:
    rows = list(csv_rows(io.BytesIO(b'sep=;\na;b\n"1"x;2\n"3\n4";5\n')))
    assert [(row.number, row.cells, bool(row.fault)) for row in rows] == [
        (1, ["a", "b"], False),
        (2, [], True),
        (3, ["3\n4", "5"], False),
    ]


def test_a_cut_file_in_utf_16_is_refused() -> None:
    with pytest.raises(TableError, match="is not utf-16 to its end"):
        list(csv_rows(io.BytesIO("a,b\n1,2\n".encode("utf-16")[:-1])))


# --- from the cell to the report --------------------------------------------------------------------------------------


def mapped(folder: Path, amount: str, layout: str = "", rule: str = "{column: amount}") -> object:
    """Return what becomes of an amount in a file that is parted by semicolons."""
    (folder / "map.yaml").write_text(MAPPING % f'delimiter: ";"{layout}' + f"  amount: {rule}\n")
    (folder / "a.csv").write_text(f'id;received;text;amount\nA-1;2026-11-20 09:00;欠款;"{amount}"\n', "utf-8")
    source = Source(folder / "a.csv", delimiter=";")
    (row,) = source.rows()
    found = RowMapper(load_mapping(str(folder / "map.yaml")), source.columns).map(row)
    if isinstance(found, MappedRow):
        return Decimal(found.report.amount.units) + Decimal(found.report.amount.nanos).scaleb(-9)
    return found.reason


@pytest.mark.parametrize(
    ("amount", "read"),
    [
        ("12,50", Decimal("12.5")),
        ("1.234,56", Decimal("1234.56")),
        ("60000,00", Decimal(60000)),
        ("1,234.56", Decimal("1234.56")),
        ("1,234,567", Decimal(1234567)),
        ("１２，５０", Decimal("12.5")),
        ("1'234.50", Decimal("1234.5")),
        ("0,500", Decimal("0.5")),
        ("1,234", "AMBIGUOUS_NUMBER"),
        ("1.234", "AMBIGUOUS_NUMBER"),
        ("12,34,567", "AMBIGUOUS_NUMBER"),
        ("1.2E+05", "UNREADABLE_CELL"),
        ("50%", "INVALID_NUMBER"),
    ],
)
@pytest.mark.fault("B3")
def test_the_decimal_sign_is_told_by_the_number_itself_or_asked_for(tmp_path: Path, amount: str, read: object) -> None:
    assert mapped(tmp_path, amount) == read


@pytest.mark.fault("B3")
def test_the_decimal_sign_can_be_named_for_the_file_and_for_a_field(tmp_path: Path) -> None:
    assert mapped(tmp_path, "1,234", ', decimal: ","') == Decimal("1.234").quantize(Decimal("0.01"))
    assert mapped(tmp_path, "1,234", ', decimal: "."') == Decimal(1234)
    assert mapped(tmp_path, "1,234", ', decimal: ","', '{column: amount, decimal: "."}') == Decimal(1234)
    assert mapped(tmp_path, "60000,00", ', decimal: "."') == "AMBIGUOUS_NUMBER"


@pytest.mark.fault("B3")
def test_a_row_is_refused_only_for_a_cell_that_is_needed_and_the_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAPPING % "")
    heading = "".join(map(text, ("id", "received", "text", "more")))
    rows = (
        f"<row>{heading}</row>"
        f"<row>{text('A-1')}{text('2026-11-20 09:00')}{text('漏水')}<c t='e'><v>#N/A</v></c></row>"
        f"<row><c><v>620102199001011234</v></c>{text('2026-11-20 09:00')}{text('漏水')}</row>"
        f"<row><c s='1'><v>46082</v></c>{text('2026-11-20 09:00')}{text('漏水')}</row>"
    )
    (tmp_path / "a.xlsx").write_bytes(workbook(rows).read())
    source = Source(tmp_path / "a.xlsx")
    mapper = RowMapper(load_mapping(str(tmp_path / "map.yaml")), source.columns)
    good, long, dated = [mapper.map(row) for row in source.rows()]
    assert isinstance(good, MappedRow)
    for refused, why in ((long, "more than 15 digits"), (dated, "is a date by its type")):
        assert isinstance(refused, Rejection)
        assert (refused.reason, refused.field) == ("UNREADABLE_CELL", "source_id")
        assert refused.message.startswith("column id: ")
        assert why in refused.message


# --- writing ----------------------------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u200b=1", "\x01=1", '=HYPERLINK("x")']


@pytest.mark.parametrize("told", FORMULAS)
@pytest.mark.fault("B5")
def test_nothing_written_is_a_formula(tmp_path: Path, told: str) -> None:
    write_rejections(tmp_path / "r.csv", [Rejection(2, told, "R", told, told)])
    content = (tmp_path / "r.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    _, row = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    assert [each[:1] for each in row] == ["2", "'", "R", "'", "'"]
    write(tmp_path / "r.xlsx", [["a"], [told]])
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    assert sheet["A2"].data_type == "s"
    assert str(sheet["A2"].value).startswith("'")


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_can_be_read_again_and_is_the_same(values: list[str]) -> None:
    harmless_values = [harmless(value) for value in values]
    _, row = csv_rows(io.BytesIO(as_csv([["h"] * len(values), values])))
    assert row.cells == harmless_values or not any(harmless_values)
    read = list(xlsx_rows(io.BytesIO(as_xlsx([["h"] * len(values), values], "s"))))
    found = read[1].cells if len(read) > 1 else []
    assert [*found, *[""] * (len(values) - len(found))] == harmless_values


@pytest.mark.fault("B5")
def test_one_place_reads_and_writes_tables() -> None:
    users = set()
    for path in [*ROOT.glob("accord/**/*.py"), *ROOT.glob("services/**/*.py"), *ROOT.glob("casework/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in ("csv", "openpyxl", "xlsxwriter", "pandas") for name in named):
                users.add(path.parent.relative_to(ROOT).as_posix())
    assert users == {"services/kit/spreadsheets"}


def test_numbers_are_numbers_and_text_that_looks_like_one_is_text() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx([["n"], [5], ["00123"], ["1E5"], ["#REF!"]], "s"))).active
    assert [each.value for (each,) in sheet.iter_rows(min_row=2)] == [5, "00123", "1E5", "#REF!"]
    assert isinstance(Number("1e3"), str)
