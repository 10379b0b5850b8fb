"""How a paper looks: A4, 宋体 titles, 黑体 labels, 仿宋 text, tables; letters after GB/T 9704-2012.

A `Page` is one template in one language; every text is given in Chinese and in English, and the page takes its own.
A letter (`Page(…, letter=True)`) has the margins, the head, the number, the grid of 22 lines and the place of the seal
of the standard's letter form (GB/T 9704 no. 10.1, with 7.2 and 7.3); a form has narrower margins, so that one sheet
holds it. Every line has a fixed height: the pages of a paper can then be counted without Word
(`services/kit/pages.py`).
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
from docx.oxml.ns import nsmap, qn
from docx.parts.document import DocumentPart
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table
from docx.text.paragraph import Paragraph

from casework.papers.package import packed

SONG, HEI, FANG, TITLE = "宋体", "黑体", "仿宋", "方正小标宋简体"
_OTHERWISE = {
    SONG: "SimSun,Noto Serif CJK SC", HEI: "SimHei,Noto Sans CJK SC", FANG: "FangSong,仿宋_GB2312,Noto Serif CJK SC",
    TITLE: "FZXiaoBiaoSong-B05S,宋体,SimSun,Noto Serif CJK SC",
}  # fmt: skip
"""What a computer without the font shows instead."""
_LATIN = "Times New Roman"
_RED = RGBColor(0xE6, 0x00, 0x12)
_KEPT_STYLES = {"Normal", "Default Paragraph Font", "Normal Table", "No List", "Table Grid"}
_MADE = datetime(2026, 1, 1, tzinfo=UTC)
_FORM, _LETTER = (Mm(22), Mm(20), Mm(26), Mm(22)), (Mm(30), Mm(35), Mm(28), Mm(26))
"""Margins at the top, at the bottom, left and right. A letter's head begins 30 mm below the edge (GB/T 9704, 10.1)."""
_HEIGHTS = {22: 34.0, 26: 40.0, 17: 24.0, 16: 28.0, 14: 26.0, 12: 19.0, 11: 15.0, 10.5: 16.5, 10: 13.5,
            9: 13.0, 6: 8.0}  # fmt: skip
"""Height of a line by the size of its characters, in points; 28 points at size 三号 give the standard's 22 lines."""
Cell = tuple[str, int] | tuple[str, int, str]
"""Text, how many columns wide, and `label` for a label; anything else is text."""


class Page:
    """One template being written."""

    def __init__(self, language: str, key: str, *, letter: bool = False) -> None:
        self._document = Document()
        self._chinese, self._letter = language == "zh", letter
        self._size = 10 if not self._chinese else 16 if letter else 14
        self._margins = _LETTER if letter else _FORM
        self._width = Mm(210) - self._margins[2] - self._margins[3]
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
        font = TITLE if self._letter else SONG
        paragraph = self._line(self.pick(zh, en), font, 22 if self._chinese else 17, WD_ALIGN_PARAGRAPH.CENTER)
        paragraph.runs[0].bold = not self._letter
        paragraph.paragraph_format.space_before = Pt(28 if self._letter and self._chinese else 0)
        paragraph.paragraph_format.space_after = Pt(2 if not spaced else 20 if self._letter else 12)

    def head(self, organ: str, number: str = "{{ number }}") -> None:
        """Write a letter's head: the organ in red over a double line, and the number under it, to the right."""
        size = 26 if self._chinese else 17
        paragraph = self._line(organ, TITLE, size, WD_ALIGN_PARAGRAPH.CENTER)
        paragraph.runs[0].font.color.rgb = _RED
        paragraph.paragraph_format.space_after = Pt(4)
        _rule(paragraph, "thickThinSmallGap", 24, str(_RED), "bottom")
        self._line(number, FANG, 16 if self._chinese else 10, WD_ALIGN_PARAGRAPH.RIGHT)

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
        spacing = self._line(self.pick(zh, en), HEI, self._size).paragraph_format
        spacing.space_before, spacing.keep_with_next = Pt(6), True

    def control(self, tag: str) -> None:
        """Write a template tag that takes a paragraph, such as `{%p for … %}`, which leaves no line behind."""
        self._line(tag, FANG, 10)

    def fields(self, *pairs: tuple[str, str, str]) -> None:
        """Write lines of a label and what is filled in behind it."""
        for zh, en, variable in pairs:
            self.text(f"{zh}：{{{{ {variable} }}}}", f"{en}: {{{{ {variable} }}}}", indent=self._letter)

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
            line = "_" * (12 if self._chinese else 20)
            paragraph = self._line(self.pick(f"{zh}：{line}", f"{en}: {line}"), FANG, self._size)
            paragraph.paragraph_format.space_before = Pt(8)

    def day(self, day: str = "{{ day }}") -> None:
        """Write a day, to the right."""
        self._line(day, FANG, self._size, WD_ALIGN_PARAGRAPH.RIGHT).paragraph_format.space_before = Pt(8)

    def seal(self, organ: str = "{{ body }}", *, day: str = "{{ day }}") -> None:
        """Write the organ and the day under it, to the right, where the seal is set over both (GB/T 9704, 7.3.5).

        A form says that a seal belongs there; a letter leaves its place free.
        """
        self._keep_with_what_follows()
        name = organ if self._letter else self.pick(f"{organ}（印章）", f"{organ} (seal)")
        for number, line in enumerate((name, day)):
            paragraph = self._line(line, FANG, self._size, WD_ALIGN_PARAGRAPH.CENTER)
            spacing = paragraph.paragraph_format
            spacing.left_indent, spacing.right_indent = Mm(50), Mm(2)
            spacing.space_before = Pt((44 if self._letter else 12) if number == 0 else 0)
            spacing.keep_with_next = number == 0

    def _keep_with_what_follows(self) -> None:
        """Keep the last paragraph on one page with what follows: no seal stands on a page of its own."""
        for paragraph in reversed(self._document.paragraphs):
            spacing = paragraph.paragraph_format
            spacing.keep_with_next = spacing.keep_together = True
            if not paragraph.text.startswith("{%p"):
                return

    def copies(self, units: str) -> None:
        """Write who gets a copy, at the end, between two lines (GB/T 9704, 7.4)."""
        text = self.pick(f"抄送：{units}。", f"Copies: {units}.")
        paragraph = self._line(text, FANG, 14 if self._chinese else 10)
        spacing = paragraph.paragraph_format
        spacing.space_before, spacing.left_indent, spacing.right_indent = Pt(28), Pt(14), Pt(14)
        _rule(paragraph, "single", 6, "000000", "top", "bottom")

    def note(self, zh: str, en: str) -> None:
        """Write a note in brackets under the day, such as whom to call (GB/T 9704, 7.3.6)."""
        self.text(f"（{zh}）", f"({en})")

    def table(
        self, widths: Sequence[int], rows: Sequence[Sequence[Cell] | str], *, size: float = 0, heading: bool = False
    ) -> None:
        """Write a ruled table; `widths` in parts, a row as cells, or as one tag that takes the whole row.

        With `heading` the first row stands on every page.
        """
        table = self._document.add_table(rows=0, cols=len(widths), style="Table Grid")
        table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
        _pad(table)
        columns = [int(self._width * width / sum(widths)) for width in widths]
        for column, width in zip(table.columns, columns, strict=True):
            column.width = width
        for number, row in enumerate(rows):
            cells = [(row, len(widths))] if isinstance(row, str) else row
            self._row(table, columns, cells, size or (12 if self._chinese else 10))
            if heading and number == 0:
                table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
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
            row.height = Mm(24)
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
        run.font.size, run.font.name = Pt(size), _LATIN
        run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
        spacing = paragraph.paragraph_format
        spacing.space_before, spacing.space_after, spacing.line_spacing = Pt(0), Pt(0), Pt(_HEIGHTS[size])

    def _set_up(self, key: str, language: str) -> None:
        document = self._document
        section = document.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.top_margin, section.bottom_margin, section.left_margin, section.right_margin = self._margins
        section.footer_distance = self._margins[1] - Mm(12)
        styles = document.styles
        for style in list(styles):
            if style.name not in _KEPT_STYLES:
                style.delete()
        normal = styles["Normal"]
        normal.font.name, normal.font.size = _LATIN, Pt(self._size)
        normal.element.rPr.rFonts.set(qn("w:eastAsia"), FANG)
        normal.paragraph_format.widow_control = False
        # No mark hangs over the margin, so that Word and others break lines alike.
        hanging = OxmlElement("w:overflowPunct")
        hanging.set(qn("w:val"), "0")
        normal.element.get_or_add_pPr().append(hanging)
        section.different_first_page_header_footer = self._letter
        _page_number(section.footer.paragraphs[0])
        if self._letter:
            # The first page of a letter has no number, but the line (GB/T 9704, 10.1).
            _rule(section.first_page_footer.paragraphs[0], "thinThickSmallGap", 24, str(_RED), "bottom")
        _name_fonts(document.part)
        _drop(document.part.package.rels, "/thumbnail")
        _drop(document.part.rels, "/stylesWithEffects", "/customXml", "/numbering", "/webSettings")
        about = document.core_properties
        about.title, about.author, about.last_modified_by, about.comments = key, "Accord", "Accord", ""
        about.language, about.revision, about.keywords = language, 1, ""
        about.created = about.modified = _MADE


def _page_number(paragraph: Paragraph) -> None:
    paragraph._p.get_or_add_pPr().style = None
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paragraph.add_run("— ").font.size = Pt(14)
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    run, text = OxmlElement("w:r"), OxmlElement("w:t")
    looks, size = OxmlElement("w:rPr"), OxmlElement("w:sz")
    size.set(qn("w:val"), "28")
    looks.append(size)
    text.text = "1"
    run.extend((looks, text))
    field.append(run)
    paragraph._p.append(field)
    paragraph.add_run(" —").font.size = Pt(14)


def _rule(paragraph: Paragraph, kind: str, eighths: int, colour: str, *sides: str) -> None:
    """Draw lines at some sides of a paragraph."""
    borders = OxmlElement("w:pBdr")
    for side in sides:
        line = OxmlElement(f"w:{side}")
        for name, value in (("val", kind), ("sz", str(eighths)), ("space", "4"), ("color", colour)):
            line.set(qn(f"w:{name}"), value)
        borders.append(line)
    paragraph._p.get_or_add_pPr().insert_element_before(
        borders, "w:shd", "w:tabs", "w:suppressAutoHyphens", "w:kinsoku", "w:spacing", "w:ind", "w:jc", "w:rPr"
    )


def _pad(table: Table) -> None:
    """Leave some air between the text of a cell and its lines."""
    margins = OxmlElement("w:tblCellMar")
    for side, twips in (("top", 40), ("left", 80), ("bottom", 40), ("right", 80)):
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), str(twips))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    table._tbl.tblPr.append(margins)


def _name_fonts(part: DocumentPart) -> None:
    """Name for each font what stands in for it where it is not installed."""
    fonts = "".join(f'<w:font w:name="{name}"><w:altName w:val="{others}"/></w:font>' for name, others in
                    _OTHERWISE.items())  # fmt: skip
    table = next(each.target_part for each in part.rels.values() if each.reltype.endswith("/fontTable"))
    table._blob = (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:fonts xmlns:w="{nsmap["w"]}">{fonts}</w:fonts>'
    ).encode()


def _drop(relations: Relationships, *kinds: str) -> None:
    """Leave out what the library's own empty document brings along and no form needs."""
    for name, relation in list(relations.items()):
        if relation.reltype.endswith(kinds):
            del relations[name]
