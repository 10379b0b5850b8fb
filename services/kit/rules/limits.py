"""Reads rules/limits: the time limit rules."""

from __future__ import annotations

from datetime import date

from casework.clocks.rule import (
    ALSO_BY_HAND,
    CONSUMED,
    Consumer,
    ExtensionRule,
    PauseRule,
    RestartRule,
    Rule,
    Rung,
    Trigger,
    Unit,
)
from casework.clocks.rule_book import RuleBook
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import LimitEntry, LimitsFile

_HOURS = {Unit.hour: 1, Unit.calendar: 24, Unit.working: 24, Unit.month: 28 * 24}


def read_limits(folder: RulesFolder) -> RuleBook | None:
    """Return the rules of all files, or None with problems."""
    before = len(folder.problems)
    rules: list[Rule] = []
    places: list[tuple[Document, int]] = []
    documents = folder.documents("limits")
    for document in documents:
        content = document.validate(LimitsFile, folder.problems)
        for number, entry in enumerate(content.limits if content else ()):
            rule = _rule(entry, number, content, document, folder) if content else None
            if rule is None:
                continue
            if any(_same_place_and_time(rule, other) for other in rules):
                message = f"{entry.name!r} is the name of two limits for the same place and time"
                folder.problems.append(document.problem(("limits", number, "name"), message))
            rules.append(rule)
            places.append((document, number))
    for rule, (document, number) in zip(rules, places, strict=True):
        if fault := _without_successor(rule, rules):
            folder.problems.append(document.problem(("limits", number, "successor"), fault))
    if len(folder.problems) == before:
        house = next((each for each in documents if each.file.endswith("/house.yaml")), documents[0])
        for name in (CONSUMED.keys() | ALSO_BY_HAND) - {rule.name for rule in rules}:
            folder.problems.append(house.problem(("limits",), f"the limit {name!r} is missing"))
    return RuleBook(rules) if len(folder.problems) == before else None


def _rule(entry: LimitEntry, number: int, content: LimitsFile, document: Document, folder: RulesFolder) -> Rule | None:
    before = len(folder.problems)
    place = ("limits", number)
    _check_consumer(entry, place, document, folder)
    _check_warnings(entry, place, document, folder)
    named = {"pauses": [each.cause for each in entry.pauses], "restarts": [each.cause for each in entry.restarts]}
    for field, causes in named.items():
        for index, cause in enumerate(causes):
            if cause not in content.causes:
                message = f"the file's causes do not include {cause!r}"
                folder.problems.append(document.problem((*place, field, index, "cause"), message))
    if len(folder.problems) > before:
        return None
    try:
        return _build(entry, content)
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        folder.problems.append(document.problem((*place, field), message))
        return None


def _build(entry: LimitEntry, content: LimitsFile) -> Rule:
    named = content.causes
    pauses = (
        PauseRule(each.cause, named[each.cause].zh, named[each.cause].en, each.cap, each.at_cap, each.basis)
        for each in entry.pauses
    )
    restarts = (
        RestartRule(each.cause, named[each.cause].zh, named[each.cause].en, each.basis) for each in entry.restarts
    )
    return Rule(
        name=entry.name,
        version=content.version,
        zh=entry.zh,
        en=entry.en,
        n=entry.n,
        unit=entry.unit,
        trigger=entry.trigger,
        basis=entry.basis,
        confidence=entry.confidence,
        include_start=entry.include_start,
        roll=entry.roll,
        cutoff=entry.cutoff,
        hour_start=entry.hour_start,
        pauses=tuple(pauses),
        restarts=tuple(restarts),
        backdate_days=content.backdate_days if entry.backdate_days is None else entry.backdate_days,
        extensions=tuple(ExtensionRule(each.kind, each.n, each.times, each.basis) for each in entry.extensions),
        warnings=tuple(each.rung() for each in entry.warnings),
        overdue=tuple(each.rung() for each in entry.overdue),
        for_whom=entry.for_whom,
        remind_on=entry.remind_on,
        to_be_confirmed=entry.to_be_confirmed,
        jurisdiction=entry.jurisdiction,
        valid_from=entry.valid_from,
        valid_to=entry.valid_to,
        successor=entry.successor or "",
        belongs_to=entry.belongs_to or content.belongs_to,
        note=entry.note,
    )


def _check_consumer(entry: LimitEntry, place: tuple[str, int], document: Document, folder: RulesFolder) -> None:
    """Every rule has a consumer: a service that uses its name, or an official who starts its trigger manually.

    A limit of a ladder is used by the ladder that names it (`services.kit.rules.supervision.ladders`).
    """
    wanted = CONSUMED.get(entry.name)
    if wanted is None and entry.trigger is Trigger.ladder_step:
        return
    if wanted is not None and wanted != entry.trigger:
        folder.problems.append(document.problem((*place, "trigger"), f"{entry.name!r} starts with {wanted}"))
    elif wanted is None and entry.trigger.consumer is not Consumer.by_hand:
        message = f"nothing uses a limit {entry.name!r} that starts with {entry.trigger}"
        message += f"; those in use are {', '.join(CONSUMED)}"
        folder.problems.append(document.problem((*place, "name"), message))


def _check_warnings(entry: LimitEntry, place: tuple[str, int], document: Document, folder: RulesFolder) -> None:
    rungs: list[tuple[str, int, Rung]] = [("warnings", n, each.rung()) for n, each in enumerate(entry.warnings)]
    for field, index, rung in rungs:
        if rung.amount * _HOURS[rung.unit] >= entry.n * _HOURS[entry.unit]:
            message = f"a reminder must come after the start, less than {entry.n} {entry.unit} before the end"
            folder.problems.append(document.problem((*place, field, index), message))
    for field, entries in (("warnings", entry.warnings), ("overdue", entry.overdue)):
        for index, each in enumerate(entries):
            if sum(amount is not None for amount in (each.hours, each.days, each.working_days)) > 1:
                message = "give hours, days or working_days, not several"
                folder.problems.append(document.problem((*place, field, index), message))


def _without_successor(rule: Rule, rules: list[Rule]) -> str | None:
    """Return what is wrong with a rule that expires: another, or a later one of its name, must apply from then on."""
    later = any(each.name == rule.name and each is not rule for each in rules)
    if rule.valid_to and not rule.successor and not later:
        return "an expired rule must name the one that replaces it"
    if rule.successor and rule.successor not in {each.name for each in rules}:
        return f"no limit has the name {rule.successor!r}"
    return None


def _same_place_and_time(rule: Rule, other: Rule) -> bool:
    if rule.name != other.name or rule.jurisdiction != other.jurisdiction:
        return False
    starts = max(rule.valid_from or date.min, other.valid_from or date.min)
    return starts <= min(rule.valid_to or date.max, other.valid_to or date.max)
