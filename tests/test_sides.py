"""Which side an account belongs to, for good; and what a new mediator may read of earlier confidences."""

from __future__ import annotations

from typing import Any

import pytest
from pb.mediation.v1 import caucus_pb2 as pb

from tests.case_people import Act, enter
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import mediated, refused
from tests.people_of_case import Stubs
from tests.world_people import companion

HANDOVER = 9


class Compartment:
    """A case in mediation whose parties sign in as `one` and `two`, with a mediator who can be replaced."""

    def __init__(self, clients: Clients, act: Act) -> None:
        self.clients, self.act, self.stubs, self.mediator = clients, act, Stubs(clients), ""

    @classmethod
    async def of(cls, clients: Clients) -> Compartment:
        """Return one in a new case."""
        case = await mediated(clients, state=2)
        found = cls(clients, Act(clients, case.name))
        await found.take()
        return found

    async def take(self) -> None:
        """Let somebody new be the mediator of record, whom every party chose."""
        name = await enter(self.clients, f"units/{COUNTY}")
        for party in (1, 2):
            if (await self.act.choose(party, name)).phase == 3:
                break
        await self.act.accept(name)
        self.mediator = name.rpartition("/")[2]

    def as_mediator(self) -> dict[str, Any]:
        """Return the access of the mediator of record."""
        return self.clients.as_("mediator", sub=self.mediator)

    async def bind(self, party: int, subject: str) -> None:
        """Bind an account."""
        request = pb.BindPartyRequest(name=self.act.of(party), subject=subject, request_id=request_id())
        await self.stubs.caucus.BindParty(request, **self.as_mediator())

    async def write(self, text: str, access: dict[str, Any], side: str = "applicant") -> None:
        """Write a note of a side, and make an offer."""
        parent = f"{self.act.case}/caucuses/{side}"
        note = pb.WriteCaucusNoteRequest(parent=parent, note=pb.CaucusNote(text=text), request_id=request_id())
        await self.stubs.caucus.WriteCaucusNote(note, **access)
        offer = pb.MakeCaucusOfferRequest(parent=parent, offer=pb.CaucusOffer(terms=text), request_id=request_id())
        await self.stubs.caucus.MakeCaucusOffer(offer, **access)

    async def read(self, access: dict[str, Any], side: str = "applicant") -> tuple[list[str], int]:
        """Return the notes one reads of a side and how many are withheld; of offers it must be the same."""
        parent = f"{self.act.case}/caucuses/{side}"
        notes = await self.stubs.caucus.ListCaucusNotes(pb.ListCaucusNotesRequest(parent=parent), **access)
        offers = await self.stubs.caucus.ListCaucusOffers(pb.ListCaucusOffersRequest(parent=parent), **access)
        found = [note.text for note in notes.notes]
        assert ([offer.terms for offer in offers.offers], offers.withheld) == (found, notes.withheld)
        return found, notes.withheld


@pytest.mark.fault("C7")
async def test_an_account_keeps_its_side_for_good(clients: Clients) -> None:
    room = await Compartment.of(clients)
    one = f"one-{request_id()}"[:40]
    await room.bind(1, one)
    await room.write("只要赔礼道歉", room.as_mediator())
    person = clients.as_("citizen", sub=one)
    assert (await room.read(person))[0] == ["只要赔礼道歉"]
    # Let go and taken up again, on the other side: refused, however often it is tried.
    await room.bind(1, "")
    await refused(room.read(person), "PERMISSION_DENIED")
    await refused(room.bind(2, one), "SIDE_KEPT")
    await room.bind(1, one)
    await refused(room.bind(2, one), "INVALID_FIELD|SIDE_KEPT")
    await refused(room.read(person, "respondent"), "PERMISSION_DENIED")
    # Nor does who accompanies a side change over.
    agent = f"agent-{request_id()}"[:40]
    await room.act.accompany(companion(room.act.case, 4, (1,), user=agent, scopes=[1]))
    await refused(room.bind(2, agent), "SIDE_KEPT")
    await refused(room.act.accompany(companion(room.act.case, 4, (2,), user=one, scopes=[1])), "SIDE_KEPT")


@pytest.mark.fault("C7")
async def test_a_successor_reads_what_a_side_told_before_only_once_all_of_it_agree(clients: Clients) -> None:
    room = await Compartment.of(clients)
    first = room.as_mediator()
    one = f"one-{request_id()}"[:40]
    await room.bind(1, one)
    person = clients.as_("citizen", sub=one)
    await room.write("底线五千", first)
    await room.write("证人怕对方", person)
    # Said to the first, it is no yes to anybody who comes after.
    await room.act.say(1, HANDOVER)
    await room.act.replace(1)
    await room.take()
    await refused(room.read(first), "PERMISSION_DENIED")
    assert await room.read(room.as_mediator()) == ([], 2)
    await room.write("愿意再谈", room.as_mediator())
    assert await room.read(room.as_mediator()) == (["愿意再谈"], 2)
    assert (await room.read(person))[0] == ["底线五千", "证人怕对方", "愿意再谈"]
    # The other side's yes is not this side's.
    await room.act.say(2, HANDOVER)
    assert await room.read(room.as_mediator()) == (["愿意再谈"], 2)
    await room.act.say(1, HANDOVER)
    assert (await room.read(room.as_mediator()))[0] == ["底线五千", "证人怕对方", "愿意再谈"]
    await room.act.say(1, HANDOVER, given=False)
    assert await room.read(room.as_mediator()) == (["愿意再谈"], 2)
