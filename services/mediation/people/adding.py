"""Adds people to a case: details sealed, the phone number hashed so that an open case can be found by it."""

from __future__ import annotations

import hmac
from datetime import date

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import people_pb2 as pb

from casework.case import Side
from casework.mediation.course import CompanionRole, PartyKind
from casework.mediation.mask import national
from services.kit.command import Work
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import Sealer
from services.mediation import keys
from services.mediation.models.cases import Case
from services.mediation.models.people import Party
from services.mediation.people import named, store


class Adding:
    """Adds parties."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._index_key = sealer.derive("party phone")

    def phone_index(self, phone: str) -> bytes | None:
        """Return the keyed hash of a whole phone number; None for none."""
        return hmac.digest(self._index_key, national(phone).encode(), "sha256") if phone else None

    async def party(
        self,
        work: Work,
        case: Case,
        details: pb.PartyDetails,
        *,
        side: Side,
        kind: PartyKind,
        member: bool = False,
        needs_guardian: bool = False,
        minor_until: date | None = None,
        reported: bool = False,
    ) -> Party:
        """Add a party to a case whose row is locked, and append the event."""
        sealer = await keys.writing(work.connection, self._sealer, case)
        row = await store.add_party(
            work.connection, case.number, work.now, side=side, kind=kind, member=member,
            needs_guardian=needs_guardian, minor_until=minor_until, sealed=sealer.seal(details.SerializeToString()),
            phone_index=self.phone_index(details.phone),
        )  # fmt: skip
        payload = {"party": row.party, "side": row.side.name, "kind": row.kind, "member": row.member}
        await work.append(NewEvent(case.number, "PartyAdded", case.unit, {**payload, "reported": reported}))
        return row

    async def reported(self, work: Work, case: Case, content: report_pb2.ReportContent) -> None:
        """Add the people named in the report of a new case, if it is a dispute; for a minor, the guardian as well."""
        if not named.is_dispute(content):
            return
        for each in named.named(content):
            row = await self.party(
                work, case, each.details, side=each.side, kind=each.kind, needs_guardian=each.needs_guardian,
                reported=True,
            )  # fmt: skip
            if each.guardian is not None:
                await self._guardian(work, case, row, each.guardian)

    async def _guardian(self, work: Work, case: Case, party: Party, details: pb.PartyDetails) -> None:
        sealer = await keys.writing(work.connection, self._sealer, case)
        role = CompanionRole.GUARDIAN
        row = await store.add_companion(
            work.connection, case.number, work.now, role=role, parties=[party.party], scopes=[], subject="",
            sealed=sealer.seal(details.SerializeToString()),
        )  # fmt: skip
        payload = {"companion": row.companion, "role": role.name, "parties": [party.party]}
        await work.append(NewEvent(case.number, "CompanionAdded", case.unit, payload))

    async def correct(
        self, work: Work, case: Case, before: report_pb2.ReportContent, content: report_pb2.ReportContent
    ) -> None:
        """Copy the reporter's corrected contact to the party who is the reporter; fields left out stay."""
        if before.reporter == content.reporter:
            return
        sealer = await keys.writing(work.connection, self._sealer, case)
        for row, details in await self.reporters(work, case, before):
            details.MergeFrom(named.reporter(content))
            sealed, index = sealer.seal(details.SerializeToString()), self.phone_index(details.phone)
            await store.change_party(work.connection, case.number, row.party, sealed=sealed, phone_index=index)
            payload = {"party": row.party, "changed": ["details"]}
            await work.append(NewEvent(case.number, "PartyChanged", case.unit, payload))

    async def reporters(
        self, work: Work, case: Case, content: report_pb2.ReportContent
    ) -> list[tuple[Party, pb.PartyDetails]]:
        """Return the parties that are the reporter, each with its details."""
        sealer = await keys.writing(work.connection, self._sealer, case)
        rows = await store.list_parties(work.connection, case.number, 0, MAX_PEOPLE)
        found = [(row, pb.PartyDetails.FromString(sealer.open(row.sealed))) for row in rows if row.sealed is not None]
        return [(row, details) for row, details in found if named.is_reporter(details, content)]


MAX_PEOPLE = 500
"""Parties a case may have."""
