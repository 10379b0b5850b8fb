"""The dossier (卷宗): its documents in order, numbered, with cover, index and back cover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from casework.papers import sheets
from casework.papers.documents import DossierSource
from casework.papers.forms import FORMS, PLACE, Form
from casework.papers.sheet_parts import Filling, legible_sheet
from casework.papers.wording import Wording


@dataclass(frozen=True, slots=True)
class Filed:
    """A document of the case in its current version: its kind and data about it, never its content."""

    document: int
    form: Form
    number: str
    filed_at: datetime
    scanned: bool = False
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A document in its place: `index` is its number in the index, from 1."""

    index: int
    filed: Filed

    def title(self, words: Wording) -> str:
        """Return the title shown in the index."""
        rule = FORMS[self.filed.form]
        return rule.en if words.language == "en" else rule.zh


def arranged(documents: Iterable[Filed]) -> tuple[Placed, ...]:
    """Return the documents in dossier order; those of one form in the order they were first filed."""
    ordered = sorted(documents, key=lambda each: (PLACE[each.form], each.document))
    return tuple(Placed(index, filed) for index, filed in enumerate(ordered, start=1))


def filing(source: DossierSource, placed: tuple[Placed, ...], words: Wording) -> Filling:
    """Return the data for the dossier's own pages, dated by its newest document so that the result is reproducible."""
    newest = max((each.filed.filed_at for each in placed), default=source.received_at)
    return Filling(source, 0, source.dossier_number, source.filed_at or newest, words)


def cover(filling: Filling, placed: tuple[Placed, ...]) -> sheets.Cover:
    """Return the cover."""
    source, words = filling.source, filling.words
    held = [words.day(each.began_at) for each in source.sessions]
    spans = "" if not held else held[0] if len(set(held)) == 1 else words.word("from_to", since=held[0], until=held[-1])
    common = filling.common()
    found = sheets.Cover(
        **common,
        title=words.word("dispute_title", parties=common["parties_line"], category=common["category"]),
        mediated=spans,
        outcome=words.of("outcome", source.closing.outcome) if source.closing else "",
        filed_by=source.filed_by,
        filed_day=words.day(filling.on),
        retention=words.of("retention", source.retention),
        documents=words.word("count", n=len(placed)),
    )
    return legible_sheet(found)


def index(filling: Filling, placed: tuple[Placed, ...]) -> sheets.Index:
    """Return the index: one numbered line a document, in order."""
    words = filling.words
    lines = tuple(
        sheets.IndexLine(
            index=str(each.index),
            title=each.title(words),
            number=each.filed.number,
            day=words.day(each.filed.filed_at),
            pages=words.word("count_pages", n=each.filed.pages) if each.filed.pages else "",
            remark=words.word("scanned") if each.filed.scanned else "",
        )
        for each in placed
    )
    return legible_sheet(sheets.Index(**filling.common(), lines=lines))


def back_cover(filling: Filling, placed: tuple[Placed, ...], lacking: Iterable[Form]) -> sheets.BackCover:
    """Return the back cover, with what the dossier still lacks."""
    words, source = filling.words, filling.source
    pages = [each.filed.pages for each in placed]
    found = sheets.BackCover(
        **filling.common(),
        documents=words.word("count", n=len(placed)),
        pages=words.word("count_pages", n=sum(pages)) if pages and all(pages) else "",
        filed_by=source.filed_by,
        filed_day=words.day(filling.on),
        lacking=tuple(FORMS[each].en if words.language == "en" else FORMS[each].zh for each in lacking),
    )
    return legible_sheet(found)
