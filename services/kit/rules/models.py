"""The format of each rule file. Anything not allowed is an error, never ignored."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

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
from casework.door.programs.public import Answered
from casework.mediation.plan import PlanState
from services.kit.spreadsheets.delimited import encoding_named

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


class ChoiceEntry(Entry):
    """An answer that can be chosen."""

    zh: Text
    en: Text


class QuestionEntry(Entry):
    """What is asked about every matter of a category."""

    code: Slug
    kind: Literal["string", "number", "datetime", "text", "one_of", "some_of"]
    zh: Text
    en: Text
    required: bool = False
    fact: Literal["text", "people_affected", "danger", "happen_time"] = "text"
    choices: dict[Slug, ChoiceEntry] = Field(default_factory=dict)


class CategoryEntry(Entry):
    """A category; department and template are inherited if left out, questions are added to those above."""

    zh: Text
    en: Text
    department: Slug | None = None
    template: Slug | None = None
    questions: list[QuestionEntry] = Field(default_factory=list)
    children: dict[Slug, CategoryEntry] = Field(default_factory=dict)


class CategoriesFile(Entry):
    """rules/categories/categories.yaml."""

    version: Text
    categories: Annotated[dict[Slug, CategoryEntry], Field(min_length=1)]


class CodeListEntry(Entry):
    """A code list in Chinese: its name, and each code without the prefix of its enum."""

    zh: Text
    codes: dict[Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,60}$")], Text]


class CodesFile(Entry):
    """rules/words/codes.yaml."""

    lists: dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}\.[A-Z][A-Za-z]{1,60}$")], CodeListEntry]


class CalledEntry(Entry):
    """What something is called."""

    zh: Text
    en: Text


class RolesFile(Entry):
    """rules/words/roles.yaml."""

    roles: dict[LimitName, CalledEntry]
    parts: dict[LimitName, CalledEntry]


class RowEntry(Entry):
    """A row of a decision table; its conditions are read by `services.kit.rules.door.triage`."""

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
    """rules/retention/reports.yaml, and clues.yaml with results in place of states."""

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


class Wording(Entry):
    """A text in both languages."""

    zh: Text
    en: Text


class PublicEntry(Entry):
    """A category whose matters are public."""

    category: PlanCategory
    without: list[PlanCategory] = Field(default_factory=list)
    answered: Annotated[Answered, Loose]
    decimals: Annotated[int, Field(ge=0, le=5)]
    level: AreaLevel


class PublicFile(Entry):
    """rules/public/public.yaml."""

    version: Text
    changed: AwareDatetime
    contact: Wording
    keys: Wording
    services: list[PublicEntry]


class FloorEntry(Entry):
    """How likely texts must be about the same matter for a unit and those below it."""

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


class LikelihoodEntry(Entry):
    """How likely two texts are about the same matter."""

    rarity: Annotated[float, Field(ge=1, le=10)]
    added: Annotated[int, Field(ge=0, le=1000)]
    unseen: Annotated[int, Field(ge=0, le=100_000)]
    half: Annotated[float, Field(gt=0, le=1)]
    steep: Annotated[float, Field(gt=0, le=20)]
    same: Annotated[float, Field(gt=0, le=1)]
    shared: Annotated[float, Field(ge=0, le=100)]


class LikenessFile(Entry):
    """rules/likeness/likeness.yaml."""

    version: Text
    floor: Annotated[float, Field(gt=0, le=1)]
    floors: list[FloorEntry]
    likelihood: LikelihoodEntry
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


PartnerField = Literal[
    "number", "category", "area", "address", "text", "wish", "receive_time", "due_time", "urgency", "danger",
    "people_affected", "amount", "reporter.display_name", "reporter.phone", "hand_over.letter", "hand_over.procedure",
    "hand_over.subject", "hand_over.decided", "hand_over.petition_accept_time", "attachments",
]  # fmt: skip
PartnerTerm = Literal["ordinary", "summary", "civil", "administrative", "pending_in_court"]


class PartnerFiles(Entry):
    """How a partner writes files: the heading of each field, its words for yes, no and terms, its times."""

    columns: dict[PartnerField, Text] = Field(default_factory=dict)
    times: Annotated[list[Text], Field(min_length=1)] = ["iso"]
    yes: list[Text] = ["是", "true"]
    no: list[Text] = ["否", "false"]
    terms: dict[Text, PartnerTerm] = Field(default_factory=dict)
    encoding: Annotated[str, AfterValidator(encoding_named)] = "utf-8"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","


class PartnerFile(Entry):
    """rules/partners: how the codes of one kind of partner are read, and its files."""

    version: Text
    partner: Slug
    channel: Slug
    confidence: Annotated[Confidence, Loose]
    categories: dict[Annotated[str, StringConstraints(max_length=60)], PlanCategory]
    urgencies: dict[Text, Literal["routine", "soon", "urgent"]]
    files: PartnerFiles = PartnerFiles()
    areas: dict[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")], AreaCode] = Field(default_factory=dict)
