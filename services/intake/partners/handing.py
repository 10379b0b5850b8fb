"""The letter with which a partner hands a matter over: whether it may, and what the case gets of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pb.intake.v1 import report_pb2

from casework import names
from casework.errors import FieldFault, Reason, field_error
from casework.mediation.docking import DEPARTMENTS, DockingKind, Nature, Procedure, may_hand_over
from services.intake.partners.models import HandOver
from services.kit.instants import instant, stamp
from services.kit.numbers import numbers
from services.kit.serving.errors import invalid

_KINDS = {slug: kind for kind, slug in DEPARTMENTS.items()}
_NOBODY = ("只有法院、公安机关、信访部门可以委派、移送。", "only a court, the police or a petition office hands over")
_UNSAID = ("必须写明。", "is required of this authority")
_LATER = ("不能晚于现在。", "must not be later than now")


def terms(partner: str, said: report_pb2.HandOver, letters: Collection[str], now: datetime) -> Mapping[str, Any]:
    """Return what is kept of a hand-over; a CaseError names the field that is wrong, or why it is not for mediation.

    `letters`: those of this partner by which something was handed over before.
    """
    kind = _KINDS.get(partner.partition("-")[2])
    if kind is None:
        raise invalid([FieldFault("hand_over", *_NOBODY)])
    petition_at = instant(said.petition_accept_time) if said.HasField("petition_accept_time") else None
    is_said = {
        DockingKind.COURT: {"procedure": bool(said.procedure)},
        DockingKind.POLICE: {"decided": said.HasField("decided")},
        DockingKind.PETITION: {"subject": bool(said.subject), "petition_accept_time": petition_at is not None},
    }[kind]
    if missing := [FieldFault(f"hand_over.{name}", *_UNSAID) for name, known in is_said.items() if not known]:
        raise invalid(missing)
    if kind is DockingKind.PETITION and petition_at is not None and petition_at > now:
        raise invalid([FieldFault("hand_over.petition_accept_time", *_LATER)])
    nature = Nature(said.subject) if said.subject and kind is DockingKind.PETITION else None
    may_hand_over(kind, nature, said.decided)
    if said.letter in letters:
        raise field_error("hand_over.letter", Reason.ALREADY_EXISTS, said.letter)
    return {
        "partner": partner, "letter": said.letter, "nature": nature,
        "procedure": Procedure(said.procedure) if kind is DockingKind.COURT else None,
        "decided": said.decided if kind is DockingKind.POLICE else None,
        "petition_at": petition_at if kind is DockingKind.PETITION else None,
    }  # fmt: skip


def shown(row: HandOver) -> report_pb2.HandOver:
    """Return a hand-over as whoever may read the content of the report sees it."""
    return report_pb2.HandOver(
        letter=row.letter, decided=row.decided, petition_accept_time=stamp(row.petition_at),
        authority=names.unit_name(row.partner), **numbers(procedure=row.procedure, subject=row.nature),
    )  # fmt: skip
