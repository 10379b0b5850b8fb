"""Reads rules/meetings: recurring schedules, one rule per file."""

from __future__ import annotations

from collections.abc import Mapping

from casework.supervision.meetings.meeting import AgendaReason
from casework.supervision.meetings.period import AgendaRule, Every, Rhythm, RhythmCall
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.models import RhythmFile

DIGEST = "daily-digest"
"""The rule of the daily digest; a service uses it by this name."""
MEETING = "monthly"
"""The default rule of a series."""
_LAST_DAY = {Every.month: 28, Every.week: 7}
_WITH_THRESHOLD = frozenset({AgendaReason.STUCK, AgendaReason.RETURNED})


def read_rhythms(folder: RulesFolder) -> Mapping[str, Rhythm] | None:
    """Return the rules by name, or None with problems."""
    before, found = len(folder.problems), dict[str, Rhythm]()
    documents = folder.documents("meetings")
    for document in documents:
        content = document.validate(RhythmFile, folder.problems)
        if content is None:
            continue
        if content.name in found:
            folder.problems.append(document.problem(("name",), f"{content.name!r} is the name of two rules"))
        _check(document, content, folder)
        found[content.name] = _rhythm(content)
    if len(folder.problems) == before:
        for name, call in ((DIGEST, RhythmCall.digest), (MEETING, RhythmCall.meeting)):
            if name not in found or found[name].call is not call:
                folder.problems.append(documents[0].problem((), f"the rule {name!r} of a {call} is missing"))
    return found if len(folder.problems) == before else None


def _check(document: Document, content: RhythmFile, folder: RulesFolder) -> None:
    """Add a problem for an impossible day, an agenda without a meeting, or a meaningless threshold."""
    last = _LAST_DAY.get(content.every, 0)
    if not min(1, last) <= content.on <= last:
        message = f"must be a day from 1 to {last}" if last else "has no meaning for every working day"
        folder.problems.append(document.problem(("on",), message))
    if bool(content.agenda) is not (content.call is RhythmCall.meeting):
        folder.problems.append(document.problem(("agenda",), "is allowed for meetings only"))
    reasons = [each.reason for each in content.agenda]
    for number, entry in enumerate(content.agenda):
        if reasons.index(entry.reason) < number:
            folder.problems.append(document.problem(("agenda", number, "reason"), "is listed twice"))
        if bool(entry.n) is not (AgendaReason[entry.reason.upper()] in _WITH_THRESHOLD):
            message = "is required for stuck and returned, and not allowed otherwise"
            folder.problems.append(document.problem(("agenda", number, "n"), message))


def _rhythm(content: RhythmFile) -> Rhythm:
    return Rhythm(
        content.name, content.version, content.zh, content.en, content.call, content.every, content.on, content.hour,
        content.catch_up_days, tuple(AgendaRule(AgendaReason[each.reason.upper()], each.n) for each in content.agenda),
        content.basis,
    )  # fmt: skip
