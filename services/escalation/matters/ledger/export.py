"""The lines of the exported list: each matter with its texts, opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from pb.escalation.v1 import ledger_pb2 as pb

from casework import names
from casework.errors import CaseError
from casework.supervision.matters.matter import MatterLevel, Part
from casework.supervision.matters.words import AFTER, BETWEEN, ERASED, GRADES, LEVELS, OVERDUE, STATES
from services.escalation import files
from services.escalation.matters.ledger import view
from services.escalation.matters.ledger.listing.store import Sealed
from services.escalation.matters.ledger.sheet import Row
from services.escalation.models import Matter, MatterAssignment
from services.kit import dates
from services.kit.rules import Rules
from services.kit.storage.sealing import CaseSealer, Sealer


def lines(
    found: Sequence[Matter], sealed: Sealed, rules: Rules, sealer: Sealer, today: date, *, english: bool = False
) -> Iterator[Row]:
    """Yield one line per matter, in the order of the list."""
    for number, row in enumerate(found, start=1):
        try:
            opener = files.reading(sealer, sealed.keys[row.number]) if row.sealed else None
        except CaseError:
            opener = None
        yield _line(number, row, sealed, rules, opener, today, english)


def _line(
    number: int, row: Matter, sealed: Sealed, rules: Rules, opener: CaseSealer | None, today: date, english: bool
) -> Row:  # fmt: skip
    parts = sealed.parts.get(row.number, [])
    texts = [(part, _text(opener, part)) for part in parts]
    several, between = len(texts) > 1, BETWEEN[english]

    def named(unit: str) -> str:
        return rules.units.get(unit).name if unit in rules.units else unit

    measures = [
        f"{named(part.unit)}{AFTER[english]}{told.measures}" if several else told.measures
        for part, told in texts
        if told.measures
    ]
    offices = [told.office for part, told in texts if part.part is Part.RESPONSIBLE and told.office]
    state = STATES[row.state][english] + (OVERDUE[english] if view.overdue(row, today) else "")
    return (
        number,
        names.file_name(row.number).partition("/")[2],
        _title(opener, row, english),
        _category(rules, row.category, english),
        _field(rules, row.category, english),
        LEVELS[MatterLevel[row.level.upper()]][english],
        GRADES[row.grade][english],
        named(row.lead) if row.lead else "",
        named(row.unit) if row.unit else "",
        between.join(named(part.unit) for part in parts if part.part is Part.CO),
        "\n".join(measures),
        between.join(offices),
        row.due_on.isoformat() if row.due_on else "",
        opener.open(sealed.progress[row.number]).decode() if opener and row.number in sealed.progress else "",
        state,
        dates.today(row.struck_off_at).isoformat() if row.struck_off_at else "",
    )


def _category(rules: Rules, category: str, english: bool) -> str:
    if category not in rules.categories:
        return category
    found = rules.categories.get(category)
    return found.en if english else found.zh


def _field(rules: Rules, category: str, english: bool) -> str:
    key = rules.fields.of(category)
    found = next((each for each in rules.fields.fields if each.key == key), None)
    return "" if found is None else found.en if english else found.zh


def _title(opener: CaseSealer | None, row: Matter, english: bool) -> str:
    if opener is None or row.sealed is None:
        return ERASED[english] if row.sealed else ""
    return pb.MatterContent.FromString(opener.open(row.sealed)).title


def _text(opener: CaseSealer | None, part: MatterAssignment) -> pb.AssignmentText:
    return pb.AssignmentText.FromString(opener.open(part.sealed)) if opener else pb.AssignmentText()
