"""Evidence and investigations as messages of the contract, without what is sealed."""

from __future__ import annotations

from pb.mediation.v1 import evidence_pb2 as pb

from casework import names
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.evidence import Evidence, Investigation


def evidence(row: Evidence) -> pb.Evidence:
    """Return a file's metadata."""
    return pb.Evidence(
        name=names.evidence_name(row.number, row.evidence),
        party=names.party_name(row.number, row.party) if row.party else "",
        size=row.size,
        stored_hash=row.stored_hash.hex(),
        content_hash=row.content_mac.hex(),
        create_time=stamp(row.created_at),
        created_by=row.created_by,
        **numbers(type=row.type),
    )


def investigation(row: Investigation) -> pb.Investigation:
    """Return a note of an investigation."""
    return pb.Investigation(
        name=names.investigation_name(row.number, row.investigation),
        investigate_time=stamp(row.investigated_at),
        read_back=row.read_back,
        create_time=stamp(row.created_at),
        created_by=row.created_by,
    )
