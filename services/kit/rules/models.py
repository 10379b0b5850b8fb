"""The format of each rule file. Anything not allowed is an error, never ignored."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from casework.clocks.rule import (
    AtCap,
    Confidence,
    Consequence,
    ExtensionKind,
    Holder,
    HourStart,
    RemindOn,
    Roll,
    Rung,
    Trigger,
    Unit,
    Whom,
)
from casework.door.filing import DoorGuard
from casework.mediation.plan import PlanState

Text = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"\S")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
LimitName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
CsvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.csv$")]
TaskUnit = Annotated[str, StringConstraints(pattern=r"^(accountable|parent|department:[a-z][a-z0-9-]{0,40})$")]
PlanCategory = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9-]*(/[a-z][a-z0-9-]*)*)$")]
PlanVersionName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,30}$")]
AreaCode = Annotated[str, StringConstraints(pattern=r"^(cn|[0-9]{2}([0-9]{2}([0-9]{2}([0-9]{3}([0-9]{3})?)?)?)?)$")]
Year = Annotated[int, Field(ge=1949, le=2200)]
Loose = Field(strict=False)
"""Words of a closed list are text in a file."""
Days = Annotated[int, Field(ge=1, le=3650)]
GradeName = Literal["low", "medium", "high"]
AreaLevel = Literal["province", "city", "county", "township", "village"]


class Entry(BaseModel):
    """Base of all rule file entries: no unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class UnitFile(Entry):
    """A CSV file of units of one level."""

    level: AreaLevel
    file: CsvName


PaperPattern = Annotated[str, Field(min_length=2, max_length=60, pattern=r"^(?:[^{}]|\{(?:place|city|district)\})+$")]
"""A name on paper: {place} is the area in full, {city} what it is in, {district} its own name without its last sign."""


class PaperEntry(Entry):
    """What units are called on paper."""

    areas: PaperPattern
    committees: PaperPattern
    names: str = ""


class DepartmentEntry(Entry):
    """A department by its slug and names."""

    slug: Slug
    zh: Text
    en: Text
    full: dict[AreaLevel | Literal["district", "*"], PaperPattern] = Field(default_factory=dict)


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
    retired: str = ""
    papers: PaperEntry | None = None
    phones: dict[str, Annotated[str, Field(pattern=r"^\+?[0-9][0-9-]{2,19}$")]] = Field(default_factory=dict)


class CategoryEntry(Entry):
    """A category; department and template are inherited if left out."""

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


class RouteEntry(Entry):
    """Another route, by kind of matter and declared facts."""

    key: LimitName
    kind: Literal[
        "court", "arbitration", "administration", "petition", "police", "legal_aid", "negotiation", "mediation"
    ]
    zh: Text
    en: Text
    term_zh: str = ""
    term_en: str = ""
    basis: Text
    categories: list[str] = Field(default_factory=list)
    not_in: list[str] = Field(default_factory=list)
    when: list[LimitName] = Field(default_factory=list)
    unless: list[LimitName] = Field(default_factory=list)
    clocks: list[LimitName] = Field(default_factory=list)
    first: bool = False


class RoutesFile(Entry):
    """rules/routes/routes.yaml."""

    version: Text
    facts: dict[LimitName, CauseEntry]
    routes: Annotated[list[RouteEntry], Field(min_length=1)]


class RetentionEntry(Entry):
    """How long reports of a state are kept."""

    state: Slug
    years: Annotated[int, Field(ge=1, le=100)]
    zh: Text
    en: Text
    basis: Text
    confidence: Annotated[Confidence, Loose]


class RetentionFile(Entry):
    """rules/retention/reports.yaml."""

    version: Text
    classes: list[RetentionEntry]


class HelpLineEntry(Entry):
    """A number to call."""

    number: Annotated[str, Field(pattern=r"^[0-9]{3,12}$")]
    zh: Text
    en: Text
    basis: Text
    categories: list[PlanCategory] = Field(default_factory=list)
    minor: bool = False


class OpenDoorEntry(Entry):
    """A unit at which people file without an account, and what they have to show there."""

    unit: AreaCode
    guard: Annotated[DoorGuard, Loose]


class WorkEntry(Entry):
    """How hard a challenge is, and how long it is good."""

    rounds: Annotated[int, Field(ge=1, le=1_000_000)]
    tries: Annotated[int, Field(ge=1, le=1_000_000)]
    minutes: Annotated[int, Field(ge=1, le=120)]


class FilingFile(Entry):
    """rules/filing/filing.yaml."""

    version: Text
    open: list[OpenDoorEntry]
    work: WorkEntry
    similar: list[PlanCategory]
    numbers: Annotated[list[HelpLineEntry], Field(min_length=1)]


class FloorEntry(Entry):
    """How alike texts must be for a unit and those below it."""

    unit: AreaCode
    floor: Annotated[float, Field(gt=0, le=1)]


class LikenessWeights(Entry):
    """What the same category and area add to a score."""

    category: Annotated[float, Field(ge=0, le=0.25)]
    place: Annotated[float, Field(ge=0, le=0.25)]


class LikenessSearch(Entry):
    """What a search may cost."""

    share: Annotated[float, Field(gt=0, le=1)]
    least: Annotated[int, Field(ge=1, le=100_000)]
    most: Annotated[int, Field(ge=1, le=100_000)]
    compared: Annotated[int, Field(ge=1, le=1000)]


class LikenessFile(Entry):
    """rules/likeness/likeness.yaml."""

    version: Text
    floor: Annotated[float, Field(gt=0, le=1)]
    floors: list[FloorEntry]
    shared: Annotated[float, Field(ge=0, le=100)]
    nearly_whole: Annotated[float, Field(ge=0.5, le=1)]
    weights: LikenessWeights
    search: LikenessSearch


class LimitRowEntry(Entry):
    """A row of the acceptance table."""

    when: dict[str, Any]
    limit: LimitName
    zh: Text
    en: Text


class AcceptanceFile(Entry):
    """rules/triage/acceptance.yaml."""

    name: Slug
    version: Text
    rows: Annotated[list[LimitRowEntry], Field(min_length=1)]


class TriageFile(Entry):
    """rules/triage/grade.yaml."""

    name: Slug
    version: Text
    rows: Annotated[list[RowEntry], Field(min_length=1)]


class Evidence(Entry):
    """The evidence required when a task is done."""

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
    optional: bool = False


class PlanFile(Entry):
    """A file of rules/plans/."""

    name: Slug
    version: PlanVersionName
    state: Annotated[PlanState, Loose]
    digest: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")] = ""
    zh: Text
    en: Text
    categories: Annotated[list[PlanCategory], Field(min_length=1)]
    grades: Annotated[list[GradeName], Field(min_length=1)]
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]


class AddedTasksFile(Entry):
    """rules/tasks/tasks.yaml."""

    version: Text
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]


class CauseEntry(Entry):
    """The names of a cause to pause."""

    zh: Text
    en: Text


class PauseEntry(Entry):
    """A cause to pause the clock; its names come from the file's `causes`."""

    cause: LimitName
    cap: Annotated[int, Field(ge=1, le=3650)] | None = None
    at_cap: Annotated[AtCap, Loose] = AtCap.alarm
    basis: str = ""


class RestartEntry(Entry):
    """A cause that restarts the whole time (中断); its names come from the file's `causes`."""

    cause: LimitName
    basis: str = ""


class ExtensionEntry(Entry):
    """A way to extend; without `n` as long as agreed, without `times` as often as agreed."""

    kind: Annotated[ExtensionKind, Loose]
    n: Annotated[int, Field(ge=1, le=3650)] | None
    times: Annotated[int, Field(ge=1, le=100)] | None = 1
    basis: str = ""


class RungEntry(Entry):
    """How long before or after the end something happens; by default at the end itself."""

    hours: Annotated[int, Field(ge=0, le=8760)] | None = None
    days: Annotated[int, Field(ge=0, le=3650)] | None = None
    working_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    then: Annotated[Consequence, Loose]

    def rung(self) -> Rung:
        """Return the rung, in the first unit that is given."""
        given = ((self.hours, Unit.hour), (self.days, Unit.calendar), (self.working_days, Unit.working))
        amount, unit = next(((amount, unit) for amount, unit in given if amount is not None), (0, Unit.hour))
        return Rung(amount, unit, self.then)


class LimitEntry(Entry):
    """A time limit rule."""

    name: LimitName
    zh: Text
    en: Text
    n: Days
    unit: Annotated[Unit, Loose]
    include_start: bool = False
    roll: Annotated[Roll, Loose] = Roll.none
    cutoff: Annotated[int, Field(ge=0, le=24)] | None = None
    hour_start: Annotated[HourStart, Loose] = HourStart.moment
    trigger: Annotated[Trigger, Loose]
    jurisdiction: AreaCode = "cn"
    valid_from: date | None = None
    valid_to: date | None = None
    successor: LimitName | None = None
    belongs_to: Annotated[Holder, Loose] | None = None
    for_whom: Annotated[Whom, Loose] = Whom.duty
    remind_on: Annotated[RemindOn, Loose] = RemindOn.due
    backdate_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    pauses: list[PauseEntry] = Field(default_factory=list)
    extensions: list[ExtensionEntry] = Field(default_factory=list)
    restarts: list[RestartEntry] = Field(default_factory=list)
    warnings: list[RungEntry] = Field(default_factory=list)
    overdue: Annotated[list[RungEntry], Field(min_length=1)]
    basis: Text
    confidence: Annotated[Confidence, Loose]
    to_be_confirmed: bool = False
    note: str = ""


class LimitsFile(Entry):
    """A file of rules/limits/; its `backdate_days` and `belongs_to` are defaults for every rule."""

    version: Text
    belongs_to: Annotated[Holder, Loose]
    backdate_days: Annotated[int, Field(ge=0, le=3650)] = 0
    causes: dict[LimitName, CauseEntry] = Field(default_factory=dict)
    limits: Annotated[list[LimitEntry], Field(min_length=1)]


class PackageEntry(Entry):
    """A package with holidays, and the years used from it."""

    package: Literal["chinesecalendar"]
    from_year: Year
    to_year: Year


class CalendarSources(Entry):
    """rules/calendars/sources.yaml."""

    version: Text
    packages: Annotated[list[PackageEntry], Field(min_length=1)]


class DayEntry(Entry):
    """A day that a list opens (`working: true`) or closes."""

    date: date
    zh: Text
    en: Text | None = None
    working: bool


class CalendarFile(Entry):
    """A list of days in our own format; it is the complete published list for its `years`."""

    source: Text
    years: list[Year] = Field(default_factory=list)
    days: Annotated[list[DayEntry], Field(min_length=1)]


class HolidayCnDay(BaseModel):
    """A day in holiday-cn format."""

    model_config = ConfigDict(frozen=True)

    name: Text
    date: date
    isOffDay: bool


class HolidayCnFile(BaseModel):
    """A year in holiday-cn format; other content of the file is ignored."""

    model_config = ConfigDict(frozen=True)

    year: Year
    papers: list[str] = Field(default_factory=list)
    days: Annotated[list[HolidayCnDay], Field(min_length=1)]
