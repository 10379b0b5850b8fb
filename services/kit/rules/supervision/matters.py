"""Reads rules/triage/matters.yaml: the decision table that grades matters of the ledger."""

from __future__ import annotations

from typing import Any

from casework.door.triage import Condition, Grade, OneOf, Row, table_faults
from casework.supervision.matters.grade import FACTS, WORDS, GradeTable
from services.kit.rules.document import Document
from services.kit.rules.door.triage import WrongCondition, between
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import RowEntry, TriageFile

FILE = "triage/matters.yaml"


def read_matter_grades(folder: RulesFolder) -> GradeTable | None:
    """Return the table, or None with problems."""
    document = folder.document(FILE)
    content = document.validate(TriageFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before = len(folder.problems)
    rows = [_row(entry, number, document, folder) for number, entry in enumerate(content.rows)]
    if len(folder.problems) == before:
        for fault in table_faults(rows):
            folder.problems.append(document.problem(("rows", fault.row - 1), str(fault)))
    return GradeTable(content.name, content.version, rows) if len(folder.problems) == before else None


def _row(entry: RowEntry, number: int, document: Document, folder: RulesFolder) -> Row:
    when: dict[str, Condition] = {}
    for fact, value in entry.when.items():
        try:
            when[fact] = _condition(fact, value)
        except WrongCondition as error:
            folder.problems.append(document.problem(("rows", number, "when", fact), str(error)))
    return Row(when, Grade(entry.grade), entry.zh, entry.en)


def _condition(fact: str, value: object) -> Condition:
    if fact not in FACTS:
        raise WrongCondition(
            "is not a fact of a matter. The ledger grades matters, not people: who somebody is, or what they did "
            f"before, is never an input. The table may use {', '.join(FACTS)}"
        )
    if fact not in WORDS:
        return between(value)
    words: list[Any] = value if isinstance(value, list) else [value]
    unknown = [word for word in words if word not in WORDS[fact]]
    if not words or unknown:
        raise WrongCondition(f"{unknown[0] if unknown else ''!r} is not one of {', '.join(WORDS[fact])}")
    return OneOf(frozenset(words))
