"""Papers that can be sent: addressee, number, date, signature, pages; nobody's account, no code, no internal name.

The long form (`make papers`) has LibreOffice draw every paper, and compares its pages with those that were counted.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from docx.oxml.ns import qn
from openpyxl import load_workbook

from casework.papers.forms import Form
from casework.supervision.letters.letter import LetterKind
from services.kit.pages import pages_of
from services.kit.rules import Rules
from services.kit.word import opened
from tests import papers
from tests.dossiers import CASE, at, text_of
from tests.still import shipped_rules

FOLDER = os.environ.get("PAPERS", "")
"""Where the long form draws; empty for the short form."""
INTERNAL = re.compile(
    r"demo-|\b(?:cases|units|files|letters|matters|reviews|reports|officials|recommendations|dockings)/"
    r"|\bcn\b|\d{6}-(?:court|police|labour)"
)
ORGAN, TO = "兰州市城关区社会治安综合治理中心", "兰州市城关区酒泉路街道社会治安综合治理中心"


@pytest.fixture(scope="module")
def rules() -> Rules:
    return shipped_rules(papers.RULES)


@pytest.fixture(scope="module")
def made(rules: Rules) -> dict[str, bytes]:
    return dict(papers.every(rules))


def test_no_paper_names_a_resource_or_a_code_of_a_unit(made: dict[str, bytes]) -> None:
    for name, content in made.items():
        text = text_of(content)
        assert not INTERNAL.search(text), (name, INTERNAL.search(text))
        assert "None" not in text, name


def test_every_form_and_letter_has_page_numbers(made: dict[str, bytes]) -> None:
    for name, content in made.items():
        if name < "60":
            footers = [each.footer._element.xml for each in opened(content).sections]
            assert all("PAGE" in each for each in footers), name


@pytest.mark.parametrize("kind", list(LetterKind), ids=lambda kind: kind.name)
def test_a_letter_has_head_number_addressee_and_is_signed_by_the_organ_with_its_day_below(
    rules: Rules, kind: LetterKind
) -> None:
    lines = [each.text for each in opened(papers.letter(rules, kind)).paragraphs]
    zh = lines[: next(at for at, each in enumerate(lines) if "English companion" in each)]
    assert zh[:2] == [ORGAN, "城关区督〔2026〕3号"]
    assert zh[2].startswith("关于620102-2026-000117号事项的")
    assert zh[3] == f"{TO}："
    signed = zh.index(ORGAN, 1)
    assert zh[signed + 1] == "2026年11月24日"
    assert zh[signed + 2] == "（联系电话：12345）"
    assert zh[-1] == "抄送：兰州市社会治安综合治理中心。"
    assert "签发人：" not in "".join(zh)


def test_a_letter_has_the_margins_and_the_lines_of_the_standard_and_no_number_on_its_first_page(rules: Rules) -> None:
    section = opened(papers.form(rules, Form.DOCKING_REFUSAL, "zh")).sections[0]
    margins = (section.top_margin, section.bottom_margin, section.left_margin, section.right_margin)
    assert [round(each.mm) for each in margins if each is not None] == [30, 35, 28, 26]
    assert section.different_first_page_header_footer
    assert "PAGE" not in section.first_page_footer._element.xml


def test_a_letter_of_a_court_has_the_courts_name_and_its_number(rules: Rules) -> None:
    lines = [each.text for each in opened(papers.form(rules, Form.ENTRUSTMENT, "zh")).paragraphs]
    assert lines[:2] == ["兰州市城关区人民法院", "(2026)甘0102委调5号"]
    assert lines[-2:] == ["兰州市城关区人民法院", "2026年11月1日"]


def test_who_left_the_mediation_is_named_without_a_remark(rules: Rules) -> None:
    gone = replace(CASE.parties[1], withdrawn_at=at(11, 20))
    case = replace(CASE, parties=(CASE.parties[0], gone))
    text = text_of(papers.form(rules, Form.REGISTER, "zh", case=case))
    assert gone.name in text
    assert "退出" not in text


def test_the_index_of_the_bound_dossier_counts_pages_where_word_opens_it(rules: Rules) -> None:
    with zipfile.ZipFile(io.BytesIO(papers.bound(rules))) as package:
        document = opened(package.read("卷宗.docx"))
    body = document.element.body
    asked = {each.text.split()[1] for each in body.iter(qn("w:instrText"))}
    marks = {each.get(qn("w:name")) for each in body.iter(qn("w:bookmarkStart"))}
    assert asked
    assert asked <= marks
    # Cover and index have no number, the papers are counted from 1, and no empty page comes between.
    sections = document.sections
    assert sections[0].footer.is_linked_to_previous
    assert [each._sectPr.find(qn("w:pgNumType")) is not None for each in sections].index(True) == 2
    assert "PAGE" in sections[2].footer._element.xml
    assert "PAGE" not in sections[-1].footer._element.xml


def test_a_list_prints_on_a4_as_wide_as_the_page_with_its_heading_on_each() -> None:
    for name, content in papers.lists():
        page = load_workbook(io.BytesIO(content)).active
        assert page is not None
        assert (page.page_setup.paperSize, page.page_setup.fitToHeight, page.print_title_rows) == (9, 0, "$1:$2"), name
        assert page.page_setup.orientation == ("landscape" if "ledger" in name else "portrait")
        assert page.oddFooter.center.text == "&P / &N"


# --- the long form ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not FOLDER, reason="make papers")
def test_the_pages_that_were_counted_are_those_that_are_drawn() -> None:
    folder = Path(FOLDER)
    papers.draw(folder)
    differing = {}
    for drawn in sorted(folder.glob("*.pdf")):
        if drawn.stem.startswith("9"):
            continue  # The bound dossier has sections of its own.
        told = subprocess.run(["pdfinfo", drawn], check=True, capture_output=True, text=True).stdout
        found = re.search(r"Pages:\s+(\d+)", told)
        counted = pages_of(opened(drawn.with_suffix(".docx").read_bytes()))
        if found is None or int(found[1]) != counted:
            differing[drawn.stem] = (found and found[1], counted)
    assert not differing


@pytest.mark.skipif(not FOLDER, reason="make papers")
def test_the_pages_in_the_index_are_those_on_which_papers_are_drawn(rules: Rules) -> None:
    drawn = Path(FOLDER, "90-dossier.pdf")
    text = subprocess.run(["pdftotext", "-layout", drawn, "-"], check=True, capture_output=True, text=True).stdout
    found = [(each, re.findall(r"—\s*(\d+)\s*—", each)) for each in text.split("\f")]
    pages, numbers = [each for each, page in found if page], [int(page[-1]) for _, page in found if page]
    assert numbers == list(range(1, len(numbers) + 1))
    with zipfile.ZipFile(io.BytesIO(papers.bound(rules))) as package:
        table = opened(package.read("00-卷内目录.docx")).tables[0]
    for row in table.rows[1:]:
        _, title, _, _, page, _ = [cell.text for cell in row.cells]
        first = pages[int(page.split("–")[0]) - 1].replace(" ", "")
        assert title[-4:] in first, (title, page)
