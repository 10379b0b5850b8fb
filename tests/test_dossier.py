"""The dossier: in order, numbered as its index says, hashes that hold, the same file every time."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from docx import Document
from pb.mediation.v1 import documents_pb2 as pb

from casework.papers.dossier import Filed, arranged
from casework.papers.forms import FORMS, ORDERED, Form
from casework.papers.scan import WORD
from services.kit.rules.documents import DocumentBook
from services.mediation.documents.dossier import Built, build
from tests.dossiers import CASE, NUMBER, at, text_of
from tests.test_documents import book, case_for, make

__all__ = ["book"]
PDF = b"%PDF-1.7 example"
# Filed as they came about, which is not the order of a dossier.
FILED = (
    Form.REGISTER, Form.RIGHTS_NOTICE, Form.AGREEMENT, Form.RECORD, Form.EVIDENCE, Form.RECORD, Form.IDENTITY_CHECK,
    Form.DOCKING_RECEIPT, Form.FOLLOW_UP, Form.EVIDENCE,
)  # fmt: skip
INDEX = (
    Form.DOCKING_RECEIPT, Form.REGISTER, Form.RIGHTS_NOTICE, Form.IDENTITY_CHECK, Form.EVIDENCE, Form.EVIDENCE,
    Form.RECORD, Form.RECORD, Form.AGREEMENT, Form.FOLLOW_UP,
)  # fmt: skip


def documents(book: DocumentBook) -> list[tuple[Filed, pb.DocumentContent]]:
    """Return the documents of the example case as they were filed."""
    found = []
    sessions = iter((1, 2))
    for number, form in enumerate(FILED, start=1):
        scanned = form is Form.EVIDENCE
        subject = next(sessions) if form is Form.RECORD else 0
        content = PDF + bytes([number]) if scanned else make(book, form, case_for(form), "zh", "en", subject=subject)
        told = pb.DocumentContent(
            content=content,
            media_type="application/pdf" if scanned else WORD,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        filed = Filed(number, form, "" if scanned else NUMBER, at(11, number), scanned, 3 if scanned else 0)
        found.append((filed, told))
    return found


@pytest.fixture(scope="module")
def built(book: DocumentBook) -> Built:
    return build(book, CASE, ["zh", "en"], documents(book))


@pytest.fixture
def package(built: Built) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(built.content))


def test_the_documents_stand_in_the_order_of_a_dossier(built: Built) -> None:
    assert [entry.form for entry in built.entries] == list(INDEX)
    assert [entry.index for entry in built.entries] == list(range(1, len(INDEX) + 1))
    # Two of one form keep the order in which they were filed.
    records = [entry.document for entry in built.entries if entry.form == Form.RECORD]
    assert records == [f"cases/{CASE.number}/documents/4", f"cases/{CASE.number}/documents/6"]


def test_the_files_are_cover_index_documents_back_cover_in_order(built: Built, package: zipfile.ZipFile) -> None:
    names = package.namelist()
    assert names[:2] == ["00-卷宗封面.docx", "00-卷内目录.docx"]
    assert names[2:12] == [entry.file_name for entry in built.entries]
    assert names[2] == "01-接收回执.docx"
    assert names[6] == "05-证据材料.pdf"
    assert names[12:] == ["11-卷宗封底.docx", "卷宗.docx", "manifest.json"]
    assert len(set(names)) == len(names)


def test_the_numbers_of_the_index_are_those_of_the_files(built: Built, package: zipfile.ZipFile) -> None:
    table = Document(io.BytesIO(package.read("00-卷内目录.docx"))).tables[0]
    rows = [[cell.text for cell in row.cells] for row in table.rows][1:]
    assert [row[0] for row in rows] == [str(entry.index) for entry in built.entries]
    for row, entry in zip(rows, built.entries, strict=True):
        assert row[1] == FORMS[Form(entry.form)].zh
        assert entry.file_name.startswith(f"{int(row[0]):02}-{row[1]}.")
        scanned = entry.form == Form.EVIDENCE
        assert (row[2], row[5]) == (("", "扫描件") if scanned else (NUMBER, ""))
    pages = [row[4].split("–") for row in rows]
    begin = [int(each[0]) for each in pages]
    assert begin[0] == 1
    assert begin == sorted(set(begin))
    # Two scans of three pages each stand on three pages each; the last document says where it ends.
    assert [begin[at + 1] - begin[at] for at in (4, 5)] == [3, 3]
    assert len(pages[-1]) == 2


def test_every_hash_of_the_manifest_and_of_the_answer_holds(built: Built, package: zipfile.ZipFile) -> None:
    manifest = json.loads(package.read("manifest.json"))
    assert [line["file"] for line in manifest["files"]] == package.namelist()[:-1]
    for line in manifest["files"]:
        content = package.read(line["file"])
        assert (line["sha256"], line["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
    for entry in built.entries:
        assert hashlib.sha256(package.read(entry.file_name)).hexdigest() == entry.sha256
    assert manifest["case"] == f"cases/{CASE.number}"
    assert manifest["dossier_number"] == NUMBER


def test_the_manifest_and_the_names_of_files_tell_nothing_of_anybody(package: zipfile.ZipFile) -> None:
    told = package.read("manifest.json").decode() + "".join(package.namelist())
    for party in CASE.parties:
        for secret in (party.name, party.phone, party.address):
            assert not secret or secret not in told


def test_the_merged_file_holds_every_document_in_order_and_says_where_a_scan_is(package: zipfile.ZipFile) -> None:
    text = text_of(package.read("卷宗.docx"))
    marks = ["人民调解卷宗", "卷内目录", "接收回执", "当事人权利义务告知书",
             "（证据材料，扫描件，共3页，本页为第1页，原件另附于卷内。）",
             "双方陈述了各自的看法。", "逐项核对。", "修复防水层", "已修好。", "卷宗封底"]  # fmt: skip
    places, start = [], 0
    for mark in marks:
        start = text.index(mark, start)
        places.append(start)
    assert places == sorted(places)


def test_cover_and_back_cover_tell_what_the_dossier_is_and_what_it_lacks(
    built: Built, package: zipfile.ZipFile
) -> None:
    cover, back = (text_of(package.read(name)) for name in ("00-卷宗封面.docx", "11-卷宗封底.docx"))
    for expected in (NUMBER, CASE.number, "孙调解", "2026年11月10日至2026年11月24日", "短期（10年）", "10份", "钱记录",
                     "2026年12月10日", "王建国、李桂英、兰州某物业有限公司邻里纠纷"):  # fmt: skip
        assert expected in cover
    assert built.missing == (Form.TERMINATION,)
    assert "终止调解通知书" in back


def test_the_same_documents_make_the_same_file(book: DocumentBook, built: Built) -> None:
    assert build(book, CASE, ["zh", "en"], documents(book)).content == built.content


def test_an_empty_dossier_has_its_own_pages_and_says_what_it_lacks(book: DocumentBook) -> None:
    found = build(book, CASE, ["zh"], [])
    assert found.entries == ()
    assert Form.REGISTER in found.missing
    with zipfile.ZipFile(io.BytesIO(found.content)) as package:
        assert package.namelist() == [
            "00-卷宗封面.docx", "00-卷内目录.docx", "01-卷宗封底.docx", "卷宗.docx", "manifest.json"]  # fmt: skip


def test_any_set_of_documents_is_numbered_from_one_without_gaps() -> None:
    filed = [Filed(number, rule.form, "", at(11, 1)) for number, rule in enumerate(reversed(ORDERED), start=1)]
    placed = arranged(filed)
    assert [each.index for each in placed] == list(range(1, len(ORDERED) + 1))
    assert [each.filed.form for each in placed] == [rule.form for rule in ORDERED]
