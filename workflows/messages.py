"""Messages between the relay, the workflows and their activities: ids, stages and instants, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

TASK_QUEUE = "accord"
CASE_WORKFLOW = "CaseWorkflow"
HEAR = "hear"
FILE_WORKFLOW = "FileWorkflow"
SCHEDULED_WORKFLOW = "ScheduledWorkflow"
RUN_SCHEDULE = "run_schedule"
LETTER_WORKFLOW = "LetterWorkflow"
_OF_FILES = {"letters": LETTER_WORKFLOW}
"""The workflow of a file by its collection, if it does more than keep its clocks."""


def workflow_id(number: str) -> str:
    """Return the id of a workflow, the name of its case or file: `cases/620102-2026-000117`, `letters/…`."""
    return f"cases/{number}" if is_case(number) else number.replace("-", "/", 1)


def part_of(case: str, payload: Mapping[str, Any]) -> str:
    """Return the name of the instalment that an event is about."""
    agreement, clause, instalment = (int(payload[name]) for name in ("agreement", "clause", "instalment"))
    return f"{case}/agreements/{agreement}/clauses/{clause}/instalments/{instalment}"


def number_of_workflow(id_: str) -> str:
    """Return the number of the case or file whose workflow has this id."""
    return id_.removeprefix("cases/") if id_.startswith("cases/") else id_.replace("/", "-", 1)


def is_case(number: str) -> bool:
    """Return whether a number is that of a case; numbers of files of supervision begin with their kind."""
    return number[:1].isdigit()


def file_workflow(number: str) -> str:
    """Return the workflow that keeps a file of supervision: `letters-…` a letter's, any other the plain one."""
    return _OF_FILES.get(number.partition("-")[0], FILE_WORKFLOW)


class Stage(StrEnum):
    """The stage of a case's workflow."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    HANDLING = "handling"
    MEDIATING = "mediating"
    FULFILLING = "fulfilling"
    CLOSED = "closed"
    DECLINED = "declined"
    MERGED = "merged"


RECHECK = "Recheck"
"""Not an event: asks a workflow to read all facts again, if its stage may differ from them."""

REOPENED = "CaseReopened"
"""The event that takes a case back from its end."""

DISPUTED = "RefusalDisputed"
"""A reporter asked that a refusal be looked at again: the report, whose workflow had ended, waits in intake again."""

UNMERGED = "ReportUnmerged"
"""A merge was undone: the report, whose workflow had ended, waits in intake again."""

DEFAULT_PURSUED = "DefaultPursued"
"""Somebody asked to escalate a default to the unit above."""

FINDING_RECORDED = "FindingRecorded"
"""A screening campaign found something: it becomes a report in intake, once."""

OVERDUE_TOLD = "ClockOverdue"
"""A deadline was missed: signalled only if the workflow did not ask for it itself and must escalate it."""

LEFT = frozenset({"PartyWithdrew", "MediationEnded"})
"""Events that end a mediation at once, in any state: the case continues without it."""

ENDED = frozenset({Stage.CLOSED, Stage.DECLINED, Stage.MERGED})


class Source(StrEnum):
    """The service an event comes from."""

    INTAKE = "intake"
    MEDIATION = "mediation"
    ESCALATION = "escalation"


@dataclass(frozen=True)
class Heard:
    """One event the workflow must know of. `sequence` counts within case and source: seen ones are dropped."""

    source: Source
    sequence: int
    kind: str
    stage: Stage | None = None
    next_at: datetime | None = None
    escalation: int = 0
    unit: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Asked:
    """The services whose history since the last seen event a workflow asks for."""

    number: str
    seen: dict[str, int]


@dataclass(frozen=True)
class Read:
    """What happened that the workflow must know of, in the order it was recorded, and how far it has been read.

    `anew` means that a history ends before the last seen event: it was restored, or was never that long.
    """

    events: list[Heard]
    seen: dict[str, int]
    anew: bool = False


VERSION = 1
"""Version of a case's workflow: 1 includes all patches until then, and opening without reading the facts first."""


@dataclass(frozen=True)
class CaseStart:
    """How a case's workflow begins, and how it continues in a new run.

    `speed` and `epoch` are those of business time: a workflow sleeps in real time towards a business instant.
    """

    number: str
    unit: str = ""
    stage: Stage = Stage.RECEIVED
    next_at: dict[str, datetime] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    waiting: list[Heard] = field(default_factory=list)
    speed: float = 1.0
    epoch: datetime | None = None
    transfers: list[int] = field(default_factory=list)
    escalated: bool = False
    defaults: list[str] = field(default_factory=list)
    version: int = 0
    """`VERSION` of workflows started now; those started without one use their history."""


@dataclass(frozen=True)
class FileStart:
    """How the workflow of a file of supervision begins, and how it continues in a new run."""

    number: str
    unit: str = ""
    next_at: dict[str, datetime] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    waiting: list[Heard] = field(default_factory=list)
    speed: float = 1.0
    epoch: datetime | None = None
    findings: bool = False


@dataclass(frozen=True)
class FileEnd:
    """How a file's workflow ended: none of its clocks has a future rung."""

    number: str


class LetterStage(StrEnum):
    """The stage of a letter's workflow."""

    DRAFTED = "drafted"
    APPROVED = "approved"
    SERVED = "served"
    RECEIVED = "received"
    REPLIED = "replied"
    CLOSED = "closed"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    ANNULLED = "annulled"
    DISCARDED = "discarded"


LETTER_OVER = frozenset({
    LetterStage.CLOSED, LetterStage.FAILED, LetterStage.WITHDRAWN, LetterStage.ANNULLED, LetterStage.DISCARDED,
})  # fmt: skip
LETTER_TURNS = {
    "LetterDrafted": LetterStage.DRAFTED,
    "LetterApproved": LetterStage.APPROVED,
    "LetterServed": LetterStage.SERVED,
    "LetterReceived": LetterStage.RECEIVED,
    "LetterReplied": LetterStage.REPLIED,
    "LetterClosed": LetterStage.CLOSED,
    "LetterFailed": LetterStage.FAILED,
    "LetterWithdrawn": LetterStage.WITHDRAWN,
    "LetterAnnulled": LetterStage.ANNULLED,
    "LetterDiscarded": LetterStage.DISCARDED,
}
"""The stage of a letter by event."""


@dataclass(frozen=True)
class LetterEnd:
    """How a letter's workflow ended."""

    number: str
    stage: LetterStage


@dataclass(frozen=True)
class CaseStep:
    """The input of an activity on a case."""

    number: str
    source: Source = Source.MEDIATION
    escalation: int = 0
    generation: int = 0
    subject: str = ""


@dataclass(frozen=True)
class Told:
    """The result of an activity on a case: when to ask its service again, and how many deadlines have passed.

    `generation` is that of the case's clocks there, `clock` the one with the next rung, `tier` the case's grade,
    `stage` the case's stage if it differs from the workflow's.
    """

    next_at: datetime | None = None
    overdue: int = 0
    ended: bool = False
    generation: int = 0
    clock: str = ""
    tier: str = ""
    stage: Stage | None = None


@dataclass(frozen=True)
class CaseEnd:
    """How a case's workflow ended."""

    stage: Stage
