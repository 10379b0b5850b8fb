"""From the tables of a case to the source of its documents: people and consents; the rest is next to it.

Each part is a function of its own. There is none for the caucus compartment, and there must be none.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import consent_pb2, people_pb2, safeguards_pb2

from casework.case import Ground, Side, Step
from casework.mediation.course import CompanionRole, MediationState, PartyKind, Scope
from casework.names import index_of
from casework.papers.chinese import LOCAL, masked
from casework.papers.documents import (
    ConsentFacts,
    DossierSource,
    Identity,
    Interpretation,
    MediatorFacts,
    PartyFacts,
    Representative,
    Term,
    TerminationFacts,
)
from services.kit.rules import Rules
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer, Sealer
from services.mediation import keys
from services.mediation.consents import routes
from services.mediation.documents.source import course, outcome, store
from services.mediation.documents.source.store import Led
from services.mediation.models.cases import Case
from services.mediation.models.people import Party
from services.mediation.officials.naming import Names, names_of
from services.mediation.people import named as people_named

_CHANNELS = {number: name.removeprefix("CHANNEL_").lower() for name, number in report_pb2.Channel.items() if number}
_MEDIA: dict[int, str] = {
    consent_pb2.MEDIUM_IN_PERSON: "oral", consent_pb2.MEDIUM_PAPER: "written", consent_pb2.MEDIUM_PHONE: "phone",
    consent_pb2.MEDIUM_VIDEO: "online", consent_pb2.MEDIUM_ONLINE: "online",
}  # fmt: skip
_SCOPES: dict[int, str] = {
    Scope.SPEAK: "陈述", Scope.RECEIVE: "代收文书", Scope.NEGOTIATE: "协商", Scope.PROCEDURE: "同意时间安排与延期",
}  # fmt: skip


def body_of(rules: Rules, unit: str) -> str:
    """Return the name of the people's mediation committee of a unit."""
    return rules.units.paper(unit).committee


async def source_of(
    connection: Connection,
    rules: Rules,
    sealer: Sealer,
    case: Case,
    dossier_number: str,
    now: datetime,
    agreement: int = 0,
) -> DossierSource:
    """Return everything about a case that its documents may contain. DATA_ERASED if its data key was destroyed.

    The agreement is the one with this number; without a number, the one that binds or is about to.
    """
    number = case.number
    opener = keys.reading(sealer, case) if case.sealed_key is not None or case.erased_at is not None else None
    content = keys.content_of(sealer, case)
    mediation = await store.led(connection, number)
    names = await names_of(
        connection, sealer, rules.officials, number, case.unit, content.accepted_by,
        mediation.mediator if mediation else "",
    )  # fmt: skip
    parties = await parties_of(connection, number, opener, names) or parties_told(content)
    category = rules.categories.get(case.category)
    mediator, agreed = mediator_of(mediation, rules, names, now), await outcome.loaded_of(connection, number, agreement)
    return DossierSource(
        number=number,
        body=body_of(rules, case.unit),
        unit=rules.units.known(case.unit).name,
        category=Term(category.zh, category.en),
        received_at=case.received_at,
        accepted_at=case.opened_at,
        channel=_CHANNELS.get(content.channel, ""),
        place=content.address,
        facts=content.text,
        claims=content.wish,
        language=next((each.language for each in parties if each.language not in ("", "zh")), ""),
        dossier_number=dossier_number,
        parties=parties,
        representatives=await representatives_of(connection, number, opener),
        consents=await consents_of(connection, number),
        mediator=mediator,
        second_mediators=await store.second_mediators(connection, number),
        termination=termination_of(mediation),
        routes=tuple(await routes.open_in(connection, rules, case)),
        sessions=await course.sessions_of(connection, number, opener, parties, mediator, names),
        inquiries=await course.inquiries_of(connection, number, opener, names),
        proofs=await course.proofs_of(connection, number, opener),
        interpretations=await interpretations_of(connection, number, opener, parties),
        agreement=outcome.agreement_of(agreed, opener, parties),
        performances=await outcome.performances_of(connection, agreed, parties, names),
        confirmation=await outcome.confirmation_of(connection, agreed, rules.units),
        visits=await outcome.visits_of(connection, number, opener, parties, names),
        dockings=await outcome.dockings_of(connection, number, rules.units, names),
        recusals=await course.recusals_of(connection, number),
        extensions=await course.extensions_of(connection, number),
        closing=await outcome.closing_of(connection, case, now, names),
        retention=await outcome.retention_of(connection, number),
        registrar=names.name(content.accepted_by, case.opened_at),
    )


# --- people -----------------------------------------------------------------------------------------------------------


async def parties_of(
    connection: Connection, number: str, opener: CaseSealer | None, officials: Names
) -> tuple[PartyFacts, ...]:
    """Return the registered parties with their guardians or support persons, without hidden addresses."""
    registered = await store.parties(connection, number)
    identities = await _identities(connection, number, officials)
    hidden = await _hidden(connection, number, opener)
    found = [
        _party(row, opener, row.party in hidden, identities.get(row.party, Identity())) for row in registered
    ]  # fmt: skip
    for companion in await store.companions(connection, number):
        name = _details(opener, companion.sealed).display_name
        found = [_beside(each, companion.role, name) if each.party in companion.parties else each for each in found]
    return tuple(found)


async def _identities(connection: Connection, number: str, officials: Names) -> dict[int, Identity]:
    """Return the last identity check of each party; where there is no result, who looked for one."""
    looked = {
        index_of(subject): Identity(checked_at=at, checked_by=officials.name(by, at))
        for subject, at, by in await store.identified(connection, number)
    }
    checked: dict[int, Identity] = {}
    for row in await store.checks(connection, number):
        checked.pop(row.party, None)
        if row.document:  # otherwise name or number changed since
            document = people_pb2.IdentityDocument.Name(row.document).removeprefix("IDENTITY_DOCUMENT_").lower()
            by = officials.name(row.checked_by, row.checked_at)
            checked[row.party] = Identity(document, "", row.matches, row.checked_at, by)
    return looked | checked


def _beside(party: PartyFacts, role: CompanionRole, name: str) -> PartyFacts:
    """Return the party with its guardian or support person named."""
    if role is CompanionRole.GUARDIAN:
        return replace(party, guardian=name)
    return replace(party, support=name) if role is CompanionRole.SUPPORT else party


def _party(row: Party, opener: CaseSealer | None, hidden: bool, identity: Identity) -> PartyFacts:
    told = _details(opener, row.sealed)
    organisation = row.kind is PartyKind.ORGANISATION
    usual = "" if not told.id_number else "business_licence" if organisation else "id_card"
    identity = replace(identity, document=identity.document or usual, number_masked=masked(told.id_number))
    return PartyFacts(
        party=row.party,
        side=Side(row.side),
        name=told.display_name,
        organisation=organisation,
        gender=told.gender,
        ethnic_group=told.ethnic_group,
        age=_age(told.birth_date, row.joined_at.astimezone(LOCAL).date()),
        occupation=told.occupation,
        # The other side gets copies: the phone of a party that must not be found is left out as well.
        phone="" if hidden else told.phone,
        address="" if hidden else told.address,
        address_hidden=hidden,
        legal_representative=told.legal_representative,
        language=told.language.split("-")[0],
        identity=identity,
        withdrawn_at=row.withdrawn_at,
    )


def _age(birth_date: str, on: date) -> str:
    """Return the age in full years as the form writes it; empty where it is not known or cannot be."""
    try:
        born = date.fromisoformat(birth_date)
    except ValueError:
        return ""
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return str(years) if 0 <= years < 130 else ""


async def _hidden(connection: Connection, number: str, opener: CaseSealer | None) -> set[int]:
    """Return the parties whose address must be hidden from everybody (反家暴法)."""
    screened = await store.screenings(connection, number)
    return {
        party
        for party, sealed in screened
        if sealed is not None and opener and safeguards_pb2.Screening.FromString(opener.open(sealed)).hide_address
    }


def _details(opener: CaseSealer | None, sealed: bytes | None) -> people_pb2.PartyDetails:
    if opener is None or sealed is None:
        return people_pb2.PartyDetails()
    return people_pb2.PartyDetails.FromString(opener.open(sealed))


def parties_told(content: report_pb2.ReportContent) -> tuple[PartyFacts, ...]:
    """Return the parties as named in the report, for a case in which none are registered yet."""
    return tuple(
        PartyFacts(number, each.side, each.details.display_name, phone=each.details.phone)
        for number, each in enumerate(people_named.named(content), start=1)
    )


async def representatives_of(
    connection: Connection, number: str, opener: CaseSealer | None
) -> tuple[Representative, ...]:
    """Return who acts for parties: elected representatives and agents. None of them may settle."""
    acting = (CompanionRole.REPRESENTATIVE, CompanionRole.AGENT)
    found = []
    for row in await store.companions(connection, number):
        if row.role in acting:
            told = _details(opener, row.sealed)
            scope = "、".join(_SCOPES[each] for each in row.scopes if each in _SCOPES)
            relation = "推选代表" if row.role is CompanionRole.REPRESENTATIVE else "委托代理人"
            since = row.started_at.astimezone(LOCAL).date()
            found.append(
                Representative(row.companion, told.display_name, tuple(row.parties), relation, scope,
                               phone=told.phone, since=since)
            )  # fmt: skip
    return tuple(found)


async def interpretations_of(
    connection: Connection, number: str, opener: CaseSealer | None, parties: tuple[PartyFacts, ...]
) -> tuple[Interpretation, ...]:
    """Return who interprets for whom, in which language; numbered as the companions they are."""
    languages = {each.party: each.language for each in parties}
    return tuple(
        Interpretation(row.companion, languages.get(party, ""), _details(opener, row.sealed).display_name, "",
                       row.started_at, party)
        for row in await store.companions(connection, number)
        if row.role is CompanionRole.INTERPRETER
        for party in row.parties[:1]
    )  # fmt: skip


async def consents_of(connection: Connection, number: str) -> tuple[ConsentFacts, ...]:
    """Return each party's answer to each step, in order; not consents to hand over what was said in private."""
    said = await store.consents(connection, number)
    return tuple(
        ConsentFacts(row.party, row.step, row.given, row.at, _MEDIA.get(row.medium, ""), row.language,
                     row.read_back)
        for row in said if row.step is not Step.CAUCUS_HANDOVER
    )  # fmt: skip


def mediator_of(mediation: Led | None, rules: Rules, names: Names, now: datetime) -> MediatorFacts | None:
    """Return the mediator of record; None before one accepted."""
    if mediation is None or not mediation.mediator:
        return None
    unit = rules.units.known(mediation.mediator_unit).name if mediation.mediator_unit in rules.units else ""
    return MediatorFacts(mediation.display_name or names.name(mediation.mediator, now), unit)


def termination_of(mediation: Led | None) -> TerminationFacts | None:
    """Return why mediation ended without an agreement; None while it goes on or if there is one."""
    ended = (MediationState.NOT_AGREED, MediationState.WITHDRAWN)
    if mediation is None or mediation.ended_at is None or mediation.state not in ended:
        return None
    ground = mediation.ground or Ground.OTHER
    if mediation.state is MediationState.WITHDRAWN:
        ground = Ground.PARTY_WITHDREW
    return TerminationFacts(ground, mediation.ended_at)
