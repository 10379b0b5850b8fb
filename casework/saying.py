"""Whether a text has any content, in any language: blanks, punctuation and invisible characters do not count."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\ufffc\ufffd")
"""Characters of a letter or symbol class that show nothing: fillers, a blank braille cell, placeholders."""


def says_something(text: str) -> bool:
    """Return whether a text has a letter, a digit or a pictograph; punctuation alone is no content."""
    # Most texts begin with a letter; only others are searched.
    if text[:1].isalnum() and text[0] not in _UNSEEN:
        return True
    return any(
        (category := unicodedata.category(each))[0] in "LN" or category == "So" for each in text if each not in _UNSEEN
    )
