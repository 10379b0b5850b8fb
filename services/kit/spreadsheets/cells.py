"""What a table is made of: cells as a person sees them, rows with their number, and text that is harmless in a cell."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class TableError(ValueError):
    """A table that cannot be read at all, or not to its end."""


class Number(str):
    """A cell that is a number by its type: its text is what the person sees, `value` the number that says."""

    value: Decimal

    def __new__(cls, text: str, value: Decimal | None = None) -> Number:
        """Return a number; without a value the text is one as programs write it (1234.5, 1e3)."""
        made = super().__new__(cls, text)
        made.value = Decimal(text) if value is None else value
        return made


class Unreadable(NamedTuple):
    """A cell that does not say what the person saw, and why; only who needs the cell refuses the row."""

    why: str


Cell = str | datetime | Unreadable


class Row(NamedTuple):
    """One row: its number as a person counts, its cells, or the fault that makes all of them unreadable."""

    number: int
    cells: list[Cell]
    fault: str = ""


_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """Return a text as it may stand in a cell: no program reads it as a formula, and a control character is a space.

    A leading apostrophe makes it plain text also where a workbook is saved as CSV and opened again.
    """
    kept = "".join(each if _written(each) else " " for each in text.replace("\r\n", "\n"))
    return f"'{kept}" if kept.lstrip(" \u00a0\u3000\ufeff\u200b").startswith(_ACTIVE) else kept


def _written(character: str) -> bool:
    """Return whether a character can stand in XML and UTF-8, and is seen there."""
    if character < " ":
        return character in "\n\t"
    return not ("\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff" or character in "\ufffe\uffff")
