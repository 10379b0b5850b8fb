"""The dossier (卷宗): its documents in order, numbered, with cover, index and back cover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Protocol

from casework.papers import sheets
from casework.papers.chinese import LOCAL
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
    """A document in its place: `index` is its number in the index, from 1, `page` its first page in the dossier."""

    index: int
    filed: Filed
    page: int = 0

    @property
    def last_page(self) -> int:
        """Its last page in the dossier."""
        return self.page + max(self.filed.pages, 1) - 1

    def title(self, words: Wording) -> str:
        """Return the title shown in the index."""
        rule = FORMS[self.filed.form]
        return rule.en if words.language == "en" else rule.zh


class SaysPage(Protocol):
    """Says how the first or the last page of a document is written."""

    def __call__(self, placed: Placed, *, last: bool) -> str:
        """Return what stands in the index."""
        ...


def arranged(documents: Iterable[Filed]) -> tuple[Placed, ...]:
    """Return the documents in dossier order, their pages numbered through; those of one form as they were filed."""
    ordered = sorted(documents, key=lambda each: (PLACE[each.form], each.document))
    pages = accumulate((max(each.pages, 1) for each in ordered), initial=1)
    return tuple(
        Placed(index, filed, page) for index, (filed, page) in enumerate(zip(ordered, pages, strict=False), start=1)
    )


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


def written_page(placed: Placed, *, last: bool) -> str:
    """Return the first or the last page of a document as a number."""
    return str(placed.last_page if last else placed.page)


def index(filling: Filling, placed: tuple[Placed, ...], page: SaysPage = written_page) -> sheets.Index:
    """Return the index: one numbered line a document, in order, with the page where it begins (GB/T 9705-2008).

    The last one also says where it ends. `page` says how the first or last page of a document is written.
    """
    words = filling.words
    lines = tuple(
        sheets.IndexLine(
            index=str(each.index),
            title=each.title(words),
            number=each.filed.number,
            day=f"{each.filed.filed_at.astimezone(LOCAL):%Y.%m.%d}",
            pages=page(each, last=False) + (f"–{page(each, last=True)}" if each is placed[-1] else ""),
            remark=words.word("scanned") if each.filed.scanned else "",
        )
        for each in placed
    )
    return legible_sheet(sheets.Index(**filling.common(), lines=lines))


def back_cover(filling: Filling, placed: tuple[Placed, ...], lacking: Iterable[Form]) -> sheets.BackCover:
    """Return the back cover, with what the dossier still lacks."""
    words, source = filling.words, filling.source
    found = sheets.BackCover(
        **filling.common(),
        documents=words.word("count", n=len(placed)),
        pages=words.word("count_pages", n=placed[-1].last_page) if placed else "",
        filed_by=source.filed_by,
        filed_day=words.day(filling.on),
        lacking=tuple(FORMS[each].en if words.language == "en" else FORMS[each].zh for each in lacking),
    )
    return legible_sheet(found)
