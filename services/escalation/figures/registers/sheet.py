"""A list or ledger in words, for a table that is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from casework import names
from casework.clocks.calendar import LOCAL
from casework.supervision.figures import register_words as words
from casework.supervision.figures.register_words import Language
from services.escalation.figures.registers.store import Entry, Register
from services.kit.rules import Rules
from services.kit.spreadsheets.writing import Values

_OVERDUE = "overdue-"
WIDTHS = tuple(width for *_, width in words.COLUMNS)


def title(register: Register, language: Language) -> str:
    """Return the name of a list or ledger."""
    return words.TITLES[register.name.lower()][language == "en"]


def table(found: Sequence[Entry], rules: Rules, language: Language) -> Iterator[Values]:
    """Yield the heading, then a line for each entry."""
    yield [each[language == "en"] for each in words.COLUMNS]
    for number, row in enumerate(found, start=1):
        yield [number, *_line(row, rules, language)]


def _line(row: Entry, rules: Rules, language: Language) -> Iterator[str]:
    english = language == "en"
    yield rules.units.known(row.unit).name
    yield names.file_name(row.number).partition("/")[2] if row.number else row.subject.rpartition("/")[2]
    yield _what(row.what, rules, language)
    category = rules.categories.get(row.category) if row.category in rules.categories else None
    yield (category.en if english else category.zh) if category else row.category
    yield words.GRADES[row.grade][english]
    yield _at(row.at)
    yield _at(row.due_at)
    yield words.said(row.outcome, language)
    yield words.said(row.performance, language)


def _what(code: str, rules: Rules, language: Language) -> str:
    """Return what a line says: the name of a step, or the words of a code."""
    if code.startswith(_OVERDUE):
        return words.OVERDUE[language == "en"] + _what(code.removeprefix(_OVERDUE), rules, language)
    if code in rules.clocks.names():
        rule = rules.clocks.get(code)
        return rule.en if language == "en" else rule.zh
    return words.said(code, language)


def _at(instant: datetime | None) -> str:
    return f"{instant.astimezone(LOCAL):%Y-%m-%d %H:%M}" if instant else ""
