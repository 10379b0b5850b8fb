"""The agreement: what it may contain, what must be answered before signing, and from when it binds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum

from casework.door.category import within
from casework.errors import CaseError, FieldFault, Reason


class Extent(IntEnum):
    """How much of the dispute it settles; the numbers match the contract."""

    FULL = 1
    PARTIAL = 2


class Form(IntEnum):
    """How it is made; the numbers match the contract."""

    WRITTEN = 1
    ORAL = 2


class AgreementState(IntEnum):
    """State of the agreement; the numbers match the contract."""

    DRAFT = 1
    SIGNING = 2
    EFFECTIVE = 3
    SUPERSEDED = 4


class ClauseKind(IntEnum):
    """What a clause requires of its performer; the numbers match the contract."""

    PAY = 1
    ACT = 2
    REFRAIN = 3
    APOLOGISE = 4


class Signer(IntEnum):
    """Who signs for a party; the numbers match the contract."""

    SELF = 1
    GUARDIAN = 2
    AGENT = 3
    REPRESENTATIVE = 4


class Question(IntEnum):
    """The closed list of questions the mediator answers before anybody signs; every answer must be yes."""

    LAWFUL = 1
    """It breaks no mandatory rule of law (民诉解释 358(1))."""
    PUBLIC_INTEREST = 2
    """It harms neither state nor public interest (358(2))."""
    PUBLIC_ORDER = 3
    """It is not against public order and good morals (358(3))."""
    VOLUNTARY = 4
    """Every party agrees of its own free will (358(4); 人民调解法 3)."""
    CLEAR = 5
    """Content, manner and date of performance are clear (358(5); 人民调解法 29)."""
    BINDING_EXPLAINED = 6
    """The parties were told that it binds and must be performed (人民调解法 31)."""
    COURT_EXPLAINED = 7
    """They were told that a dispute about it may go to court (人民调解法 32)."""
    CONFIRMATION_EXPLAINED = 8
    """They were told that they may jointly ask a court to confirm it within 30 days (人民调解法 33)."""


class Interest(IntEnum):
    """Whose interests, besides the parties', an agreement may affect (民诉解释 358(2)); asked by the prompt."""

    SPOUSE = 1
    CO_OWNER = 2
    CREDITOR = 3
    HEIR = 4
    GUARANTOR = 5
    TENANT = 6
    MINOR = 7
    COLLECTIVE = 8
    OTHER = 9


WRITTEN_ONLY = ("labour", "medical")
"""Categories whose agreement must be written (劳动争议调解仲裁法 14, 医疗纠纷条例 39)."""


@dataclass(frozen=True, slots=True)
class Due:
    """One part of a clause and the last day for it; `amount` in fen, 0 where it is not money."""

    amount: int
    on: date | None


@dataclass(frozen=True, slots=True)
class Clause:
    """Who owes what to whom, in parts. `amount` in fen, 0 where it is not money."""

    performer: int
    beneficiary: int
    kind: ClauseKind
    amount: int
    parts: tuple[Due, ...]


def written_required(category: str) -> bool:
    """Return whether the law requires a written agreement in matters of this category."""
    return any(within(each, category) for each in WRITTEN_ONLY)


def check_draft(clauses: Sequence[Clause], form: Form, category: str, parties: Collection[int], today: date) -> None:
    """Raise unless a draft can be performed as written; the error names every clause and field at fault."""
    if form is Form.ORAL and written_required(category):
        raise CaseError(Reason.WRITTEN_REQUIRED, category, category=category)
    faults = [fault for index, clause in enumerate(clauses) for fault in _faults(index, clause, parties, today)]
    if faults:
        raise CaseError(Reason.INVALID_FIELD, ", ".join(fault.field for fault in faults), tuple(faults))


def _faults(index: int, clause: Clause, parties: Collection[int], today: date) -> Iterable[FieldFault]:
    path = f"agreement.clauses[{index}]"
    for field, party in (("performer", clause.performer), ("beneficiary", clause.beneficiary)):
        if party not in parties:
            yield FieldFault(f"{path}.{field}", "不是在场的当事人。", "is not a party to the mediation")
    if clause.performer == clause.beneficiary:
        yield FieldFault(f"{path}.beneficiary", "不能与履行人相同。", "is also the performer")
    yield from _money_faults(path, clause)
    days = [part.on for part in clause.parts if part.on is not None]
    if clause.kind is not ClauseKind.REFRAIN and len(days) < len(clause.parts):
        yield FieldFault(f"{path}.due_date", "必须写明履行期限。", "needs a performance date")
    if any(day < today for day in days):
        yield FieldFault(f"{path}.due_date", "期限已过。", "is in the past")
    if days != sorted(set(days)):
        yield FieldFault(f"{path}.instalments", "各期日期应依次递增。", "their dates must be in order")


def _money_faults(path: str, clause: Clause) -> Iterable[FieldFault]:
    if clause.kind is not ClauseKind.PAY:
        if clause.amount or len(clause.parts) > 1:
            yield FieldFault(f"{path}.amount_fen", "只有给付条款才有金额和分期。", "only a payment has one")
        return
    if clause.amount <= 0:
        yield FieldFault(f"{path}.amount_fen", "给付条款必须写明金额。", "a payment needs one")
    elif any(part.amount <= 0 for part in clause.parts) or sum(part.amount for part in clause.parts) != clause.amount:
        yield FieldFault(f"{path}.instalments", "各期金额之和应等于总额。", "must add up to the amount")


def may_sign(answers: Mapping[Question, bool], third_settled: bool | None) -> None:
    """Raise CHECKLIST_INCOMPLETE unless every question was answered with yes and the third-party prompt is settled.

    `third_settled` is None until the prompt is answered, False while an affected interest is not settled.
    """
    missing = [question.name for question in Question if not answers.get(question)]
    if third_settled is not True:
        missing.append("THIRD_PARTIES")
    if missing:
        raise CaseError(Reason.CHECKLIST_INCOMPLETE, ", ".join(missing), questions=",".join(missing))


def may_sign_for(signer: Signer, parties: Iterable[int], standing: Collection[int], settled: Collection[int]) -> None:
    """Raise unless somebody may sign for these parties.

    A person who signs for another, in particular an elected representative, needs that principal's own consent
    to the settlement (民诉法 62); a guardian must be recorded as theirs. `settled` are the parties with that consent.
    """
    asked = list(parties)
    if strange := [party for party in asked if party not in standing]:
        fault = FieldFault("parties", "不是在场的当事人。", "names somebody who is not a party to the mediation")
        raise CaseError(Reason.INVALID_FIELD, ", ".join(map(str, strange)), (fault,))
    if signer is not Signer.SELF:
        missing = [str(party) for party in asked if party not in settled]
        if missing:
            raise CaseError(Reason.CONSENT_MISSING, ", ".join(missing), parties=",".join(missing))


def effective_at(
    form: Form,
    signed: Mapping[int, datetime],
    standing: Collection[int],
    countersigned: datetime | None,
    sealed: datetime | None,
) -> datetime | None:
    """Return the instant from which it binds; None while something is missing.

    人民调解法 29: a written one from when all parties have signed, the mediator has signed and the seal is set, the
    last of these; art. 30: an oral one from when all parties have agreed.
    """
    if not standing or any(party not in signed for party in standing):
        return None
    agreed = max(signed[party] for party in standing)
    if form is Form.ORAL:
        return agreed
    if countersigned is None or sealed is None:
        return None
    return max(agreed, countersigned, sealed)
