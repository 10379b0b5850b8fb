"""Reads rules/limits: the time limits."""

from __future__ import annotations

from datetime import timedelta

from casework.limit import CONSUMED, Limit, LimitBook, Trigger
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import LimitEntry, LimitsFile


def read_limits(folder: RulesFolder) -> LimitBook | None:
    """Return the limits of all files, or None with problems."""
    before = len(folder.problems)
    limits: dict[str, Limit] = {}
    documents = folder.documents("limits")
    for document in documents:
        content = document.validate(LimitsFile, folder.problems)
        for number, entry in enumerate(content.limits if content else ()):
            _check(entry, number, document, folder)
            if entry.name in limits:
                message = f"{entry.name!r} is the name of two limits"
                folder.problems.append(document.problem(("limits", number, "name"), message))
            limits.setdefault(entry.name, _limit(entry, content.version if content else ""))
    if len(folder.problems) == before:
        for name in CONSUMED.keys() - limits.keys():
            folder.problems.append(documents[0].problem(("limits",), f"the limit {name!r} is missing"))
    return LimitBook(limits.values()) if len(folder.problems) == before else None


def _check(entry: LimitEntry, number: int, document: Document, folder: RulesFolder) -> None:
    place = ("limits", number)
    trigger = CONSUMED.get(entry.name)
    if trigger is None:
        message = f"nothing asks for a limit {entry.name!r}; those asked for are {', '.join(CONSUMED)}"
        folder.problems.append(document.problem((*place, "name"), message))
    elif trigger != entry.trigger:
        folder.problems.append(document.problem((*place, "trigger"), f"{entry.name!r} starts with {trigger}"))
    if entry.remind_before.delta >= timedelta(days=entry.days):
        message = f"a reminder must come after the start, less than {entry.days} days before the end"
        folder.problems.append(document.problem((*place, "remind_before"), message))


def _limit(entry: LimitEntry, version: str) -> Limit:
    return Limit(
        name=entry.name,
        days=entry.days,
        remind_before=entry.remind_before.delta,
        basis=entry.basis,
        confidence=entry.confidence,
        version=version,
        trigger=Trigger(entry.trigger),
    )
