"""Whether a text says anything: in any language, but not by blanks, signs and characters that nobody sees."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\ufffc\ufffd")
"""Letters and signs by their class that show nothing: fillers, a braille cell without dots, stand-ins."""


def says_something(text: str) -> bool:
    """Return whether there is a letter, a digit or a picture in a text; punctuation alone says nothing."""
    # Most texts begin with a letter; only others are looked through.
    if text[:1].isalnum() and text[0] not in _UNSEEN:
        return True
    return any(
        (category := unicodedata.category(each))[0] in "LN" or category == "So" for each in text if each not in _UNSEEN
    )
