"""Reads rules/triage: the decision table that grades a matter by its facts."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from casework.clocks.rule import CONSUMED, Trigger
from casework.door.triage import (
    FACTS,
    AcceptanceTable,
    Between,
    Condition,
    DecisionTable,
    Grade,
    Is,
    LimitRow,
    OneOf,
    Row,
    Scope,
    Under,
    Urgency,
    table_faults,
)
from services.kit.rules.document import Document, Location
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import AcceptanceFile, LimitRowEntry, RowEntry, TriageFile

FILE = "triage/grade.yaml"
ACCEPTANCE = "triage/acceptance.yaml"
_COMPARISON = re.compile(r"\s*(>=|<=|>|<)\s*([0-9]+)\s*")
_RANGE = re.compile(r"\s*([0-9]+)\s*\.\.\s*([0-9]+)\s*")
_WORDS = {"scope": tuple(map(str, Scope)), "urgency": tuple(map(str, Urgency))}


class WrongCondition(ValueError):
    """A condition that cannot be parsed."""


def read_triage(folder: RulesFolder, categories: Collection[str] | None) -> DecisionTable | None:
    """Return the decision table, or None with problems. Without categories their names are not checked."""
    document = folder.document(FILE)
    content = document.validate(TriageFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before = len(folder.problems)
    rows = [_row(entry, number, document, folder, categories) for number, entry in enumerate(content.rows)]
    if len(folder.problems) == before:
        for fault in table_faults(rows):
            folder.problems.append(document.problem(("rows", fault.row - 1), str(fault)))
    return DecisionTable(content.name, content.version, rows) if len(folder.problems) == before else None


def read_acceptance(folder: RulesFolder, categories: Collection[str] | None) -> AcceptanceTable | None:
    """Return the table of the time limits for acceptance, or None with problems."""
    document = folder.document(ACCEPTANCE)
    content = document.validate(AcceptanceFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before = len(folder.problems)
    rows = []
    for number, entry in enumerate(content.rows):
        rows.append(LimitRow(_when(entry, number, document, folder, categories), entry.limit, entry.zh, entry.en))
        if CONSUMED.get(entry.limit) is not Trigger.report_received:
            message = f"no limit {entry.limit!r} starts when a report is received"
            folder.problems.append(document.problem(("rows", number, "limit"), message))
    if len(folder.problems) == before:
        for fault in table_faults(rows):
            folder.problems.append(document.problem(("rows", fault.row - 1), str(fault)))
    return AcceptanceTable(content.name, content.version, rows) if len(folder.problems) == before else None


def _row(
    entry: RowEntry, number: int, document: Document, folder: RulesFolder, categories: Collection[str] | None
) -> Row:
    return Row(_when(entry, number, document, folder, categories), Grade(entry.grade), entry.zh, entry.en)


def _when(
    entry: RowEntry | LimitRowEntry, number: int, document: Document, folder: RulesFolder,
    categories: Collection[str] | None,
) -> dict[str, Condition]:  # fmt: skip
    when: dict[str, Condition] = {}
    for fact, value in entry.when.items():
        place: Location = ("rows", number, "when", fact)
        try:
            when[fact] = _condition(fact, value, categories)
        except WrongCondition as error:
            folder.problems.append(document.problem(place, str(error)))
    return when


def _condition(fact: str, value: object, categories: Collection[str] | None) -> Condition:
    if fact not in FACTS:
        raise WrongCondition(
            "is not a fact of the case. Triage grades matters, not people: who somebody is, or what they did before, "
            f"is never an input. A table may use {', '.join(FACTS)}"
        )
    if fact == "danger":
        if not isinstance(value, bool):
            raise WrongCondition("must be true or false")
        return Is(value)
    if fact in ("people_affected", "amount_fen"):
        return between(value)
    words: list[Any] = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) for word in words):
        raise WrongCondition("must be a word or a list of words")
    known = _WORDS.get(fact)
    if known is None:
        unknown = [word for word in words if categories is not None and word not in categories]
        if unknown:
            raise WrongCondition(f"no category has the id {unknown[0]!r} (rules/categories/categories.yaml)")
        return Under(tuple(words))
    unknown = [word for word in words if word not in known]
    if unknown:
        raise WrongCondition(f"{unknown[0]!r} is not one of {', '.join(known)}")
    return OneOf(frozenset(words))


def between(value: object) -> Between:
    """Return a condition on a whole number from its text in a file; WrongCondition if it cannot be parsed."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Between(value, value)
    if isinstance(value, str) and (match := _COMPARISON.fullmatch(value)):
        sign, number = match[1], int(match[2])
        return {
            ">=": Between(number, None),
            ">": Between(number + 1, None),
            "<=": Between(None, number),
            "<": Between(None, number - 1),
        }[sign]
    if isinstance(value, str) and (match := _RANGE.fullmatch(value)) and int(match[1]) <= int(match[2]):
        return Between(int(match[1]), int(match[2]))
    raise WrongCondition('must be a whole number, or text such as ">= 30", "< 5" or "5..29"')
