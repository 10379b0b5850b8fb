"""The format of each supervision rule file: ladders, letters, recurring schedules, clusters."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from casework.clocks.rule import Confidence
from casework.supervision.letters.occasion import Happening
from casework.supervision.meetings.period import Every, RhythmCall
from casework.supervision.raising.ladder import Mode
from services.kit.rules.models import AreaCode, Days, Entry, GradeName, LimitName, Loose, PlanCategory, Slug, Text

LetterName = Literal["notice", "warning", "circular", "interview", "inspection"]
LetterText = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]
LineLevel = Literal["province", "city", "county", "township", "village", "department"]
Told = Annotated[str, StringConstraints(pattern=r"^(province|city|county|township|department:[a-z][a-z0-9-]{0,40})$")]


class StepEntry(Entry):
    """The rules for a matter that arrives at a level."""

    level: Literal["township", "county", "city", "province"]
    acknowledge: LimitName
    resolve: LimitName
    mode: Annotated[Mode, Loose] = Mode.inform
    tell: list[Told] = Field(default_factory=list)


class OfficeEntry(Entry):
    """An office in the line inside a unit."""

    key: Slug
    zh: Text
    en: Text
    levels: Annotated[list[LineLevel], Field(min_length=1)]
    limit: LimitName


class TotalEntry(BaseModel):
    """How many calendar days in total the way from one level to another may take."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    days: Days
    start: LineLevel = Field(alias="from")
    end: LineLevel = Field(alias="to")


class LadderFile(Entry):
    """A file of rules/ladders/."""

    name: Slug
    version: Text
    zh: Text
    en: Text
    jurisdiction: AreaCode = "cn"
    valid_from: date | None = None
    valid_to: date | None = None
    categories: Annotated[list[PlanCategory], Field(min_length=1)]
    grades: Annotated[list[GradeName], Field(min_length=1)]
    offices: list[OfficeEntry] = Field(default_factory=list)
    steps: Annotated[list[StepEntry], Field(min_length=1)]
    total: TotalEntry | None = None
    basis: Text
    confidence: Annotated[Confidence, Loose]
    to_be_confirmed: bool = False


class AgendaEntry(Entry):
    """What goes on an agenda; `n` is the threshold, if it has one."""

    reason: Literal["overdue", "high_grade", "stuck", "returned", "open_item"]
    n: Annotated[int, Field(ge=0, le=365)] = 0


class RhythmFile(Entry):
    """A file of rules/meetings/: a recurring schedule."""

    name: Slug
    version: Text
    zh: Text
    en: Text
    call: Annotated[RhythmCall, Loose]
    every: Annotated[Every, Loose]
    on: Annotated[int, Field(ge=0, le=31)] = 0
    hour: Annotated[int, Field(ge=0, le=23)]
    catch_up_days: Annotated[int, Field(ge=1, le=400)]
    agenda: list[AgendaEntry] = Field(default_factory=list)
    basis: Text


class EffectEntry(Entry):
    """How the effect of a recommendation is measured."""

    window_days: Days
    transition_days: Annotated[int, Field(ge=0, le=365)]
    min_days: Days
    min_cases: Annotated[int, Field(ge=2, le=1000)]


class ClustersFile(Entry):
    """rules/clusters/clusters.yaml."""

    version: Text
    basis: Text
    window_days: Days
    earlier_windows: Annotated[int, Field(ge=1, le=60)]
    min_cases: Annotated[int, Field(ge=5, le=10_000)]
    ratio: Annotated[float, Field(ge=1, le=100)]
    chance_at_most: Annotated[float, Field(gt=0, le=0.5)]
    more_than_peers: Annotated[float, Field(ge=1, le=100)]
    min_peers: Annotated[int, Field(ge=5, le=10_000)]
    dismissed_days: Days
    effect: EffectEntry


class BacklogFile(Entry):
    """rules/backlog/backlog.yaml."""

    version: Text
    basis: Text
    over_days: Annotated[int, Field(ge=1, le=3660)]
    bands: Annotated[list[Annotated[int, Field(ge=2, le=36_500)]], Field(min_length=1, max_length=10)]


class FieldEntry(Entry):
    """A key field and its categories."""

    key: Slug
    zh: Text
    en: Text
    categories: list[Slug]


class FieldsFile(Entry):
    """rules/fields/fields.yaml."""

    version: Text
    basis: Text
    fields: Annotated[list[FieldEntry], Field(min_length=1, max_length=50)]


class WordsEntry(Entry):
    """A part of a letter in each language; `{subject}`, `{times}` and `{days}` are filled in."""

    zh: LetterText
    en: LetterText


class WhenEntry(Entry):
    """What happened, and the minimum thresholds."""

    happening: Annotated[Happening, Loose]
    times: Annotated[int, Field(ge=1, le=100)] = 1
    overdue_days: Annotated[int, Field(ge=0, le=365)] = 0
    grades: list[GradeName] = Field(default_factory=list)


class LetterEntry(Entry):
    """A trigger of a supervision letter."""

    name: Slug
    kind: LetterName
    when: WhenEntry
    basis: WordsEntry
    facts: WordsEntry
    demand: WordsEntry
    next: LetterName | None = None
    confidence: Annotated[Confidence, Loose]
    jurisdiction: AreaCode = "cn"
    valid_from: date | None = None
    valid_to: date | None = None


class LettersFile(Entry):
    """A file of rules/letters/."""

    version: Text
    letters: Annotated[list[LetterEntry], Field(min_length=1)]
