"""A supervision letter as a Word file, Chinese first."""

from __future__ import annotations

from collections.abc import Iterable

from docx.document import Document

from casework.supervision.letters.sheet import LetterSheet
from services.kit import word
from services.kit.rules.supervision.letters import LetterRules


def written(rules: LetterRules, sheets: Iterable[tuple[str, LetterSheet]]) -> bytes:
    """Return a letter in each language, one after the other."""
    whole: Document | None = None
    for language, sheet in sheets:
        whole = word.joined(whole, word.filled(rules.templates[language], sheet))
    assert whole is not None, "a letter is written in some language"
    return word.saved(whole)
