"""How the parties of cases can be reached: read when a notice is sent; each access is logged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pb.access.v1 import contact_pb2 as pb
from pb.access.v1 import contact_pb2_grpc
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import people_pb2, safeguards_pb2

from casework import names
from casework.errors import Reason, field_error
from casework.mediation.course import CompanionRole, Scope
from casework.mediation.mask import national
from services.kit import dates
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer, Sealer
from services.mediation import keys
from services.mediation.models.cases import Case
from services.mediation.models.people import Companion, Party
from services.mediation.models.safeguards import Screening
from services.mediation.notices import store
from services.mediation.people import view
from services.mediation.people.store import beside
from services.mediation.servicer import Servicer


class ContactServicer(Servicer, contact_pb2_grpc.ContactServiceServicer):
    """Serves contacts of parties to the process that sends notices."""

    async def BatchGetContacts(
        self, request: pb.BatchGetContactsRequest, context: Context
    ) -> pb.BatchGetContactsResponse:
        """Return how these people can be reached; a reporter only if it is a party. They are from all units."""
        call = current_call()
        call.require(names.ROOT_UNIT)
        if request.service != self.service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self.service}")
        async with self.database.begin() as connection:
            found = await find(connection, self.sealer, request.names, dates.today(self.time.now()))
            looked = [(names.number_of(contact.name), subject) for contact, subject in found.values()]
            await access_log.record_all(connection, call, self.time.now(), looked, people_pb2.PURPOSE_CONTACT)
        return pb.BatchGetContactsResponse(contacts=[contact for contact, _ in found.values()])


@dataclass
class _People:
    """The people of a case whose data is not erased."""

    opener: CaseSealer
    case: Case
    parties: dict[int, Party]
    beside: list[Companion]
    screened: dict[int, Screening]

    def contact(self, name: str, party: Party, today: date) -> pb.Contact:
        """Return how a party can be reached: through its representative or guardian, if there is one."""
        own = view.details(self.opener, party.sealed)
        acting = self._acting(party, today)
        told = own if acting is None else view.details(self.opener, acting.sealed)
        found = pb.Contact(
            name=name, display_name=told.display_name, phone=told.phone, email=told.email,
            postal_address=own.service_address or told.address, account=acting.subject if acting else party.subject,
            preference=told.contact,
        )  # fmt: skip
        barred = {*told.contact.never_by, *own.contact.never_by}
        found.preference.never_by[:] = sorted(barred)
        screened = self.screened.get(party.party)
        sealed = screened.sealed if screened else None
        if sealed and safeguards_pb2.Screening.FromString(self.opener.open(sealed)).hide_address:
            # Hidden from everybody: a letter would show it to whoever posts it or shares the letter box.
            # Where letters are to go instead the party has said itself.
            found.postal_address = own.service_address
        return found

    def _acting(self, party: Party, today: date) -> Companion | None:
        """Return the guardian of a minor, or the agent who may receive service."""
        minor = party.minor_until is not None and today < party.minor_until
        for each in self.beside:
            now = beside(each, today)
            acts = now.serves(party.party, CompanionRole.GUARDIAN) if minor else Scope.RECEIVE in now.powers
            if party.party in each.parties and acts and each.sealed:
                return each
        return None

    def reporter(self) -> report_pb2.Reporter:
        """Return the reporter, as handed on when the case was opened."""
        sealed = self.case.sealed
        content = report_pb2.ReportContent.FromString(self.opener.open(sealed)) if sealed else None
        return content.reporter if content else report_pb2.Reporter()

    def reporting_party(self) -> Party | None:
        """Return the party that reported the matter: of the same number, or of the same name."""
        told = self.reporter()
        for party in self.parties.values():
            own = view.details(self.opener, party.sealed)
            same_phone = bool(told.phone) and national(told.phone) == national(own.phone)
            if same_phone or (told.display_name and _plain(told.display_name) == _plain(own.display_name)):
                return party
        return None


async def find(
    connection: Connection, sealer: Sealer, asked: Iterable[str], today: date
) -> dict[str, tuple[pb.Contact, str]]:
    """Return by name how people can be reached, and as whom they were looked up; without unknown ones."""
    wanted = list(dict.fromkeys(asked))
    people = await _people(connection, sealer, {names.number_of(name) for name in wanted})
    found: dict[str, tuple[pb.Contact, str]] = {}
    for name in wanted:
        of_case = people.get(names.number_of(name))
        if of_case is None:
            continue
        is_party = name.startswith("cases/")
        party = of_case.parties.get(names.index_of(name)) if is_party else of_case.reporting_party()
        if party is not None:
            subject = names.party_name(party.number, party.party)
            found[name] = of_case.contact(name, party, today), subject
    return found


async def reporting_party(connection: Connection, sealer: Sealer, number: str) -> int:
    """Return the number of the party that reported a matter; 0 where it is none of them, or their data is erased."""
    people = await _people(connection, sealer, {number})
    party = people[number].reporting_party() if number in people else None
    return party.party if party is not None else 0


async def reporter_of(connection: Connection, sealer: Sealer, number: str) -> report_pb2.Reporter:
    """Return the reporter of a case as it was opened; empty where there is no such case."""
    people = await _people(connection, sealer, {number})
    return people[number].reporter() if number in people else report_pb2.Reporter()


async def _people(connection: Connection, sealer: Sealer, numbers: set[str]) -> dict[str, _People]:
    found = {
        number: _People(keys.reading(sealer, case), case, {}, [], {})
        for number, case in (await store.cases(connection, numbers)).items()
        if case.erased_at is None and case.sealed_key is not None
    }
    for party in await store.parties(connection, found):
        found[party.number].parties[party.party] = party
    for companion in await store.companions(connection, found):
        found[companion.number].beside.append(companion)
    for screening in await store.screenings(connection, found):
        found[screening.number].screened[screening.party] = screening
    return found


def _plain(name: str) -> str:
    return "".join(name.split())
