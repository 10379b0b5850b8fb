"""Reads rules/ladders: where a neglected matter goes, one ladder per file."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from casework.clocks.rule import Rule, Trigger, Unit
from casework.clocks.rule_book import RuleBook
from casework.door.triage import Grade
from casework.supervision.raising.ladder import ANY, DEPARTMENT, REACHED, Ladder, LadderBook, Office, Step
from casework.units import ROOT, Level, UnitTree
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.models import LadderFile

_UPWARDS = ("village", "township", "county", "city", "province")


class LadderSource:
    """The ladders of the files, each with its document."""

    def __init__(self, entries: list[tuple[Document, LadderFile]]) -> None:
        self.entries = entries
        self.book = LadderBook([_ladder(content) for _, content in entries])


def read_ladders(folder: RulesFolder) -> LadderSource | None:
    """Return the ladders, or None with problems."""
    before = len(folder.problems)
    entries: list[tuple[Document, LadderFile]] = []
    for document in folder.documents("ladders"):
        content = document.validate(LadderFile, folder.problems)
        if content is None:
            continue
        _check_form(document, content, folder)
        for other, earlier in entries:
            _check_tie(document, content, other, earlier, folder)
        entries.append((document, content))
    if entries and len(folder.problems) == before and not any(_is_for_all(content) for _, content in entries):
        message = "one ladder must cover every category, grade, place and day, or some matter would have none"
        folder.problem("ladders", 1, message)
    return LadderSource(entries) if len(folder.problems) == before else None


def check_limits(source: LadderSource, rules: RuleBook, folder: RulesFolder) -> None:
    """Add a problem for every limit that is missing or has the wrong trigger, and for every one no ladder names."""
    for document, content in source.entries:
        for place, name in _named(content):
            found = [rule for rule in rules if rule.name == name and _holds_in(rule, content.jurisdiction)]
            if not found:
                message = f"no limit {name!r} applies in {content.jurisdiction} (rules/limits)"
                folder.problems.append(document.problem(place, message))
            elif any(rule.trigger not in (Trigger.ladder_step, Trigger.escalation_raised) for rule in found):
                message = f"the limit {name!r} does not start with a step of a ladder, but {found[0].trigger}"
                folder.problems.append(document.problem(place, message))
        if not folder.problems:
            _check_total(document, content, rules, folder)
    named = {name for _, content in source.entries for _, name in _named(content)}
    for rule in rules:
        if rule.trigger is Trigger.ladder_step and rule.name not in named:
            folder.problem("ladders", 1, f"no ladder names the limit {rule.name!r}; an unused limit is a mistake")


def check_categories(source: LadderSource, categories: Collection[str], folder: RulesFolder) -> None:
    """Add a problem for every missing category."""
    for document, content in source.entries:
        for number, category in enumerate(content.categories):
            if category != ANY and category not in categories:
                message = f"no category has the id {category!r} (rules/categories/categories.yaml)"
                folder.problems.append(document.problem(("categories", number), message))


def check_departments(source: LadderSource, units: UnitTree, folder: RulesFolder) -> None:
    """Add a problem for every missing department."""
    for document, content in source.entries:
        for number, step in enumerate(content.steps):
            for index, told in enumerate(step.tell):
                slug = told.removeprefix(DEPARTMENT)
                if slug != told and slug not in units.departments:
                    message = f"no department has the slug {slug!r} (rules/units/units.yaml)"
                    folder.problems.append(document.problem(("steps", number, "tell", index), message))


def _check_form(document: Document, content: LadderFile, folder: RulesFolder) -> None:
    levels = [step.level for step in content.steps]
    for level in REACHED:
        if levels.count(str(level)) != 1:  # type: ignore[arg-type]
            message = f"has {levels.count(str(level)) or 'no'} step for {level}; there must be one"  # type: ignore[arg-type]
            folder.problems.append(document.problem(("steps",), message))
    keys = [office.key for office in content.offices]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            folder.problems.append(document.problem(("offices", number, "key"), f"{key!r} is the key of two offices"))
    if content.valid_from and content.valid_to and content.valid_from > content.valid_to:
        folder.problems.append(document.problem(("valid_to",), "is before valid_from"))


def _check_tie(
    document: Document, content: LadderFile, other: Document, earlier: LadderFile, folder: RulesFolder
) -> None:
    if content.name == earlier.name and content.version == earlier.version:
        message = f"{content.name!r} {content.version} is also the ladder in {other.file}"
        folder.problems.append(document.problem(("name",), message))
    starts = max(content.valid_from or date.min, earlier.valid_from or date.min)
    ends = min(content.valid_to or date.max, earlier.valid_to or date.max)
    shared = set(content.categories) & set(earlier.categories)
    same_place = content.jurisdiction == earlier.jurisdiction and starts <= ends
    as_close = len(set(content.grades)) == len(set(earlier.grades)) and set(content.grades) & set(earlier.grades)
    if same_place and shared and as_close and content.valid_from == earlier.valid_from:
        message = f"fits {', '.join(sorted(shared))} as much as {earlier.name!r} does; which one to use is not defined"
        folder.problems.append(document.problem(("categories",), message))


def _check_total(document: Document, content: LadderFile, rules: RuleBook, folder: RulesFolder) -> None:
    """The time from one level to the next must match the published one, however it is split."""
    if content.total is None:
        return
    way = _UPWARDS[_UPWARDS.index(content.total.start) : _UPWARDS.index(content.total.end) + 1]
    names = [step.resolve for step in content.steps if step.level in way[1:]]
    names += [office.limit for office in content.offices if set(office.levels) & set(way)]
    limits = [rules.get(name, content.jurisdiction if content.jurisdiction != ROOT else None) for name in names]
    if any(rule.unit is not Unit.calendar for rule in limits):
        folder.problems.append(document.problem(("total",), "every limit on the way must be in calendar days"))
    elif (days := sum(rule.n for rule in limits)) != content.total.days:
        message = f"{' + '.join(f'{rule.name} {rule.n}' for rule in limits)} make {days} days"
        folder.problems.append(document.problem(("total", "days"), message))


def _holds_in(rule: Rule, jurisdiction: str) -> bool:
    return rule.jurisdiction == ROOT or (jurisdiction != ROOT and jurisdiction.startswith(rule.jurisdiction))


def _named(content: LadderFile) -> list[tuple[tuple[str | int, ...], str]]:
    found: list[tuple[tuple[str | int, ...], str]] = []
    for number, step in enumerate(content.steps):
        found.append((("steps", number, "acknowledge"), step.acknowledge))
        found.append((("steps", number, "resolve"), step.resolve))
    found += [(("offices", number, "limit"), office.limit) for number, office in enumerate(content.offices)]
    return found


def _is_for_all(content: LadderFile) -> bool:
    bounds = (content.valid_from, content.valid_to)
    everywhere = content.jurisdiction == ROOT and bounds == (None, None)
    return everywhere and ANY in content.categories and set(content.grades) == set(Grade)


def _ladder(content: LadderFile) -> Ladder:
    return Ladder(
        name=content.name,
        version=content.version,
        zh=content.zh,
        en=content.en,
        categories=tuple(content.categories),
        grades=frozenset(map(Grade, content.grades)),
        steps=tuple(
            Step(Level(each.level), each.acknowledge, each.resolve, each.mode, tuple(each.tell))
            for each in content.steps
        ),
        basis=content.basis,
        offices=tuple(
            Office(each.key, each.zh, each.en, frozenset(map(Level, each.levels)), each.limit)
            for each in content.offices
        ),
        jurisdiction=content.jurisdiction,
        valid_from=content.valid_from,
        valid_to=content.valid_to,
        to_be_confirmed=content.to_be_confirmed,
    )
