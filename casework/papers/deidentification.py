"""Finds numbers that identify a person in a text that is shown to an outsider."""

from __future__ import annotations

import re
import unicodedata

_GAP = r"[\s\-–—·.]*"
_ID = re.compile(rf"(?<!\d)\d(?:{_GAP}\d){{16}}{_GAP}[\dXx](?![\dA-Za-z])")
_PATTERNS = {
    "mobile number": re.compile(rf"(?<!\d)(?:86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)"),
    "telephone number": re.compile(rf"(?<!\d)0\d{{2,3}}{_GAP}\d(?:{_GAP}\d){{6,7}}(?!\d)"),
    "bank card or old identity number": re.compile(r"(?<![\d-])\d(?:\s*\d){14,18}(?![\d-])"),
    "passport number": re.compile(r"(?<![A-Za-z0-9])[EeGg][A-Za-z0-9]?\d{7,8}(?!\d)"),
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
}


_FIGURES = str.maketrans("〇零幺一二三四五六七八九", "001123456789")


def found_in(text: str) -> str:
    """Return the kind of personal number found in a text, in any width, spacing and digits; empty if none."""
    shown = "".join(each for each in text if unicodedata.category(each) != "Cf")
    plain = unicodedata.normalize("NFKC", shown).translate(_FIGURES)
    if any(_is_id(match[0]) for match in _ID.finditer(plain)):
        return "id number"
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.search(plain)), "")


def _is_id(found: str) -> bool:
    """Tell whether eighteen figures are an identity number: the seventh to twelfth are a year and a month of birth.

    A file number such as `620102-2026-00000003` is not one.
    """
    figures = re.sub(_GAP, "", found)
    return figures[6:8] in ("19", "20") and "01" <= figures[10:12] <= "12"
