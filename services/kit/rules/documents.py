"""Reads rules/documents: one Word template per form and language, and the words they are filled with.

Templates are checked against the data class of their form at startup: the names they use must exist, and they may only
show text, choose and repeat.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import cast
from xml.etree import ElementTree

from pydantic import RootModel

from casework.papers.forms import TEMPLATED, Form, FormRule
from casework.papers.sheets import SHEETS
from casework.papers.wording import CHINESE, PLACES, WORDS, Wording
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.template import faults

WORDS_FILE = "documents/words.yaml"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LARGEST = 2 * 1024 * 1024


class WordsFile(RootModel[dict[str, dict[str, str]]]):
    """Each word by its key, in each language."""


@dataclass(frozen=True, slots=True)
class DocumentBook:
    """The templates and words of every language that documents are made in; `zh` is always among them."""

    templates: Mapping[tuple[str, Form], bytes]
    wordings: Mapping[str, Wording]

    def offers(self, language: str) -> bool:
        """Return whether documents are made in this language."""
        return language in self.wordings

    def template(self, language: str, form: Form) -> bytes:
        """Return the template of a form in a language."""
        return self.templates[language, form]


def read_documents(folder: RulesFolder) -> DocumentBook | None:
    """Return the templates and words, or None with problems."""
    before = len(folder.problems)
    languages = sorted({path.split("/")[1] for path in folder.files("documents") if path.count("/") == 2} | {CHINESE})
    templates: dict[tuple[str, Form], bytes] = {}
    for language in languages:
        for rule in TEMPLATED:
            content = folder.content(f"documents/{language}/{rule.key}.docx")
            if content is not None:
                _check(folder, f"documents/{language}/{rule.key}.docx", rule, content)
                templates[language, rule.form] = content
    wordings = _wordings(folder, languages)
    if len(folder.problems) > before:
        return None
    return DocumentBook(templates, wordings)


def _wordings(folder: RulesFolder, languages: list[str]) -> dict[str, Wording]:
    document = folder.document(WORDS_FILE)
    found = document.validate(WordsFile, folder.problems) if document else None
    if document is None or found is None:
        return {}
    words = found.root
    for key in sorted(WORDS - words.keys()):
        folder.problems.append(document.problem((), f"has no word {key!r}"))
    for key, by_language in words.items():
        if key not in WORDS:
            folder.problems.append(document.problem((key,), "is not a word that any form uses"))
            continue
        for language in languages:
            if language not in by_language:
                folder.problems.append(document.problem((key,), f"is missing in the language {language!r}"))
        for language, text in by_language.items():
            if language not in languages:
                folder.problems.append(document.problem((key, language), f"there is no folder documents/{language}"))
            _check_places(document, folder, key, language, text)
    return {language: Wording(language, {key: words[key].get(language, "") for key in words}) for language in languages}


def _check_places(document: Document, folder: RulesFolder, key: str, language: str, text: str) -> None:
    places = PLACES.get(key, {})
    try:
        unknown = [name for _, name, _, _ in Formatter().parse(text) if name is not None and name not in places]
        if not unknown:
            text.format(**places)
    except (ValueError, KeyError, IndexError) as error:
        folder.problems.append(document.problem((key, language), f"cannot be filled: {error}"))
        return
    for name in unknown:
        folder.problems.append(document.problem((key, language), f"{{{name}}} is not filled in this word"))


def _check(folder: RulesFolder, path: str, rule: FormRule, content: bytes) -> None:
    """Add what is wrong with a template; the line of a problem is its paragraph."""
    for line, message in template_faults(SHEETS[rule.form], content):
        folder.problem(path, line, message)


def template_faults(sheet: type, content: bytes) -> tuple[tuple[int, str], ...]:
    """Return what is wrong with a template filled from a data class: the paragraph and the fault."""
    return _faults(cast(Hashable, sheet), content)


@lru_cache(maxsize=512)
def _faults(sheet: Hashable, content: bytes) -> tuple[tuple[int, str], ...]:
    """Return what is wrong with a template; cached, since a process may load the same rules repeatedly."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            found = [(1, message) for message in _unwanted(package)]
            for name in package.namelist():
                if name.startswith(("word/document", "word/header", "word/footer")) and name.endswith(".xml"):
                    found += faults(_text(_part(package, name)), cast(type, sheet))
            return tuple(found)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, OverflowError) as error:
        return ((1, f"is not a Word document: {error}"),)


def _part(package: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if package.getinfo(name).file_size > _LARGEST:
        raise OverflowError(f"{name} is too large")
    return ElementTree.fromstring(package.read(name))


def _unwanted(package: zipfile.ZipFile) -> Iterator[str]:
    """Yield forbidden content of a template: external references, code, or what cannot be merged into one dossier."""
    names = package.namelist()
    if "word/document.xml" not in names:
        raise KeyError("word/document.xml is missing")
    if any("vbaProject" in name or name.endswith(".bin") for name in names):
        yield "contains a macro or an embedded object"
    if any(name.startswith("word/media/") for name in names):
        yield "contains a picture; a form is text and lines, and a picture would get lost in the dossier"
    for name in names:
        if name.endswith(".rels"):
            relations = _part(package, name)
            if any(each.get("TargetMode") == "External" for each in relations):
                yield f"refers to something outside it ({name})"
    if _part(package, "word/document.xml").find(f".//{_W}numPr") is not None:
        yield "uses automatic numbering, which would get lost in the dossier; write the numbers out"


def _text(part: ElementTree.Element) -> str:
    """Return the text of a part, one line per paragraph, however Word has split it into runs."""
    return "\n".join(
        "".join(piece.text or "" for piece in paragraph.iter(f"{_W}t")).replace("\n", " ")
        for paragraph in part.iter(f"{_W}p")
    )
