"""What documents are made from: everything about a case that may appear on paper, as one read-only tree.

`DossierSource` is the interface between the mediation modules and the documents: each module supplies its part.
Private talks with one side, and offers made in them, are not part of it: a document can contain only what is in this
tree. ID numbers are masked before they get here (个保法 art. 6: a check result, not an image).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from casework.case import Ground, Side, Step
from casework.door.routes import OpenRoute


class Docking(StrEnum):
    """Which body a matter came from."""

    COURT = "court"
    POLICE = "police"
    PETITION = "petition"


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the rules in two languages, such as a category's name."""

    zh: str
    en: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """That somebody's identity was checked, and how; never a copy. `number_masked` shows the last four characters."""

    document: str = ""
    number_masked: str = ""
    matches: bool | None = None
    checked_at: datetime | None = None
    checked_by: str = ""


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """A party. `address_hidden` keeps address and phone off every document (反家暴法: a protected person)."""

    party: int
    side: Side
    name: str
    organisation: bool = False
    gender: str = ""
    ethnic_group: str = ""
    age: str = ""
    occupation: str = ""
    phone: str = ""
    address: str = ""
    address_hidden: bool = False
    employer: str = ""
    legal_representative: str = ""
    guardian: str = ""
    support: str = ""
    language: str = ""
    identity: Identity | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Representative:
    """A person who acts for parties, with the scope they gave (人民调解法 art. 20 and the power of attorney)."""

    representative: int
    name: str
    parties: tuple[int, ...]
    relation: str = ""
    scope: str = ""
    special: bool = False
    phone: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """One party's statement on one step."""

    party: int
    step: Step
    given: bool
    at: datetime
    medium: str = ""
    language: str = ""
    read_back: bool = False


@dataclass(frozen=True, slots=True)
class MediatorFacts:
    """The mediator of record; `chosen` if chosen by both parties, otherwise appointed."""

    name: str
    unit: str = ""
    chosen: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JointSession:
    """A session of all parties together, with the record that was read back to them."""

    session: int
    began_at: datetime
    ended_at: datetime | None = None
    place: str = ""
    remote: bool = False
    public: bool = False
    mediators: tuple[str, ...] = ()
    recorder: str = ""
    attendance: tuple[str, ...] = ()
    record: str = ""
    result: str = ""
    read_back: bool = False
    refused: tuple[str, ...] = ()
    """The parties who refused to sign the record; never why."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """An investigation: who was asked, what was found."""

    inquiry: int
    at: datetime
    place: str = ""
    by: tuple[str, ...] = ()
    of_whom: str = ""
    content: str = ""
    read_back: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that was handed in or gathered as proof: what it shows, of which kind, by which party; 0 for none."""

    proof: int
    shows: str
    kind: str = ""
    party: int = 0


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing to be done under the agreement; `companion` is its text in the case's other language."""

    clause: int
    performer: str
    content: str
    amount: Decimal | None = None
    due: date | None = None
    manner: str = ""
    companion: str = ""


@dataclass(frozen=True, slots=True)
class AgreementFacts:
    """What was agreed, written or oral, in full or in part (人民调解法 art. 28-31)."""

    written: bool
    partial: bool = False
    facts: str = ""
    points: str = ""
    responsibility: str = ""
    clauses: tuple[Clause, ...] = ()
    made_on: date | None = None
    effective_at: datetime | None = None
    facts_companion: str = ""
    points_companion: str = ""
    responsibility_companion: str = ""


@dataclass(frozen=True, slots=True)
class PerformanceFacts:
    """One act of performance and what shows it."""

    performance: int
    clause: int
    at: datetime
    amount: Decimal | None = None
    part: bool = False
    evidence: str = ""
    received_by: str = ""
    recorded_by: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A follow-up visit: performance, satisfaction and recurrence are three separate answers."""

    visit: int
    at: datetime
    by: str = ""
    of_whom: str = ""
    medium: str = ""
    reason: str = ""
    performance: str = ""
    satisfaction: str = ""
    recurrence: bool = False
    remarks: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmationFacts:
    """A joint application for judicial confirmation (民诉法 art. 205: within 30 days)."""

    court: str
    last_day: date | None = None
    applied_on: date | None = None
    property_facts: str = ""


@dataclass(frozen=True, slots=True)
class TerminationFacts:
    """That mediation ended without an agreement, and on which ground of the list."""

    ground: Ground
    at: datetime


@dataclass(frozen=True, slots=True)
class DockingFacts:
    """A matter handed over by a court, the police or a petition office, and what became of it.

    It says whether there is an agreement and whether it was performed, not why there is none: what a party refused,
    and why, is not disclosed to those who decide next (特邀调解规定 art. 22).
    """

    docking: int
    kind: Docking
    organ: str
    reference: str = ""
    entrusted: bool = False
    matter: str = ""
    sent_at: datetime | None = None
    signed_at: datetime | None = None
    signed_by: str = ""
    due_on: date | None = None
    out_of_scope: bool | None = None
    returned_at: datetime | None = None
    agreed: bool | None = None
    performed: bool | None = None


@dataclass(frozen=True, slots=True)
class Recusal:
    """One party's request for another mediator, and the decision; one request is enough."""

    recusal: int
    party: int
    against: str
    asked_at: datetime
    reason: str = ""
    granted: bool | None = None
    decided_at: datetime | None = None
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class Extension:
    """An extended term, which requires every party's consent."""

    extension: int
    due_on: date
    until: date
    consented: tuple[tuple[int, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What was interpreted for whom, and whether it was read back."""

    interpretation: int
    language: str
    interpreter: str
    occasion: str
    at: datetime
    party: int = 0
    medium: str = ""
    read_back: bool = False


@dataclass(frozen=True, slots=True)
class ClosingFacts:
    """How the case ended: outcome, performance and satisfaction are three separate results."""

    outcome: str
    performance: str = ""
    satisfaction: str = ""
    requested_by: str = ""
    reviewed_by: str = ""
    closed_at: datetime | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class DossierSource:
    """A case as used for documents. Unknown facts are left out, and their place on the form stays empty."""

    number: str
    body: str
    unit: str
    category: Term
    received_at: datetime
    accepted_at: datetime | None = None
    channel: str = ""
    place: str = ""
    facts: str = ""
    claims: str = ""
    language: str = ""
    dossier_number: str = ""
    parties: tuple[PartyFacts, ...] = ()
    representatives: tuple[Representative, ...] = ()
    consents: tuple[ConsentFacts, ...] = ()
    mediator: MediatorFacts | None = None
    second_mediators: tuple[str, ...] = ()
    sessions: tuple[JointSession, ...] = ()
    inquiries: tuple[Inquiry, ...] = ()
    proofs: tuple[Proof, ...] = ()
    agreement: AgreementFacts | None = None
    performances: tuple[PerformanceFacts, ...] = ()
    visits: tuple[Visit, ...] = ()
    confirmation: ConfirmationFacts | None = None
    termination: TerminationFacts | None = None
    routes: tuple[OpenRoute, ...] = ()
    dockings: tuple[DockingFacts, ...] = ()
    recusals: tuple[Recusal, ...] = ()
    extensions: tuple[Extension, ...] = ()
    interpretations: tuple[Interpretation, ...] = ()
    closing: ClosingFacts | None = None
    remarks: str = ""
    retention: str = ""
    registrar: str = ""
    filed_by: str = ""
    filed_at: datetime | None = None
    names: dict[int, str] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the parties' names by number."""
        self.names.update({each.party: each.name for each in self.parties})

    def of_side(self, *sides: Side) -> Iterator[PartyFacts]:
        """Yield the parties of these sides, in order."""
        return (each for each in self.parties if each.side in sides)

    def name_of(self, party: int) -> str:
        """Return a party's name; empty if the party is not known."""
        return self.names.get(party, "")
