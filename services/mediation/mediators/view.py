"""Mediators as messages: their office, nothing else."""

from __future__ import annotations

from pb.mediation.v1 import mediators_pb2 as pb

from casework import names
from casework.mediation.choosing import CONFLICTS, Candidate, Conflict, knows
from services.mediation.models.mediators import Mediator


def mediator(row: Mediator) -> pb.Mediator:
    """Return an entry of the register."""
    return pb.Mediator(
        name=names.mediator_name(row.mediator),
        etag=str(row.version),
        user=row.subject,
        display_name=row.display_name,
        unit=names.unit_name(row.unit),
        areas=[names.unit_name(area) for area in row.areas],
        languages=row.languages,
        specialities=[f"categories/{category}" for category in row.specialities],
        active=row.active,
    )


def candidate(
    row: Mediator, judged: Candidate, category: str, conflict: Conflict, language: str, open_mediations: int | None
) -> pb.Candidate:
    """Return a possible mediator of a case, with conflicts; how many cases they mediate only for who may know it."""
    zh, en = CONFLICTS.get(conflict, ("", ""))
    return pb.Candidate(
        mediator=names.mediator_name(row.mediator),
        display_name=row.display_name,
        unit=names.unit_name(row.unit),
        languages=row.languages,
        speciality=knows(judged, category),
        conflict=pb.Conflict.Name(int(conflict)),
        conflict_words=en if language == "en" else zh,
        open_mediations=open_mediations,
    )
