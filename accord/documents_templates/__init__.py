"""Writes the Word templates of `rules/documents/`, so that each can be made again (`make documents`).

They are plain Word files: a centre may change one in Word, and the rules check holds it against what is filled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from accord.documents_templates import course, dockings, opening, outcome, shelf
from accord.documents_templates.layout import Page
from accord.places import RULES

FOLDER = RULES / "documents"
LANGUAGES = ("zh", "en")
WRITERS: dict[str, Callable[[Page], None]] = {
    **shelf.WRITERS,
    **opening.WRITERS,
    **dockings.WRITERS,
    **course.WRITERS,
    **outcome.WRITERS,
}


LETTERS = frozenset({"entrustment", "docking-receipt", "docking-refusal", "result-feedback"})
"""From one organ to another, so that they look as GB/T 9704 has letters."""


def template(key: str, language: str) -> bytes:
    """Return the template of a form in a language."""
    page = Page(language, key, letter=key in LETTERS)
    WRITERS[key](page)
    return page.save()


def write(folder: Path = FOLDER) -> None:
    """Write every template into the folder, a folder a language."""
    for language in LANGUAGES:
        (folder / language).mkdir(parents=True, exist_ok=True)
        for key in WRITERS:
            (folder / language / f"{key}.docx").write_bytes(template(key, language))
