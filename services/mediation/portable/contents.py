"""What of a case is in its portable file. What is not named here does not leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from pb.intake.v1 import filing_pb2, report_pb2
from pb.mediation.v1 import agreement_pb2, documents_pb2, evidence_pb2, people_pb2

from casework import names
from casework.mediation.session import SessionKind
from casework.papers.portable.writing import HISTORY, Link, as_json, ending, history, history_of
from casework.papers.scan import EXTENSIONS
from services.kit.storage import feed_store
from services.kit.storage.database import Connection
from services.kit.storage.models import Event
from services.kit.storage.sealing import CaseSealer, SealedBytes
from services.mediation import store as cases
from services.mediation import view as cases_shown
from services.mediation.agreement import store as agreements
from services.mediation.agreement import view as agreements_shown
from services.mediation.closing import store as closings
from services.mediation.closing import view as closings_shown
from services.mediation.consents import store as consents
from services.mediation.consents import view as consents_shown
from services.mediation.documents import store as documents
from services.mediation.documents import view as documents_shown
from services.mediation.evidence import store as evidence
from services.mediation.evidence import view as evidence_shown
from services.mediation.fulfilment import store as fulfilment
from services.mediation.fulfilment import view as fulfilment_shown
from services.mediation.mediators import store as mediators
from services.mediation.models.cases import Case
from services.mediation.panel import store as panel
from services.mediation.panel import view as panel_shown
from services.mediation.people import named
from services.mediation.people import store as people
from services.mediation.people import view as people_shown
from services.mediation.plans import store as plans
from services.mediation.portable.left_out import EVENTS, LEFT_OUT
from services.mediation.safeguards import store as safeguards
from services.mediation.sessions import store as sessions
from services.mediation.sessions import view as sessions_shown
from services.mediation.sessions.view import Sitting

_ALL = 1_000_000
_WHERE_PEOPLE_LIVE = ("address", "service_address", "phone")


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper of the case, still sealed."""

    name: str
    sealed: bytes
    stored_hash: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """What of a case leaves: data, papers, the names and hashes of evidence files, and where its history ends."""

    data: Sequence[tuple[str, bytes]]
    papers: Sequence[Paper]
    evidence: Sequence[tuple[str, bytes]]
    about: Mapping[str, Any]
    sizes: Sequence[int]


class Gathering:
    """Gathers what leaves, as it stands at the last event of the case: the same state gives the same."""

    def __init__(
        self, connection: Connection, case: Case, opener: CaseSealer, content: report_pb2.ReportContent
    ) -> None:
        self._connection, self._case, self._opener, self._content = connection, case, opener, content

    async def contents(self, histories: Mapping[str, bytes]) -> Contents:
        """Return everything, with the histories of other services; read in the caller's transaction, case locked."""
        events = await feed_store.whole(self._connection, self._case.number)
        at, hidden = events[-1].occurred_at, await self._hidden()
        papers, listed = await self._papers()
        files, described, sizes = await self._evidence()
        told = {
            "case.json": _json(cases_shown.case(self._case, at)),
            "report.json": _json(self._report(bool(hidden))),
            "plan.json": await self._plan(at),
            "people.json": await self._people(hidden),
            "mediation.json": await self._mediation(),
            "sessions.json": await self._sessions(),
            "agreements.json": await self._agreements(at),
            "closing.json": await self._closing(),
            "documents.json": listed,
            "evidence.json": described,
        }
        accounts = await people.accounts(self._connection, self._case.number)
        data = [(f"data/{name}", as_json(_without(each, accounts))) for name, each in told.items()]
        data.append((HISTORY, history([_link(each, accounts) for each in events])))
        data += [(history_of(service), content) for service, content in histories.items()]
        about = {
            "case": names.case_name(self._case.number),
            "unit": names.unit_name(self._case.unit),
            "history": {"events": self._case.seq, "head": self._case.head.hex()},
            "histories": {service: ending(content) for service, content in histories.items()},
            "left_out": [each._asdict() for each in LEFT_OUT],
        }
        sizes = [*sizes, *(len(each.sealed) for each in papers), *(len(content) for _, content in data)]
        return Contents(data, papers, files, about, sizes)

    async def _hidden(self) -> frozenset[int]:
        """Return the parties whose address is hidden."""
        found = []
        for row in await people.list_parties(self._connection, self._case.number, 0, _ALL):
            told = await safeguards.screening(self._connection, self._opener, row.number, row.party)
            found += [row.party] if told is not None and told.hide_address else []
        return frozenset(found)

    def _report(self, hidden: bool) -> report_pb2.ReportContent:
        """Return what was reported, without whoever did: nothing by which they are found, no code of a receipt."""
        told = self._content
        left = report_pb2.ReportContent(
            name=f"{names.report_name(self._case.number)}/content", text=told.text, wish=told.wish,
            happened=told.happened, channel=told.channel, additions=told.additions,
            address="" if hidden else told.address,
            parties=[
                report_pb2.Party(role=each.role, display_name=each.display_name, organisation=each.organisation)
                for each in told.parties
                if not self._is_kept(people_pb2.PartyDetails(display_name=each.display_name, phone=each.phone))
            ],
        )  # fmt: skip
        if told.HasField("happen_time"):
            left.happen_time.CopyFrom(told.happen_time)
        if told.HasField("minor"):
            # Whoever goes on with it must know that, and whom not to ask: never who the guardian is.
            left.minor.age_band = told.minor.age_band
            left.minor.guardian_is_other_side = told.minor.guardian_is_other_side
        return left

    def _is_kept(self, details: people_pb2.PartyDetails) -> bool:
        """Return whether it is somebody who reported and wished not to be named."""
        unnamed = self._content.anonymity != filing_pb2.ANONYMITY_UNSPECIFIED
        return unnamed and (named.is_reporter(details, self._content) or named.is_kept(details, self._content))

    def _details(self, sealed: SealedBytes | None, *, hidden: bool) -> dict[str, Any]:
        details = people_shown.details(self._opener, sealed)
        if self._is_kept(details):
            return {}
        for field in ("id_number", "ethnic_group", *(_WHERE_PEOPLE_LIVE if hidden else ())):
            details.ClearField(field)
        return _json(details)

    async def _people(self, hidden: frozenset[int]) -> dict[str, Any]:
        number = self._case.number
        parties = [
            {
                "party": _json(people_shown.party(row)),
                "details": self._details(row.sealed, hidden=row.party in hidden),
            }
            for row in await people.list_parties(self._connection, number, 0, _ALL)
        ]
        beside = []
        for row in await people.list_companions(self._connection, number, 0, _ALL):
            shown = people_shown.companion(row)
            shown.ClearField("user")
            of_hidden = bool(hidden & set(row.parties))
            beside.append({"companion": _json(shown), "details": self._details(row.sealed, hidden=of_hidden)})
        members = []
        for member in await panel.of_case(self._connection, number):
            entry = (await mediators.get(self._connection, member.mediator)).display_name if member.mediator else ""
            told = panel_shown.named(member, entry, self._opener)
            told.ClearField("user")
            members.append(_json(told))
        return {"parties": parties, "companions": beside, "panel": members}

    async def _plan(self, at: datetime) -> dict[str, Any]:
        number = self._case.number
        tasks, version = await cases.tasks_of(self._connection, number), await plans.current(self._connection, number)
        reports = {
            names.task_name(number, each.task): _all(
                cases_shown.reports(await cases.reports_of(self._connection, number, each.task), self._opener)
            )
            for each in tasks
        }
        plan = cases_shown.plan(self._case, tasks, "zh", at, version, self._opener)
        return {"plan": _json(plan), "reports": {name: each for name, each in reports.items() if each}}

    async def _mediation(self) -> dict[str, Any]:
        number = self._case.number
        found = {
            "consents": _all(
                consents_shown.consent(each) for each in await consents.listed(self._connection, number, 0, _ALL)
            ),
            "notices": _all(map(agreements_shown.notice, await agreements.notices(self._connection, number))),
        }  # fmt: skip
        row = await consents.find(self._connection, number)
        if row is None:
            return found
        shown = consents_shown.mediation(row, await people.standing(self._connection, number))
        # Whether people may meet says what somebody told alone about safety.
        shown.ClearField("joint_sessions")
        return {"mediation": _json(shown), **found}

    async def _sessions(self) -> list[dict[str, Any]]:
        """Return the joint sessions with their records; of those with one side nothing leaves."""
        number, found = self._case.number, []
        attended = await sessions.attendances(self._connection, number)
        records, signed = (
            await sessions.records(self._connection, number),
            await sessions.signatures(self._connection, number),
        )
        seconds = await panel.seconds(self._connection, number)
        for row in await sessions.of_case(self._connection, number):
            if row.kind is not SessionKind.JOINT:
                continue
            sitting = Sitting.of(row, attended, records, signed, seconds)
            told = {"session": _json(sessions_shown.session(sitting))}
            if sitting.record is not None:
                refusals = await sessions.refusals(self._connection, sitting.record)
                record = sessions_shown.record(sitting, refusals)
                record.content.ParseFromString(self._opener.open(sitting.record.sealed))
                for shown, refusal in zip(record.refusals, refusals, strict=True):
                    shown.reason = self._opener.open(refusal.sealed).decode() if refusal.sealed else ""
                told["record"] = _json(record)
            found.append(told)
        return found

    async def _agreements(self, at: datetime) -> dict[str, Any]:
        number, found = self._case.number, []
        for loaded in await agreements.loaded_all(self._connection, number):
            if loaded.row.effective_at is None:
                continue
            text = agreement_pb2.AgreementText.FromString(self._opener.open(loaded.row.sealed))
            text.name = f"{names.agreement_name(number, loaded.row.agreement)}/text"
            found.append({"agreement": _json(agreements_shown.agreement(loaded)), "text": _json(text)})
        told = await fulfilment_shown.told(self._connection, number)
        owed = [
            fulfilment_shown.instalment(each, told, at) for each in await fulfilment.of_case(self._connection, number)
        ]
        return {"agreements": found, "instalments": _all(owed)}

    async def _closing(self) -> dict[str, Any]:
        number = self._case.number
        last, views = (
            await closings.last_closing(self._connection, number),
            await closings.views(self._connection, number),
        )
        visits = closings_shown.visits(number, *await closings.visits(self._connection, number))
        return {"closing": _json(closings_shown.closing(number, last, views)), "visits": _all(visits)}

    async def _papers(self) -> tuple[list[Paper], list[dict[str, Any]]]:
        """Return the newest version of each paper, and what they are."""
        number, papers, listed = self._case.number, [], []
        sealed = {
            filed.document: (data, digest) for filed, data, digest in await documents.newest(self._connection, number)
        }
        kinds = await asyncio.to_thread(self._kinds, {document: data for document, (data, _) in sealed.items()})
        for row in await documents.listed(self._connection, number, 0, _ALL):
            data, digest = sealed[row.document]
            name = f"data/documents/{row.document}.{kinds[row.document]}"
            papers.append(Paper(name, data, digest))
            listed.append({"document": _json(documents_shown.document(row)), "file": name})
        return papers, listed

    def _kinds(self, sealed: Mapping[int, bytes]) -> dict[int, str]:
        """Return the extension of each paper."""
        return {
            document: EXTENSIONS[documents_pb2.DocumentContent.FromString(self._opener.open(data)).media_type]
            for document, data in sealed.items()
        }

    async def _evidence(self) -> tuple[list[tuple[str, bytes]], dict[str, Any], list[int]]:
        """Return the names and stored hashes of the evidence files, what they are, and their sizes."""
        number = self._case.number
        files, listed, sizes = [], [], []
        for row in await evidence.listed(self._connection, number, None, 0, _ALL):
            shown = evidence_shown.evidence(row)
            label = evidence_pb2.Evidence.FromString(self._opener.open(row.sealed))
            shown.title, shown.file_name = label.title, label.file_name
            # Both are hashes of this installation, of no use elsewhere.
            shown.ClearField("stored_hash")
            shown.ClearField("content_hash")
            name = f"data/evidence/{row.evidence}.{row.type.name.lower()}"
            files.append((name, row.stored_hash))
            listed.append({"evidence": _json(shown), "file": name})
            sizes.append(row.size)
        notes = []
        for note in await evidence.listed_notes(self._connection, number, 0, _ALL):
            told = evidence_shown.investigation(note)
            told.content.ParseFromString(self._opener.open(note.sealed))
            notes.append(told)
        return files, {"evidence": listed, "investigations": _all(notes)}, sizes


def _link(row: Event, accounts: frozenset[str]) -> Link:
    """Return an event; of what a party did itself only the hashes: it would say whose account that is."""
    return Link(
        row.number, row.seq, row.kind, row.unit, row.occurred_at, row.actor, row.payload, row.content, row.hash,
        shown=row.kind not in EVENTS and row.actor not in accounts,
    )  # fmt: skip


def _without(told: object, accounts: frozenset[str]) -> object:
    """Return data without the fields that name one of these accounts."""
    if isinstance(told, dict):
        kept = {name: each for name, each in told.items() if not (isinstance(each, str) and each in accounts)}
        return {name: _without(each, accounts) for name, each in kept.items()}
    return [_without(each, accounts) for each in told] if isinstance(told, list) else told


def _json(message: Message) -> dict[str, Any]:
    """Return a message as the API writes it."""
    found: dict[str, Any] = MessageToDict(message)
    return found


def _all(messages: Iterable[Message]) -> list[dict[str, Any]]:
    return list(map(_json, messages))
