"""How a mediation ends: the closed list of grounds, the statutory terms, the result, and service of its notice."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from casework.case import Ground
from casework.door.category import within
from casework.errors import CaseError, Reason, field_error
from casework.mediation.agreement import Extent
from casework.mediation.course import MediationState


class MediationResult(IntEnum):
    """The result of a mediation: kept separate, never merged with performance or satisfaction."""

    AGREED_FULL = 1
    AGREED_PARTIAL = 2
    NOT_AGREED = 3


_STATUTORY = {"labour": "labour_mediation", "medical": "medical_mediation", "consumer": "consumer_mediation"}


def statutory_term(category: str) -> str | None:
    """Return the statutory time limit for mediating this kind of matter; None if there is none.

    劳动争议调解仲裁法 14, 医疗纠纷条例 38, 投诉举报处理办法 23. It adds to the general term, never replaces it.
    """
    return next((rule for kind, rule in _STATUTORY.items() if within(kind, category)), None)


def may_end(ground: Ground, ended: bool, agreed: bool) -> None:
    """Raise unless a mediation can end on this ground: it is in progress, and ends as agreed only with an agreement."""
    if ended:
        raise CaseError(Reason.WRONG_STATE, "ENDED", state="ENDED")
    if ground is Ground.AGREED and not agreed:
        raise CaseError(Reason.NOT_EFFECTIVE)


def ended_as(ground: Ground, agreed: bool) -> MediationState:
    """Return the state of a mediation that ends on this ground; agreed if an agreement is effective, even in part.

    A partial agreement stays when a party leaves over the rest.
    """
    if agreed:
        return MediationState.AGREED
    return MediationState.WITHDRAWN if ground is Ground.PARTY_WITHDREW else MediationState.NOT_AGREED


def result(ended: bool, effective: list[Extent]) -> MediationResult | None:
    """Return the result of a mediation; None while it is in progress."""
    if Extent.FULL in effective:
        return MediationResult.AGREED_FULL
    if not ended:
        return None
    return MediationResult.AGREED_PARTIAL if effective else MediationResult.NOT_AGREED


class ServiceMedium(IntEnum):
    """How a notice of rights was served; the numbers match the contract."""

    IN_PERSON = 1
    POST = 2
    ELECTRONIC = 3
    READ_ALOUD = 4


_UNSEEN = frozenset({ServiceMedium.POST, ServiceMedium.ELECTRONIC})


def check_service(medium: ServiceMedium, evidence: str, at: datetime, made_at: datetime, now: datetime) -> None:
    """Raise unless service may be recorded: after the notice was made out, and proven where nobody here saw it."""
    if at > now:
        raise field_error("serve_time", Reason.IN_THE_FUTURE)
    if at < made_at:
        raise field_error("serve_time", Reason.BEFORE_START)
    if medium in _UNSEEN and not evidence:
        raise field_error("evidence", Reason.EVIDENCE_REQUIRED, medium.name)
