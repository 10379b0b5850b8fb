"""Reads rules/plans: one version of a plan type per file."""

from __future__ import annotations

from collections.abc import Collection

from casework.clocks.rule_book import RuleBook
from casework.door.triage import Grade
from casework.mediation.plan import (
    ACCOUNTABLE,
    ANY,
    DEPARTMENT,
    REOPENED,
    WITHDRAWN,
    PlanBook,
    PlanState,
    PlanTemplate,
    TaskTemplate,
)
from casework.mediation.plans.data import digest
from casework.units import UnitTree
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import AddedTasksFile, PlanFile, TaskEntry

ADDED = frozenset({WITHDRAWN, REOPENED})
"""Keys of the tasks that are added to a plan because of what happens later."""


class PlanSource:
    """The templates of the files, each with its document."""

    def __init__(self, entries: list[tuple[Document, PlanFile]], added: AddedTasksFile) -> None:
        self.entries = entries
        self.book = PlanBook([_template(content) for _, content in entries], map(_task, added.tasks))

    def usable(self) -> list[tuple[Document, PlanFile]]:
        """Return those that open cases or will; what is retired must not become a mistake by what came after it."""
        return [each for each in self.entries if each[1].state is not PlanState.RETIRED]


def read_plans(folder: RulesFolder) -> PlanSource | None:
    """Return the templates, or None with problems."""
    before = len(folder.problems)
    entries: list[tuple[Document, PlanFile]] = []
    first: dict[tuple[str, str], str] = {}
    published: dict[str, str] = {}
    for document in folder.documents("plans"):
        content = document.validate(PlanFile, folder.problems)
        if content is None:
            continue
        if (content.name, content.version) in first:
            where = first[content.name, content.version]
            message = f"{content.name!r} is also the name of the template in {where}, and of the same version"
            folder.problems.append(document.problem(("name",), message))
        elif content.state is PlanState.PUBLISHED and content.name in published:
            message = f"{content.name!r} is published in {published[content.name]} as well; retire one of them"
            folder.problems.append(document.problem(("state",), message))
        first.setdefault((content.name, content.version), document.file)
        if content.state is PlanState.PUBLISHED:
            published.setdefault(content.name, document.file)
        _check_keys(document, content, folder)
        entries.append((document, content))
    added = _read_added(folder)
    return PlanSource(entries, added) if added is not None and len(folder.problems) == before else None


def check_published(source: PlanSource, folder: RulesFolder) -> None:
    """Add a problem for every version that was published and does not say what it said then."""
    for document, content in source.entries:
        found = digest(_template(content))
        if content.state is not PlanState.DRAFT and content.digest != found:
            message = (
                f"{content.version} is {content.state}, and this is not what was published: put it back, and write a "
                f"new version as a draft (`accord rules publish` makes the digest, {found} for this content)"
            )
            folder.problems.append(document.problem(("digest",), message))


def _read_added(folder: RulesFolder) -> AddedTasksFile | None:
    document = folder.document("tasks/tasks.yaml")
    content = document.validate(AddedTasksFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    _check_keys(document, content, folder)
    keys = {task.key for task in content.tasks}
    for key in ADDED - keys:
        folder.problems.append(document.problem(("tasks",), f"the task {key!r} is missing"))
    for number, task in enumerate(content.tasks):
        if task.unit != ACCOUNTABLE:
            folder.problems.append(document.problem(("tasks", number, "unit"), f"only {ACCOUNTABLE!r} is possible"))
    return content


def _check_keys(document: Document, content: PlanFile | AddedTasksFile, folder: RulesFolder) -> None:
    seen: set[str] = set()
    for number, task in enumerate(content.tasks):
        if task.key in seen:
            folder.problems.append(document.problem(("tasks", number, "key"), f"{task.key!r} is the key of two tasks"))
        seen.add(task.key)


def check_departments(source: PlanSource, units: UnitTree, folder: RulesFolder) -> None:
    """Add a problem for every task of a department missing in rules/units."""
    for document, content in source.usable():
        for number, task in enumerate(content.tasks):
            slug = task.unit.removeprefix(DEPARTMENT)
            if slug != task.unit and slug not in units.departments:
                message = f"no department has the slug {slug!r} (rules/units/units.yaml)"
                folder.problems.append(document.problem(("tasks", number, "unit"), message))


def check_days(source: PlanSource, rules: RuleBook, folder: RulesFolder) -> None:
    """Add a problem for every task due after its case's closing deadline."""
    for document, content in source.usable():
        close = min((rules.close(grade) for grade in content.grades), key=lambda rule: rule.n)
        for number, task in enumerate(content.tasks):
            if task.due_days > close.n:
                message = f"{task.due_days} days end after the case must be closed ({close.name}: {close.n} days)"
                folder.problems.append(document.problem(("tasks", number, "due_days"), message))


def check_reach(source: PlanSource, categories: Collection[str], folder: RulesFolder) -> None:
    """Add a problem for every unknown category, every tie, and every template that no case can get."""
    _check_ties(source, folder)
    given = {
        template.name
        for category in categories
        for grade in Grade
        if (template := _choose(source.book, category, grade)) is not None
    }
    for document, content in source.usable():
        unknown = [each for each in content.categories if each != ANY and each not in categories]
        for category in unknown:
            place = ("categories", content.categories.index(category))
            message = f"no category has the id {category!r} (rules/categories/categories.yaml)"
            folder.problems.append(document.problem(place, message))
        if not unknown and content.state is PlanState.PUBLISHED and content.name not in given:
            message = "no category and grade gets this template, because others fit better"
            folder.problems.append(document.problem(("categories",), message))


def _check_ties(source: PlanSource, folder: RulesFolder) -> None:
    taken: dict[tuple[str, str, int], str] = {}
    for document, content in source.entries:
        if content.state is not PlanState.PUBLISHED:
            continue
        clashes: dict[str, list[str]] = {}
        for category in content.categories:
            for grade in content.grades:
                other = taken.setdefault((category, grade, len(set(content.grades))), content.name)
                if other != content.name:
                    clashes.setdefault(f"{category!r} as much as {other!r}", []).append(grade)
        for clash, grades in clashes.items():
            message = f"fits {clash} does, grade {', '.join(grades)}; which one to use is not defined"
            folder.problems.append(document.problem(("categories",), message))


def _choose(book: PlanBook, category: str, grade: Grade) -> PlanTemplate | None:
    try:
        return book.choose(category, grade)
    except ValueError:
        return None


def _template(content: PlanFile) -> PlanTemplate:
    return PlanTemplate(
        name=content.name,
        version=content.version,
        zh=content.zh,
        en=content.en,
        categories=tuple(content.categories),
        grades=frozenset(map(Grade, content.grades)),
        tasks=tuple(map(_task, content.tasks)),
        state=content.state,
    )


def _task(entry: TaskEntry) -> TaskTemplate:
    return TaskTemplate(
        key=entry.key,
        zh=entry.zh,
        en=entry.en,
        unit=entry.unit,
        due_days=entry.due_days,
        evidence_zh=entry.evidence.zh,
        evidence_en=entry.evidence.en,
        milestone=entry.milestone,
        optional=entry.optional,
    )
