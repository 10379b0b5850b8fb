"""Judicial confirmation (司法确认): why a court may refuse, and by when the parties may apply."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import IntEnum

from casework.errors import CaseError, Reason
from casework.mediation.agreement import AgreementState, Clause, ClauseKind, Form, Question


class ConfirmationState(IntEnum):
    """State of an application; the numbers match the contract."""

    APPLIED = 1
    CONFIRMED = 2
    REJECTED = 3
    WITHDRAWN = 4


class Caution(IntEnum):
    """Why a court may refuse; a caution blocks nothing, the court decides."""

    NOT_EFFECTIVE = 1
    """The agreement does not bind yet."""
    WINDOW_CLOSED = 2
    """More than 30 days since it took effect (人民调解法 33, 民诉法 205)."""
    STATUS_MATTER = 3
    """Marriage, parentage or adoption as a status (民诉解释 355(3))."""
    TITLE_MATTER = 4
    """Title to property or intellectual property (355(5))."""
    UNCLEAR_CONTENT = 5
    """A duty without a date, or a checklist that does not confirm it is clear (358(5))."""
    CHECKLIST_OPEN = 6
    """Legality or free will is not answered with yes (358(1)-(4))."""
    ORAL_AGREEMENT = 7
    """There is no written agreement to file (354)."""
    NOT_JOINT = 8
    """Not every party has agreed to apply (人民调解法 33)."""
    NOTHING_TO_ENFORCE = 9
    """Everything was performed: confirmation adds nothing."""


_STATUS = ("family", "family/marriage", "family/support")
_TITLE = ("homestead/title", "homestead", "land", "land/contracted", "land/forest", "ip", "family/inheritance")


def cautions(
    *,
    state: AgreementState,
    form: Form,
    category: str,
    clauses: Iterable[Clause],
    answers: Mapping[Question, bool],
    due_at: datetime | None,
    missing: Collection[int],
    performed: bool,
    now: datetime,
) -> list[Caution]:
    """Return why a court may refuse an application, in the order of the list; empty if there is no known reason.

    `due_at` is the deadline; `missing` the parties who have not agreed to apply.
    """
    duties = list(clauses)
    # A promise to pay alone decides no status and no title, whatever the matter.
    other = any(clause.kind is not ClauseKind.PAY for clause in duties)
    unclear = any(part.on is None for clause in duties for part in clause.parts) or not answers.get(Question.CLEAR)
    legal = (Question.LAWFUL, Question.PUBLIC_INTEREST, Question.PUBLIC_ORDER, Question.VOLUNTARY)
    found = {
        Caution.NOT_EFFECTIVE: state is not AgreementState.EFFECTIVE,
        Caution.WINDOW_CLOSED: due_at is not None and due_at < now,
        Caution.STATUS_MATTER: other and category in _STATUS,
        Caution.TITLE_MATTER: other and category in _TITLE,
        Caution.UNCLEAR_CONTENT: unclear,
        Caution.CHECKLIST_OPEN: not all(answers.get(question) for question in legal),
        Caution.ORAL_AGREEMENT: form is Form.ORAL,
        Caution.NOT_JOINT: bool(missing),
        Caution.NOTHING_TO_ENFORCE: performed,
    }
    return [caution for caution, holds in found.items() if holds]


def may_apply(state: AgreementState, due_at: datetime | None, missing: Collection[int], now: datetime) -> None:
    """Raise unless the parties may apply: it is effective, all agreed, the 30 days are not over (民诉法 205)."""
    if state is not AgreementState.EFFECTIVE:
        raise CaseError(Reason.NOT_EFFECTIVE, state.name)
    if due_at is not None and due_at < now:
        raise CaseError(Reason.WINDOW_CLOSED, due_at.date().isoformat())
    if missing:
        who = ",".join(map(str, sorted(missing)))
        raise CaseError(Reason.CONSENT_MISSING, who, parties=who)


def decide(state: ConfirmationState, to: ConfirmationState) -> ConfirmationState:
    """Return the result of an application, or raise WRONG_STATE if it has one already."""
    if state is not ConfirmationState.APPLIED or to is ConfirmationState.APPLIED:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to
