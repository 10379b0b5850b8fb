"""Reads rules/letters: what triggers a supervision letter, and the Word templates of letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from casework.supervision.letters.letter import LAST, LetterKind
from casework.supervision.letters.occasion import Happening
from casework.supervision.letters.sheet import LetterSheet
from casework.supervision.letters.trigger import LetterBook, LetterTrigger, Words
from casework.units import UnitTree
from services.kit.rules.document import Document, Location
from services.kit.rules.documents import template_faults
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.models import LetterEntry, LettersFile, WordsEntry

LANGUAGES = ("zh", "en")
_PLACES = {"subject", "times", "days"}


@dataclass(frozen=True, slots=True)
class LetterRules:
    """The triggers, and the template of a letter in each language."""

    book: LetterBook
    templates: Mapping[str, bytes]


def read_letters(folder: RulesFolder) -> LetterRules | None:
    """Return the triggers and templates, or None with problems."""
    before = len(folder.problems)
    triggers: list[LetterTrigger] = []
    places: list[tuple[Document, int]] = []
    for document in folder.documents("letters"):
        content = document.validate(LettersFile, folder.problems)
        for number, entry in enumerate(content.letters if content else ()):
            _check_words(entry, number, document, folder)
            if content:
                triggers.append(_trigger(entry, content))
                places.append((document, number))
                _check_name(triggers, document, number, folder)
    if places and len(folder.problems) == before:
        _check_rungs(triggers, places[0][0], folder)
    templates = {}
    for language in LANGUAGES:
        path = f"letters/{language}/letter.docx"
        found = folder.content(path)
        if found is not None:
            templates[language] = found
            for line, message in template_faults(LetterSheet, found):
                folder.problem(path, line, message)
    return LetterRules(LetterBook(triggers), templates) if len(folder.problems) == before else None


def check_places(rules: LetterRules, units: UnitTree, folder: RulesFolder) -> None:
    """Add a problem for a jurisdiction that is not a unit."""
    for trigger in rules.book:
        if trigger.jurisdiction not in units:
            folder.problem("letters", 1, f"{trigger.name!r}: no unit has the code {trigger.jurisdiction!r}")


def _trigger(entry: LetterEntry, content: LettersFile) -> LetterTrigger:
    return LetterTrigger(
        name=entry.name,
        version=content.version,
        kind=LetterKind[entry.kind.upper()],
        happening=entry.when.happening,
        zh=_words(entry, "zh"),
        en=_words(entry, "en"),
        confidence=str(entry.confidence),
        times=entry.when.times,
        overdue_days=entry.when.overdue_days,
        grades=tuple(entry.when.grades),
        next=LetterKind[entry.next.upper()] if entry.next else None,
        jurisdiction=entry.jurisdiction,
        valid_from=entry.valid_from,
        valid_to=entry.valid_to,
    )


def _words(entry: LetterEntry, language: str) -> Words:
    return Words(*(getattr(getattr(entry, part), language) for part in ("basis", "facts", "demand")))


def _check_words(entry: LetterEntry, number: int, document: Document, folder: RulesFolder) -> None:
    for part in ("basis", "facts", "demand"):
        words: WordsEntry = getattr(entry, part)
        for language in LANGUAGES:
            place: Location = ("letters", number, part, language)
            try:
                named = {name for _, name, _, _ in Formatter().parse(getattr(words, language)) if name is not None}
            except ValueError as error:
                folder.problems.append(document.problem(place, f"cannot be filled: {error}"))
                continue
            for name in sorted(named - _PLACES):
                folder.problems.append(document.problem(place, f"{{{name}}} is not filled in a letter"))


def _check_name(triggers: list[LetterTrigger], document: Document, number: int, folder: RulesFolder) -> None:
    *earlier, last = triggers
    same = (each for each in earlier if (each.name, each.jurisdiction) == (last.name, last.jurisdiction))
    if any(each.valid_from == last.valid_from for each in same):
        message = f"{last.name!r} is the name of two triggers for the same place and time"
        folder.problems.append(document.problem(("letters", number, "name"), message))


def _check_rungs(triggers: list[LetterTrigger], document: Document, folder: RulesFolder) -> None:
    """Every rung has a text for when the one before it failed, and a trigger leads only to a graver letter."""
    worded = {each.kind for each in triggers if each.happening is Happening.letter_failed and each.jurisdiction == "cn"}
    for kind in LetterKind:
        if kind is not LetterKind.NOTICE and kind not in worded:
            message = f"no trigger has a text for the {kind.name.lower()} that follows a failed letter"
            folder.problems.append(document.problem(("letters",), message))
    for each in triggers:
        if each.next is not None and each.next <= each.kind:
            message = f"{each.name!r} leads to a letter that is not graver"
            folder.problems.append(document.problem(("letters",), message))
        if each.next is None and each.kind is not LAST:
            folder.problems.append(document.problem(("letters",), f"{each.name!r} does not say what follows"))
