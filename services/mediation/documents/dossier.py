"""The dossier as one file: cover, index, documents in order, back cover, all of it merged, and a manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from docx.document import Document as WordFile
from pb.mediation.v1 import documents_pb2 as pb

from casework import names
from casework.papers import dossier, forms
from casework.papers.documents import DossierSource
from casework.papers.dossier import Filed, Placed, SaysPage, written_page
from casework.papers.forms import FORMS, Form
from casework.papers.package import package
from casework.papers.scan import EXTENSIONS, WORD
from casework.papers.sheets import Sheet
from services.kit.binding import PLACE, Bound, bind, with_fields
from services.kit.pages import pages_of
from services.kit.rules.documents import DocumentBook
from services.kit.word import opened, saved
from services.mediation.documents.render import rendered, sheets_of

MANIFEST, MERGED = "manifest.json", "卷宗.docx"


@dataclass(frozen=True, slots=True)
class Built:
    """A dossier: its ZIP file, the index, what it lacks."""

    content: bytes
    entries: tuple[pb.DossierEntry, ...]
    missing: tuple[Form, ...]


def build(
    book: DocumentBook, source: DossierSource, languages: list[str], documents: list[tuple[Filed, pb.DocumentContent]]
) -> Built:
    """Return the dossier of a case. The same documents make the same file, byte for byte."""
    contents = {each.document: content for each, content in documents}
    words = {each.document: _as_word(each, content) for each, content in documents}
    placed = dossier.arranged(_with_pages(each, words[each.document]) for each, _ in documents)
    missing = forms.missing([each.filed.form for each in placed], source)
    cover, index, back = (
        rendered(book, form, _own_pages(book, form, source, languages, placed, missing))
        for form in (Form.COVER, Form.INDEX, Form.BACK_COVER)
    )
    width = max(2, len(str(len(placed) + 1)))
    files = [(f"{0:0{width}}-卷宗封面.docx", cover), (f"{0:0{width}}-卷内目录.docx", index)]
    entries: list[pb.DossierEntry] = []
    for each in placed:
        content = contents[each.filed.document]
        name = f"{each.index:0{width}}-{FORMS[each.filed.form].zh}.{EXTENSIONS[content.media_type]}"
        files.append((name, content.content))
        entries.append(
            pb.DossierEntry(
                index=each.index, document=names.document_name(source.number, each.filed.document),
                form=pb.DocumentForm.Name(each.filed.form), file_name=name, sha256=content.sha256,
            )
        )  # fmt: skip
    files.append((f"{len(placed) + 1:0{width}}-卷宗封底.docx", back))
    linked = _own_pages(book, Form.INDEX, source, languages, placed, missing, _place)
    whole = [
        Bound(opened(cover), numbered=False),
        Bound(with_fields(opened(rendered(book, Form.INDEX, linked))), numbered=False),
        *(Bound(words[each.filed.document], mark=_mark(each)) for each in placed),
        Bound(opened(back), numbered=False),
    ]
    files.append((MERGED, saved(bind(whole))))
    files.append((MANIFEST, _manifest(source, files, entries, missing)))
    return Built(package(files), tuple(entries), missing)


def _own_pages(
    book: DocumentBook,
    form: Form,
    source: DossierSource,
    languages: list[str],
    placed: tuple[Placed, ...],
    missing: tuple[Form, ...],
    page: SaysPage = written_page,
) -> list[tuple[str, Sheet]]:
    """Return one of the dossier's own pages, in each language."""
    found: list[tuple[str, Sheet]] = []
    for language in languages:
        filling = dossier.filing(source, placed, book.wordings[language])
        if form is Form.COVER:
            found.append((language, dossier.cover(filling, placed)))
        elif form is Form.INDEX:
            found.append((language, dossier.index(filling, placed, page)))
        else:
            found.append((language, dossier.back_cover(filling, placed, missing)))
    return found


def _as_word(each: Filed, content: pb.DocumentContent) -> WordFile:
    """Return a document for the merged file: the document itself, or a sheet for each page of a scan."""
    if content.media_type == WORD:
        return opened(content.content)
    count = max(each.pages, 1)
    return sheets_of(
        f"（{FORMS[each.form].zh}，扫描件，共{count}页，本页为第{page}页，原件另附于卷内。）"
        for page in range(1, count + 1)
    )


def _with_pages(each: Filed, document: WordFile) -> Filed:
    """Return a document with the number of its pages; a scan has what was said when it was filed."""
    return each if each.pages else replace(each, pages=pages_of(document))


def _mark(each: Placed) -> str:
    return f"Paper{each.index}"


def _place(placed: Placed, *, last: bool) -> str:
    """Return what stands in the index of the merged file, where Word counts the pages."""
    mark, page = (f"{_mark(placed)}End", placed.last_page) if last else (_mark(placed), placed.page)
    return PLACE.format(mark=mark, page=page)


def _manifest(
    source: DossierSource, files: list[tuple[str, bytes]], entries: list[pb.DossierEntry], missing: tuple[Form, ...]
) -> bytes:
    """Return the manifest: every file with its size and hash, in order; no personal data."""
    documents = {each.file_name: each for each in entries}
    listed = []
    for name, content in files:
        entry = documents.get(name)
        line: dict[str, Any] = {
            "file": name,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        if entry is not None:
            line |= {"index": entry.index, "document": entry.document, "form": Form(entry.form).name}
        listed.append(line)
    told = {
        "case": names.case_name(source.number),
        "dossier_number": source.dossier_number,
        "files": listed,
        "missing": [form.name for form in missing],
    }
    return json.dumps(told, ensure_ascii=False, indent=2).encode()
