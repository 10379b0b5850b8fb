"""The form of each rule file. What a file may not say is an error, never ignored."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"\S")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
LimitName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
CsvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.csv$")]
TaskUnit = Annotated[str, StringConstraints(pattern=r"^(accountable|parent|department:[a-z][a-z0-9-]{0,40})$")]
PlanCategory = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9-]*(/[a-z][a-z0-9-]*)*)$")]
Days = Annotated[int, Field(ge=1, le=3650)]
GradeName = Literal["low", "medium", "high"]
AreaLevel = Literal["province", "city", "county", "township", "village"]


class Entry(BaseModel):
    """Anything in a rule file: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class UnitFile(Entry):
    """A CSV file of units of one level."""

    level: AreaLevel
    file: CsvName


class DepartmentEntry(Entry):
    """A department by its slug and names."""

    slug: Slug
    zh: Text
    en: Text


class DepartmentRule(Entry):
    """The departments that every area of some levels has."""

    levels: Annotated[list[AreaLevel], Field(min_length=1)]
    each: list[DepartmentEntry]


class UnitsFile(Entry):
    """rules/units/units.yaml."""

    source: Text
    cutoff: date
    root: Text
    files: Annotated[list[UnitFile], Field(min_length=1)]
    departments: DepartmentRule | None = None


class CategoryEntry(Entry):
    """A category; department and template are inherited where they are left out."""

    zh: Text
    en: Text
    department: Slug | None = None
    template: Slug | None = None
    children: dict[Slug, CategoryEntry] = Field(default_factory=dict)


class CategoriesFile(Entry):
    """rules/categories/categories.yaml."""

    version: Text
    categories: Annotated[dict[Slug, CategoryEntry], Field(min_length=1)]


class RowEntry(Entry):
    """A row of a decision table; its conditions are read by `services.kit.rules.triage`."""

    when: dict[str, Any]
    grade: GradeName
    zh: Text
    en: Text


class TriageFile(Entry):
    """rules/triage/grade.yaml."""

    name: Slug
    version: Text
    rows: Annotated[list[RowEntry], Field(min_length=1)]


class Evidence(Entry):
    """What must be shown when a task is done."""

    zh: Text
    en: Text


class TaskEntry(Entry):
    """A measure of a plan."""

    key: Slug
    zh: Text
    en: Text
    unit: TaskUnit
    due_days: Days
    evidence: Evidence
    milestone: bool = False


class PlanFile(Entry):
    """A file of rules/plans/."""

    name: Slug
    version: Text
    zh: Text
    en: Text
    categories: Annotated[list[PlanCategory], Field(min_length=1)]
    grades: Annotated[list[GradeName], Field(min_length=1)]
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]


class Before(Entry):
    """How long before the end a reminder goes out; nothing means no reminder."""

    days: Annotated[int, Field(ge=0, le=365)] = 0
    hours: Annotated[int, Field(ge=0, le=240)] = 0

    @property
    def delta(self) -> timedelta:
        """The length of time."""
        return timedelta(days=self.days, hours=self.hours)


class LimitEntry(Entry):
    """A time limit in calendar days."""

    name: LimitName
    days: Days
    unit: Literal["calendar"]
    remind_before: Before
    trigger: Literal["report_received", "case_accepted", "task_dispatched", "task_reported", "close_requested"]
    basis: Text
    confidence: Literal["statute", "local rule", "house default"]


class LimitsFile(Entry):
    """A file of rules/limits/."""

    version: Text
    limits: Annotated[list[LimitEntry], Field(min_length=1)]
