"""Entries of the list of officials as messages, and as papers need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pb.mediation.v1 import officials_pb2 as pb

from casework import names
from casework.officials import Official
from services.kit import dates
from services.kit.instants import stamp
from services.kit.storage.sealing import CaseSealer, Sealer
from services.mediation.officials.models import OfficialRow, OfficialVersionRow


def key(sealer: Sealer, unit: str) -> CaseSealer:
    """Return what seals names and posts of a unit's officials: they belong to no case."""
    return CaseSealer(f"officials/{unit}", sealer.derive("names and posts of officials"))


def person(sealer: Sealer, row: OfficialRow | OfficialVersionRow) -> pb.OfficialPerson:
    """Return name and post of an entry."""
    return pb.OfficialPerson.FromString(key(sealer, row.unit).open(row.sealed))


def term(sealer: Sealer, row: OfficialRow) -> Official:
    """Return an entry as papers need it."""
    called = person(sealer, row)
    return Official(row.account, called.display_name, called.post, row.unit, row.first_on, row.last_on, signs=row.signs)


def official(row: OfficialRow, today: date) -> pb.Official:
    """Return an entry without name and post: the response of a command, which is stored."""
    return pb.Official(
        name=f"officials/{row.unit}-{row.official_no}",
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        account=row.account,
        signs=row.signs,
        first_date=dates.shown(row.first_on),
        last_date=dates.shown(row.last_on),
        serving=row.first_on <= today and (row.last_on is None or today <= row.last_on),
    )


def shown(
    sealer: Sealer, row: OfficialRow, today: date, versions: Sequence[OfficialVersionRow] = ()
) -> pb.Official:  # fmt: skip
    """Return an entry with name and post, and with what it said before."""
    found = official(row, today)
    found.person.CopyFrom(person(sealer, row))
    found.earlier.extend(_version(sealer, each) for each in versions if each.version < row.version)
    return found


def _version(sealer: Sealer, row: OfficialVersionRow) -> pb.OfficialVersion:
    called = person(sealer, row)
    return pb.OfficialVersion(
        display_name=called.display_name,
        post=called.post,
        signs=row.signs,
        first_date=dates.shown(row.first_on),
        last_date=dates.shown(row.last_on),
        create_time=stamp(row.entered_at),
        created_by=row.entered_by,
    )
