"""People as messages: ids and states, masked names and numbers, nothing else."""

from __future__ import annotations

from pb.mediation.v1 import people_pb2 as pb

from casework import names
from casework.mediation.course import PartyKind
from casework.mediation.mask import mask_name, mask_phone
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.storage.sealing import CaseSealer
from services.mediation.models.people import Companion, Party


def details(opener: CaseSealer | None, sealed: bytes | None) -> pb.PartyDetails:
    """Return what was sealed; empty if it was erased."""
    return pb.PartyDetails.FromString(opener.open(sealed)) if opener and sealed else pb.PartyDetails()


def party(row: Party) -> pb.Party:
    """Return a party without personal data: the response of a command, which is stored."""
    return pb.Party(
        name=names.party_name(row.number, row.party),
        etag=str(row.version),
        member=row.member,
        needs_support=row.needs_guardian,
        withdrawn=row.withdrawn_at is not None,
        withdraw_time=stamp(row.withdrawn_at),
        join_time=stamp(row.joined_at),
        **numbers(side=row.side, kind=row.kind),
    )


def masked_party(row: Party, opener: CaseSealer | None) -> pb.Party:
    """Return a party with its name and number masked."""
    known, shown = details(opener, row.sealed), party(row)
    shown.masked_name = mask_name(known.display_name, row.kind is PartyKind.ORGANISATION)
    shown.masked_phone = mask_phone(known.phone)
    shown.has_address = bool(known.address)
    return shown


def companion(row: Companion) -> pb.Companion:
    """Return a companion without anything personal."""
    return pb.Companion(
        name=names.companion_name(row.number, row.companion),
        parties=[names.party_name(row.number, each) for each in row.parties],
        user=row.subject,
        start_time=stamp(row.started_at),
        end_time=stamp(row.ended_at),
        last_day=dates.shown(row.last_day),
        **numbers(role=row.role, scopes=row.scopes),
    )


def masked_companion(row: Companion, opener: CaseSealer | None) -> pb.Companion:
    """Return a companion with the name masked."""
    shown = companion(row)
    shown.masked_name = mask_name(details(opener, row.sealed).display_name)
    return shown
