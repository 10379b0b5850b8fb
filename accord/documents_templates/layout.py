"""How a form looks: A4, the margins of official documents (GB/T 9704), 宋体 titles, 黑体 labels, 仿宋 text, tables.

A `Page` is one template in one language; every text is given in Chinese and in English, and the page takes its own.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime

from docx import Document
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.rel import Relationships
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.table import Table
from docx.text.paragraph import Paragraph

from casework.papers.package import packed

SONG, HEI, FANG = "宋体", "黑体", "仿宋"
_LATIN = "Times New Roman"
_KEPT_STYLES = {"Normal", "Default Paragraph Font", "Normal Table", "No List", "Table Grid"}
_MADE = datetime(2026, 1, 1, tzinfo=UTC)
_WIDTH = Mm(156)
Cell = tuple[str, int] | tuple[str, int, str]
"""Text, how many columns wide, and `label` for a label; anything else is text."""


class Page:
    """One template being written."""

    def __init__(self, language: str, key: str) -> None:
        self._document = Document()
        self._chinese = language == "zh"
        self._size = 14 if self._chinese else 11.5
        self._set_up(key, language)
        if not self._chinese:
            self._line(
                "English companion, for reading. The Chinese text stands first and prevails.",
                HEI, 9, WD_ALIGN_PARAGRAPH.CENTER,
            )  # fmt: skip

    def pick(self, zh: str, en: str) -> str:
        """Return the text in the page's language."""
        return zh if self._chinese else en

    def title(self, zh: str, en: str, *, spaced: bool = True) -> None:
        """Write the title of the form."""
        paragraph = self._line(self.pick(zh, en), SONG, 22 if self._chinese else 17, WD_ALIGN_PARAGRAPH.CENTER)
        paragraph.runs[0].bold = True
        paragraph.paragraph_format.space_after = Pt(12 if spaced else 2)

    def number(self) -> None:
        """Write the document's number, to the right."""
        self._line(self.pick("编号：{{ number }}", "No. {{ number }}"), FANG, 12, WD_ALIGN_PARAGRAPH.RIGHT)

    def text(self, zh: str, en: str, *, indent: bool = True) -> None:
        """Write a paragraph of text, its first line indented by two characters."""
        paragraph = self._line(self.pick(zh, en), FANG, self._size)
        if indent and self._chinese:
            paragraph.paragraph_format.first_line_indent = Pt(2 * self._size)

    def label(self, zh: str, en: str) -> None:
        """Write a label on a line of its own."""
        self._line(self.pick(zh, en), HEI, self._size).paragraph_format.space_before = Pt(6)

    def control(self, tag: str) -> None:
        """Write a template tag that takes a paragraph, such as `{%p for … %}`, which leaves no line behind."""
        self._line(tag, FANG, 10)

    def fields(self, *pairs: tuple[str, str, str]) -> None:
        """Write lines of a label and what is filled in behind it."""
        for zh, en, variable in pairs:
            self.text(f"{zh}：{{{{ {variable} }}}}", f"{en}: {{{{ {variable} }}}}", indent=False)

    def addressee(self, variable: str) -> None:
        """Write whom a letter is to, flush left."""
        self.text(f"{{{{ {variable} }}}}：", f"To {{{{ {variable} }}}}:", indent=False)

    def free(self) -> None:
        """Write that people's mediation costs nothing (人民调解法 art. 4)."""
        self._line(
            self.pick(
                "人民调解不收取任何费用。（《人民调解法》第四条）",
                "People's mediation is free of charge (People's Mediation Law art. 4).",
            ),
            HEI, 10.5,
        ).paragraph_format.space_before = Pt(10)  # fmt: skip

    def sign(self, *labels: tuple[str, str]) -> None:
        """Write a line for each signature, by name, seal or fingerprint."""
        for zh, en in labels:
            paragraph = self._line(self.pick(f"{zh}：", f"{en}: ______________________"), FANG, self._size)
            paragraph.paragraph_format.space_before = Pt(8)

    def seal(self, *, day: str = "{{ day }}") -> None:
        """Write the committee and the day, to the right, where the seal is set."""
        for line in (self.pick("{{ body }}（印章）", "{{ body }} (seal)"), day):
            self._line(line, FANG, self._size, WD_ALIGN_PARAGRAPH.RIGHT).paragraph_format.space_before = Pt(4)

    def table(self, widths: Sequence[int], rows: Sequence[Sequence[Cell] | str], *, size: float = 0) -> None:
        """Write a ruled table; `widths` in parts, a row as cells, or as one tag that takes the whole row."""
        table = self._document.add_table(rows=0, cols=len(widths), style="Table Grid")
        table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
        columns = [int(_WIDTH * width / sum(widths)) for width in widths]
        for column, width in zip(table.columns, columns, strict=True):
            column.width = width
        for row in rows:
            cells = [(row, len(widths))] if isinstance(row, str) else row
            self._row(table, columns, cells, size or (12 if self._chinese else 10))
        # Word wants a paragraph behind a table, and a line of air does no harm.
        self._line("", FANG, 6)

    def save(self) -> bytes:
        """Return the file; of the same page always the same parts."""
        held = io.BytesIO()
        self._document.save(held)
        return packed(held.getvalue())

    def _row(self, table: Table, columns: Sequence[int], cells: Sequence[Cell], size: float) -> None:
        row, at = table.add_row(), 0
        if len(cells) > 1:
            row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        if any(len(cell) > 2 and cell[2] == "tall" for cell in cells):
            row.height = Mm(32)
        for cell in cells:
            text, span, kind = (*cell, "")[:3]
            place = row.cells[at]
            if span > 1:
                place = place.merge(row.cells[at + span - 1])
            place.width = sum(columns[at : at + span])
            place.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
            self._write(place.paragraphs[0], text, HEI if kind == "label" else FANG, size)
            if kind == "label":
                place.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
            at += span

    def _line(self, text: str, font: str, size: float, alignment: WD_ALIGN_PARAGRAPH | None = None) -> Paragraph:
        paragraph = self._document.add_paragraph()
        self._write(paragraph, text, font, size)
        if alignment is not None:
            paragraph.alignment = alignment
        return paragraph

    def _write(self, paragraph: Paragraph, text: str, font: str, size: float) -> None:
        run = paragraph.add_run(text)
        run.font.size, run.font.name = Pt(size), font if self._chinese else _LATIN
        run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
        spacing = paragraph.paragraph_format
        spacing.space_after, spacing.line_spacing = Pt(2), 1.35 if self._chinese else 1.15

    def _set_up(self, key: str, language: str) -> None:
        document = self._document
        section = document.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.top_margin, section.bottom_margin = Mm(37), Mm(35)
        section.left_margin, section.right_margin = Mm(28), Mm(26)
        styles = document.styles
        for style in list(styles):
            if style.name not in _KEPT_STYLES:
                style.delete()
        normal = styles["Normal"]
        normal.font.name, normal.font.size = _LATIN, Pt(self._size)
        normal.element.rPr.rFonts.set(qn("w:eastAsia"), FANG)
        _page_number(section.footer.paragraphs[0])
        _drop(document.part.package.rels, "/thumbnail")
        _drop(document.part.rels, "/stylesWithEffects", "/customXml", "/numbering", "/webSettings")
        about = document.core_properties
        about.title, about.author, about.last_modified_by, about.comments = key, "Accord", "Accord", ""
        about.language, about.revision, about.keywords = language, 1, ""
        about.created = about.modified = _MADE


def _page_number(paragraph: Paragraph) -> None:
    paragraph._p.get_or_add_pPr().style = None
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paragraph.add_run("— ").font.size = Pt(12)
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    run, text = OxmlElement("w:r"), OxmlElement("w:t")
    text.text = "1"
    run.append(text)
    field.append(run)
    paragraph._p.append(field)
    paragraph.add_run(" —").font.size = Pt(12)


def _drop(relations: Relationships, *kinds: str) -> None:
    """Leave out what the library's own empty document brings along and no form needs."""
    for name, relation in list(relations.items()):
        if relation.reltype.endswith(kinds):
            del relations[name]
