"""Binds Word files into one: each with its own margins, pages numbered through, and an index that names them."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import NamedTuple

from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

PLACE = "⟦{mark}|{page}⟧"
"""What an index says in place of a page: the mark of the document, and its page as it was counted."""
_PLACE = re.compile(r"⟦(\w+)\|(\d+)⟧")


class Bound(NamedTuple):
    """A document to be bound: whether its pages are numbered, and the mark by which the index names its pages."""

    document: Document
    numbered: bool = True
    mark: str = ""


def bind(parts: Sequence[Bound]) -> Document:
    """Return documents as one, each in a section of its own; the first is changed.

    The pages of those that are numbered are numbered through, from 1; the others, such as a cover, have no number.
    Where an index has a `PLACE`, Word counts the page anew when it opens the file.
    """
    whole = parts[0].document
    body = whole.element.body
    last = body.find(qn("w:sectPr"))
    ends = [copy.deepcopy(each.document.element.body.find(qn("w:sectPr"))) for each in parts]
    footer = next(iter(ends[0].findall(qn("w:footerReference"))), None)
    begun = False
    for at, (part, end) in enumerate(zip(parts, ends, strict=True)):
        content = [each for each in part.document.element.body if each.tag != qn("w:sectPr")]
        if at:
            content = [copy.deepcopy(each) for each in content]
            for each in content:
                last.addprevious(each)
        if part.mark:
            paragraphs = [each for block in content for each in block.iter(qn("w:p"))]
            _mark(paragraphs[0], part.mark, 2 * at)
            _mark(paragraphs[-1], f"{part.mark}End", 2 * at + 1)
        _count(end, footer if part.numbered else None, restart=part.numbered and not begun)
        begun = begun or part.numbered
        if at == len(parts) - 1:
            body.replace(last, end)
        else:
            _end(content[-1], end)
    if not parts[-1].numbered:
        whole.sections[-1].footer.is_linked_to_previous = False
    return whole


def with_fields(document: Document) -> Document:
    """Return an index with fields in which Word counts the pages that it names, in place of each `PLACE`."""
    for run in list(document.element.body.iter(qn("w:r"))):
        text = "".join(each.text or "" for each in run.iter(qn("w:t")))
        if _PLACE.search(text):
            _put_fields(run, text)
    return document


def _mark(paragraph: BaseOxmlElement, mark: str, number: int) -> None:
    """Set a bookmark at a paragraph."""
    begin, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
    for each in (begin, end):
        each.set(qn("w:id"), str(number))
    begin.set(qn("w:name"), mark)
    at = 1 if paragraph.find(qn("w:pPr")) is not None else 0
    paragraph.insert(at, begin)
    paragraph.insert(at + 1, end)


def _count(end: BaseOxmlElement, footer: BaseOxmlElement | None, *, restart: bool) -> None:
    """Have a section show its page numbers, or none, and begin on a new page."""
    for tag in ("w:footerReference", "w:headerReference", "w:pgNumType", "w:titlePg", "w:type"):
        for each in end.findall(qn(tag)):
            end.remove(each)
    if restart:
        numbers = OxmlElement("w:pgNumType")
        numbers.set(qn("w:start"), "1")
        end.find(qn("w:pgMar")).addnext(numbers)
    kind = OxmlElement("w:type")
    kind.set(qn("w:val"), "nextPage")
    end.insert(0, kind)
    if footer is not None:
        end.insert(0, copy.deepcopy(footer))


def _end(block: BaseOxmlElement, end: BaseOxmlElement) -> None:
    """End a section at the last paragraph of its document, so that no empty page follows."""
    if block.tag != qn("w:p"):
        paragraph = OxmlElement("w:p")
        block.addnext(paragraph)
        block = paragraph
    properties = block.find(qn("w:pPr"))
    if properties is None:
        properties = OxmlElement("w:pPr")
        block.insert(0, properties)
    properties.append(end)


def _put_fields(run: BaseOxmlElement, text: str) -> None:
    """Replace a run by runs that say the same, with a field for each place."""
    looks, at = run.find(qn("w:rPr")), 0
    made: list[BaseOxmlElement] = []
    for found in _PLACE.finditer(text):
        made += [_run(looks, text=text[at : found.start()])] if found.start() > at else []
        made += [
            _run(looks, field="begin"), _run(looks, instruction=f" PAGEREF {found[1]} "), _run(looks, field="separate"),
            _run(looks, text=found[2]), _run(looks, field="end"),
        ]  # fmt: skip
        at = found.end()
    made += [_run(looks, text=text[at:])] if at < len(text) else []
    for each in made:
        run.addprevious(each)
    run.getparent().remove(run)


def _run(looks: BaseOxmlElement | None, *, text: str = "", field: str = "", instruction: str = "") -> BaseOxmlElement:
    run = OxmlElement("w:r")
    if looks is not None:
        run.append(copy.deepcopy(looks))
    if field:
        character = OxmlElement("w:fldChar")
        character.set(qn("w:fldCharType"), field)
        if field == "begin":
            character.set(qn("w:dirty"), "true")
        run.append(character)
        return run
    said = OxmlElement("w:instrText" if instruction else "w:t")
    said.text = instruction or text
    said.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    run.append(said)
    return run
