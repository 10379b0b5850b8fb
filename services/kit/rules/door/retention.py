"""Reads rules/retention: how long reports are kept that never became a case, and closed clues."""

from __future__ import annotations

from collections.abc import Iterable

from casework.door.report import ReportState
from casework.door.retention import KEPT_CLUES, WITHOUT, ClueRetention, RetentionBook, RetentionClass, S
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import RetentionFile

FILE, CLUES = "retention/reports.yaml", "retention/clues.yaml"


def read_retention(folder: RulesFolder) -> RetentionBook | None:
    """Return the classes by state, or None with problems."""
    return _read(folder, FILE, [state for state in ReportState if state not in WITHOUT])


def read_clue_retention(folder: RulesFolder) -> ClueRetention | None:
    """Return the classes of clues by result, or None with problems."""
    return _read(folder, CLUES, KEPT_CLUES)


def _read(folder: RulesFolder, file: str, states: Iterable[S]) -> dict[S, RetentionClass[S]] | None:
    document = folder.document(file)
    content = document.validate(RetentionFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before, found = len(folder.problems), dict[S, RetentionClass[S]]()
    known = {state.name.lower(): state for state in states}
    for number, entry in enumerate(content.classes):
        if entry.state not in known or known[entry.state] in found:
            message = f"{entry.state!r} is listed twice" if entry.state in known else f"{entry.state!r} is not known"
            folder.problems.append(document.problem(("classes", number, "state"), message))
            continue
        state = known[entry.state]
        found[state] = RetentionClass(state, entry.years, entry.zh, entry.en, entry.basis, str(entry.confidence))
    return found if len(folder.problems) == before else None
