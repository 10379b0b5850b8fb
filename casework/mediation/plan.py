"""Plan templates (一事一策): what is done for a case, by which unit, by when, and the required evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from casework.door.category import lineage
from casework.door.triage import Grade
from casework.units import UnitTree

ACCOUNTABLE = "accountable"
PARENT = "parent"
DEPARTMENT = "department:"
ANY = "*"


WITHDRAWN = "withdrawn"
"""Key of the task that a unit gets once the reporter withdraws what it handles."""
REOPENED = "reopened"
"""Key of the task that a unit gets once a case of it is reopened."""
LONGEST = 60
"""The most days that a task of a plan may be given."""


class PlanState(StrEnum):
    """State of a version of a plan type."""

    DRAFT = "draft"
    """Being written: it opens no case."""
    PUBLISHED = "published"
    """New cases get it; nothing in it changes any more."""
    RETIRED = "retired"
    """It opens no new case; those it opened keep it."""


class NoPlan(ValueError):
    """No template fits a category and grade. Rules that load have one for each."""


@dataclass(frozen=True, slots=True)
class TaskTemplate:
    """One measure of a plan.

    `unit` says who does it: `accountable`, `parent` (the unit one step above), or `department:SLUG`; `due_days` are
    calendar days, the start day not counted; `milestone` marks a measure that everybody in the case sees in the
    progress, `optional` one that the case may be closed without.
    """

    key: str
    zh: str
    en: str
    unit: str
    due_days: int
    evidence_zh: str
    evidence_en: str
    milestone: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class PlanTemplate:
    """A version of a plan type: the categories (`*` for any) and grades it is for, and its tasks."""

    name: str
    version: str
    zh: str
    en: str
    categories: tuple[str, ...]
    grades: frozenset[Grade]
    tasks: tuple[TaskTemplate, ...]
    state: PlanState = PlanState.PUBLISHED

    def task(self, key: str) -> TaskTemplate | None:
        """Return its task with this key; None if it has none."""
        return next((each for each in self.tasks if each.key == key), None)


class PlanBook:
    """All plan types. The most specific category wins, then the type made for fewer grades; only published ones do."""

    def __init__(self, templates: Iterable[PlanTemplate], added: Iterable[TaskTemplate] = ()) -> None:
        self.added = {task.key: task for task in added}
        """Tasks that are added to a plan because of what happens later, by key."""
        self.versions = {(each.name, each.version): each for each in templates}
        """Every version, drafts and retired ones included, by name and version."""
        self._by_name = {each.name: each for each in self.versions.values() if each.state is PlanState.PUBLISHED}
        self._by_key: dict[tuple[str, Grade], PlanTemplate] = {}
        for template in sorted(self._by_name.values(), key=lambda each: -len(each.grades)):
            for category in template.categories:
                for grade in template.grades:
                    self._by_key[category, grade] = template

    def __iter__(self) -> Iterator[PlanTemplate]:
        """Iterate over the published versions in the order of their files."""
        return iter(self._by_name.values())

    def __len__(self) -> int:
        """Return how many plan types are published."""
        return len(self._by_name)

    def get(self, name: str) -> PlanTemplate:
        """Return the published version of the type with this name; NoPlan if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NoPlan(f"no plan template has the name {name!r}") from None

    def choose(self, category: str, grade: str) -> PlanTemplate:
        """Return the template for a case of this category and grade; NoPlan if none fits."""
        graded = Grade(grade)
        for candidate in (*lineage(category), ANY):
            template = self._by_key.get((candidate, graded))
            if template is not None:
                return template
        raise NoPlan(f"no plan template fits category {category!r}, grade {grade}")


def resolve_unit(task: TaskTemplate, accountable: str, tree: UnitTree) -> str:
    """Return the code of the unit that must do the task in a case of the accountable unit.

    A department is that of the nearest area at or above the accountable unit (a township has no labour bureau, its
    county has). If no area has it, or there is no parent unit, it is the accountable unit itself.
    """
    if task.unit == ACCOUNTABLE:
        return tree.known(accountable).code
    if task.unit == PARENT:
        return tree.parent(accountable) or accountable
    return tree.department(accountable, task.unit.removeprefix(DEPARTMENT)) or accountable
