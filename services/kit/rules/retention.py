"""Reads rules/retention: how long reports are kept that never became a case."""

from __future__ import annotations

from casework.door.report import ReportState
from casework.door.retention import WITHOUT, RetentionBook, RetentionClass
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import RetentionFile

FILE = "retention/reports.yaml"


def read_retention(folder: RulesFolder) -> RetentionBook | None:
    """Return the classes by state, or None with problems."""
    document = folder.document(FILE)
    content = document.validate(RetentionFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before, found = len(folder.problems), dict[ReportState, RetentionClass]()
    known = {state.name.lower(): state for state in ReportState if state not in WITHOUT}
    for number, entry in enumerate(content.classes):
        if entry.state not in known or known[entry.state] in found:
            message = f"{entry.state!r} is listed twice" if entry.state in known else f"{entry.state!r} is not known"
            folder.problems.append(document.problem(("classes", number, "state"), message))
            continue
        state = known[entry.state]
        found[state] = RetentionClass(state, entry.years, entry.zh, entry.en, entry.basis, str(entry.confidence))
    return found if len(folder.problems) == before else None
