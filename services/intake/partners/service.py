"""The RPCs of partners: items handed on, what became of them, a comparison of each day."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pb.intake.v1 import intake_pb2, partners_pb2_grpc, report_pb2
from pb.intake.v1 import partners_pb2 as pb

from casework import names
from casework.door.programs import partner as rules_of
from casework.door.programs.partner import OVER, ChangeKind, ItemState
from casework.door.report import must_be_under_way
from casework.errors import CaseError, FieldFault, Reason, field_error
from casework.names import number_of
from services.intake import erasing, record
from services.intake import store as reports
from services.intake.bulk import BulkReception, refused
from services.intake.partners import handing, store
from services.intake.partners.attaching import Attaching, Shown, encoded
from services.intake.partners.informing import ORDER
from services.intake.partners.models import PartnerItem
from services.intake.partners.store import Change
from services.intake.reception import PARTNER, Reception
from services.kit import dates
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.instants import instant, stamp
from services.kit.numbers import numbers
from services.kit.pictures import MOST
from services.kit.servicer import Servicer
from services.kit.serving import validation
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.errors import invalid
from services.kit.storage import paging, requests
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_ITEMS = 500
_AT_ONCE = 2
"""Photos re-encoded at a time; more wait."""
_MOST_TOLD = 2 * 1024 * 1024
"""Bytes of changes in an answer: more wait until they are asked for."""
_SHOWN = 1_000
"""Differences that are listed; all are counted."""
_STATES = {
    ItemState.REFUSED: ("未接收", "refused"),
    ItemState.RECEIVED: ("已接收", "received"),
    ItemState.ACCEPTED: ("办理中", "being handled"),
    ItemState.RETURNED: ("退回", "returned"),
    ItemState.DONE: ("办结", "done"),
    ItemState.WITHDRAWN: ("撤回", "withdrawn"),
}
_KINDS = {
    ChangeKind.TRANSFERRED: ("转办", "transferred"),
    ChangeKind.SATISFACTION: ("满意度反馈", "rated"),
    ChangeKind.INTERIM_REPLY: ("阶段性答复", "interim reply"),
}
_DIFFERENCES: dict[int, tuple[str, str]] = {
    pb.DIFFERENCE_KIND_MISSING_HERE: ("本方没有收到，请重新推送。", "did not arrive here: send it again"),
    pb.DIFFERENCE_KIND_MISSING_THERE: ("对方清单中没有这一件。", "is not in the list of what was sent"),
    pb.DIFFERENCE_KIND_REFUSED: ("没有接收，请改正后重新推送。", "was refused: correct it and send it again"),
    pb.DIFFERENCE_KIND_STATE: ("双方状态不一致，以本方为准。", "is in another state here"),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """An item of a call, with the hash of what it says, its faults by its contract, and its answer."""

    item: pb.PartnerItem
    body: bytes
    faults: list[FieldFault]
    result: pb.ItemResult
    terms: dict[str, Any] = field(default_factory=dict)
    """Of a hand-over, if it is one."""

    @classmethod
    def of(cls, item: pb.PartnerItem, body: bytes) -> Sent:
        """Return an item that nothing is known of yet."""
        return cls(item, body, validation.faults_of(item), pb.ItemResult(number=item.number))

    @property
    def number(self) -> str:
        """Its number there."""
        return self.item.number

    @property
    def is_named(self) -> bool:
        """Whether its number is one: of another one nothing can be kept."""
        return all(fault.field != "number" for fault in self.faults)

    def kept(self, partner: str, now: datetime) -> dict[str, Any]:
        """Return what is kept of it, taken in or refused."""
        result, taken = self.result, bool(self.result.report)
        return {
            "partner": partner, "number": self.number, "body": self.body, "unit": "",
            "report": number_of(result.report) if taken else "",
            "state": ItemState.RECEIVED if taken else ItemState.REFUSED, "reason": result.reason,
            "field": result.field, "submitted_at": now, "terms": self.terms if taken else {},
            "due_at": instant(self.item.due_time) if self.item.HasField("due_time") and taken else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """Items whose reports are stored: what is kept of each, and what is answered."""

    caller: str
    body: bytes
    kept: Sequence[dict[str, Any]]
    results: Sequence[pb.ItemResult]

    def stored(self, answer: pb.SubmitItemsResponse) -> bytes:
        """Return the answer as it is stored for a repeat."""
        return answer.SerializeToString()

    async def repeated(self, connection: Connection, stored: bytes) -> pb.SubmitItemsResponse:
        """Return the first answer; the reports were there already."""
        return pb.SubmitItemsResponse.FromString(stored)


class PartnerServicer(Servicer, partners_pb2_grpc.PartnerServiceServicer):
    """Serves partners."""

    service = "intake"
    heads = "reports"
    body_key_name = "items of partners"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        reception = Reception(parts.rules, parts.sealer, parts.clockwork)
        self._encoding = asyncio.Semaphore(_AT_ONCE)
        self._bulk = BulkReception(parts.database, reception, reports.Numbers(parts.database), parts.time, parts.pulse)

    async def _taken(self, request: pb.SubmitItemsRequest, call: Call) -> Taken:
        """Store the reports of new items; each is stored once, however often it is sent."""
        partner = self.known(request.parent, "parent")
        call.require(partner)
        if not 1 <= len(request.items) <= _ITEMS:
            raise field_error("items", Reason.INVALID_FIELD, f"1 … {_ITEMS}")
        sent = [Sent.of(item, requests.body_hash(item, self.body_key)) for item in request.items]
        told = {each.item.hand_over.letter for each in sent if each.item.HasField("hand_over") and not each.faults}
        async with self.database.read() as connection:
            # Letters first: an item that another call takes in meanwhile is found with its letter, and is a repeat.
            letters = await store.letters(connection, partner, told) if told else set[str]()
            there = await store.known(connection, partner, {each.number for each in sent if each.is_named})
        taken = {number: row for number, row in there.items() if row.report}
        rows = self._rows(partner, sent, taken, letters, call.language)
        for each in await self._bulk.take(rows, call) if rows else ():
            _answer(sent[each.row].result, each)
        _answer_repeats(sent)
        kept: dict[str, dict[str, Any]] = {}
        for one in sent:
            # Of several with one number in a call, one that was taken in counts.
            if one.is_named and one.number not in taken and (one.result.report or one.number not in kept):
                kept.setdefault(one.number, {}).update(one.kept(partner, self.time.now()))
        in_order = [kept[number] for number in sorted(kept)]
        return Taken(
            call.caller.subject, requests.body_hash(request, self.body_key), in_order, [one.result for one in sent]
        )

    def _rows(
        self, partner: str, sent: Sequence[Sent], taken: Mapping[str, PartnerItem], letters: set[str], language: str
    ) -> list[intake_pb2.ImportRow]:
        """Return the reports to store; answer the items that are there already, and those that are wrong."""
        rows: list[intake_pb2.ImportRow] = []
        first: dict[str, bytes] = {number: row.body for number, row in taken.items()}
        for place, each in enumerate(sent):
            try:
                if each.faults:
                    raise invalid(each.faults)
                if first.get(each.number, each.body) != each.body:
                    raise requests.reused("number")
                each.result.repeated = each.number in first
                if each.number in taken:
                    each.result.report = names.report_name(taken[each.number].report)
                elif each.number not in first:
                    report = self._report(partner, each.item)
                    if each.item.HasField("hand_over"):
                        each.terms.update(handing.terms(partner, each.item.hand_over, letters, self.time.now()))
                        letters.add(each.item.hand_over.letter)
                    rows.append(intake_pb2.ImportRow(row=place, report=report, request_id=_key(partner, each.number)))
                    first[each.number] = each.body
            except CaseError as error:
                _answer(each.result, refused(place, error, language))
        return rows

    @command(pb.SubmitItemsResponse, before=_taken)
    async def SubmitItems(self, request: pb.SubmitItemsRequest, work: Work, taken: Taken) -> pb.SubmitItemsResponse:
        """Keep what was sent, with the answer to each item; start the clock of a date that the partner set."""
        for each in taken.kept:
            kept, terms = {name: value for name, value in each.items() if name != "terms"}, each["terms"]
            is_new = await store.keep(work.connection, **kept)
            if is_new and terms:
                await store.hand_over(work.connection, kept["report"], terms)
            if is_new and kept["report"] and kept["due_at"] is not None:
                await self._date(work, kept)
        return pb.SubmitItemsResponse(results=taken.results)

    async def _date(self, work: Work, kept: Mapping[str, Any]) -> None:
        number, due_at = kept["report"], kept["due_at"]
        await self.log.lock(work.connection, number)
        unit = await reports.owner(work.connection, number) or names.area_of_number(number)
        await work.start_clock(
            number, ORDER, "partner_order", subject=names.report_name(number), unit=unit, at=work.now, until=due_at
        )
        await work.append(NewEvent(number, "PartnerOrderDated", unit, {"partner": kept["partner"], "due_at": due_at}))

    def _report(self, partner: str, item: pb.PartnerItem) -> report_pb2.Report:
        """Return an item as a report; a CaseError names the field of the item that is wrong."""
        rule = self.rules.partners.of(partner)
        if item.category.startswith("categories/"):
            category = item.category
        elif (code := rule.category(item.category)) is not None:
            category = f"categories/{code}"
        else:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, item.category)
        area = rule.area(item.area)
        unit = rules_of.receiving(partner, area, self.rules.units)
        if unit is None:
            if area not in self.rules.units:
                raise field_error("area", Reason.UNKNOWN_AREA, item.area)
            raise _wrong("area", "不在推送单位的辖区内。", "not in the area of the partner")
        urgency = rule.urgencies.get(item.urgency) if item.urgency else "routine"
        if urgency is None:
            words = "、".join(rule.urgencies)
            raise _wrong("urgency", f"应为：{words}。", f"one of {words}")
        if item.HasField("due_time") and instant(item.due_time) <= self.time.now():
            raise _wrong("due_time", "应晚于现在。", "must be later than now")
        report = report_pb2.Report(
            channel=f"CHANNEL_{rule.channel.upper()}", unit=names.unit_name(unit), category=category,
            place=report_pb2.Place(area=area, address=item.address), text=item.text, wish=item.wish,
            parties=item.parties, people_affected=item.people_affected, amount_fen=item.amount_fen,
            urgency=f"URGENCY_{urgency.upper()}", danger=item.danger, source=f"{PARTNER}{partner}",
            source_id=item.number,
        )  # fmt: skip
        for name in ("reporter", "amount"):
            if item.HasField(name):
                getattr(report, name).CopyFrom(getattr(item, name))
        return report

    async def ListItems(self, request: pb.ListItemsRequest, context: Context) -> pb.ListItemsResponse:
        """Return what a partner sent, newest first."""
        partner, size, call = self.known(request.parent, "parent"), request.page_size or 50, current_call()
        call.require(partner)
        behind = paging.read(request.page_token, "partnerItems", paging.position)
        states = [ItemState(each) for each in request.states]
        async with self.database.read() as connection:
            found = await store.listed(connection, partner, request.number, states, behind, size + 1)
        now = self.time.now()
        reply = pb.ListItemsResponse(items=[self._item(row, row, call.language, now) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "partnerItems", lambda end: end.id)
        return reply

    async def ListItemChanges(self, request: pb.ListItemChangesRequest, context: Context) -> pb.ListItemChangesResponse:
        """Return what became of a partner's items, in order."""
        partner, call = self.known(request.parent, "parent"), current_call()
        call.require(partner)
        async with self.database.read() as connection:
            found = await store.changes(connection, partner, request.after, request.max_results or 100)
        now = self.time.now()
        reply, size = pb.ListItemChangesResponse(), 0
        for change in found:
            told = pb.ItemChange(
                sequence=change.place,
                change_time=stamp(change.at),
                item=self._item(change.item, change, call.language, now),
                text=_in_words(change, call.language),
                reply=self._reply(change),
                **numbers(kinds=change.kinds),
            )
            size += told.ByteSize()
            if reply.changes and size > _MOST_TOLD:
                break
            reply.changes.append(told)
        return reply

    def _reply(self, change: Change) -> str:
        """Return what was said in an interim reply; nothing once it was erased."""
        if not change.report or not change.sealed_key or not change.sealed:
            return ""
        return self.sealer.under(change.report, change.sealed_key).open(change.sealed).decode()

    @command(pb.PartnerReply)
    async def ReplyToPartner(self, request: pb.ReplyToPartnerRequest, work: Work) -> pb.PartnerReply:
        """Answer the partners that handed a report on; they read it among the changes of their items."""
        row = await reports.lock(work.connection, names.number_of(request.parent))
        await record.admit(work.connection, work.call, row)
        erasing.must_be_there(row)
        closed = await record.case_is_closed(work.connection, row.merged_into or row.number)
        must_be_under_way(row.state, closed)
        items = await store.of_matter(work.connection, row.number)
        if not items:
            raise _wrong("parent", "不是对接单位推送的。", "no partner handed it on")
        for each in items:
            sealed = self.sealer.under(each.report, each.sealed_key).seal(request.text.encode())
            await store.reply(work.connection, each, sealed, work.now)
        partners = sorted({each.partner for each in items})
        await work.append(NewEvent(row.number, "PartnerReplied", row.unit, {"partners": partners}))
        told = map(names.unit_name, partners)
        return pb.PartnerReply(report=request.parent, partners=told, create_time=stamp(work.now))

    async def _shown(self, request: pb.AttachPhotosRequest, call: Call) -> Shown:
        """Encode the photos of a call anew."""
        partner = self.known(request.parent, "parent")
        call.require(partner)
        if not 1 <= len(request.photos) <= MOST:
            raise field_error("photos", Reason.INVALID_FIELD, f"1 … {MOST}")
        told = [(each, validation.faults_of(each)) for each in request.photos]
        async with self.database.read() as connection:
            there = await store.known(connection, partner, {each.number for each, faults in told if not faults})
        pictures = [await encoded(each, faults, there.get(each.number), self._encoding) for each, faults in told]
        body = requests.body_hash(request, self.body_key)
        photo_ids = [each.photo_id for each in request.photos]
        return Shown(call.caller.subject, body, pb.AttachPhotosResponse, pictures, photo_ids)

    @command(pb.AttachPhotosResponse, before=_shown)
    async def AttachPhotos(self, request: pb.AttachPhotosRequest, work: Work, shown: Shown) -> pb.AttachPhotosResponse:
        """Add photos to items, each once by its number there."""
        partner = self.known(request.parent, "parent")
        return await Attaching(work, self.sealer, self.body_key, partner).run(request.photos, shown.pictures)

    async def ReconcileItems(self, request: pb.ReconcileItemsRequest, context: Context) -> pb.ReconcileItemsResponse:
        """Compare a day with what the partner says of it."""
        partner, call, now = self.known(request.parent, "parent"), current_call(), self.time.now()
        call.require(partner)
        since = dates.first_second(dates.read(request.date, "date"))
        async with self.database.read() as connection:
            rows = await store.of_day(connection, partner, since, since + timedelta(days=1))
            there = {each.number: each.state for each in request.claimed}
            missing = await store.known(connection, partner, set(there) - {row.number for row in rows})
        taken = [row for row in rows if row.report]
        reply = pb.ReconcileItemsResponse(
            unit_name=self._name(partner), sent=len(there), received=len(taken),
            refused=len(rows) - len(taken), open=sum(row.state not in OVER for row in taken),
            done=sum(row.state in OVER for row in taken),
            late=sum(rules_of.is_late(row.state, row.due_at, row.ended_at, now) for row in taken),
        )  # fmt: skip
        found = _differences(rows, missing, there)
        reply.differing = len(found)
        for number, kind, state in found[:_SHOWN]:
            said = _DIFFERENCES[kind][call.language == "en"]
            reply.differences.add(
                number=number, message=said, **numbers(kind=kind, state=state, claimed=there.get(number))
            )
        return reply

    def _item(self, item: PartnerItem, at: PartnerItem | Change, language: str, now: datetime) -> pb.SentItem:
        """Return an item as it is, or as it was after a change."""
        return pb.SentItem(
            number=item.number,
            state_text=_STATES[at.state][language == "en"],
            report=names.report_name(item.report) if item.report else "",
            unit=names.unit_name(at.unit) if at.unit else "",
            unit_name=self._name(at.unit) if at.unit else "",
            submit_time=stamp(item.submitted_at),
            due_time=stamp(item.due_at),
            late=rules_of.is_late(at.state, item.due_at, at.ended_at, now),
            end_time=stamp(at.ended_at),
            reason=item.reason,
            field=item.field,
            **numbers(state=at.state, contentment=at.contentment, route=at.route),
        )

    def _name(self, unit: str) -> str:
        return self.rules.units.known(unit).name


def _wrong(field: str, zh: str, en: str) -> CaseError:
    return invalid([FieldFault(field, zh, en)])


def _in_words(change: Change, language: str) -> str:
    """Return what changed of an item, in words."""
    english = language == "en"
    words = {ChangeKind.STATE: _STATES[change.state], **_KINDS}
    return ("; " if english else "；").join(words[ChangeKind(each)][english] for each in change.kinds)


def _key(partner: str, number: str) -> str:
    """Return the key by which the report of an item is stored once."""
    return f"partner:{hashlib.sha256(f'{partner}/{number}'.encode()).hexdigest()[:48]}"


def _answer(result: pb.ItemResult, row: intake_pb2.ImportResult) -> None:
    """Answer an item like its report; a field is named as the partner sent it."""
    result.report, result.repeated = row.report, row.repeated
    field = row.field.removeprefix("report.").removeprefix("place.")
    result.reason, result.message = row.reason, row.message
    result.field = "number" if field in ("source_id", "source", "request_id") else field


def _answer_repeats(sent: Sequence[Sent]) -> None:
    """Answer what stood twice in one call like its first; say of each whether it was taken in."""
    first: dict[str, pb.ItemResult] = {}
    for each in sent:
        result = each.result
        if result.repeated and not result.report and each.number in first:
            result.MergeFrom(first[each.number])
            result.repeated = bool(result.report)
        elif result.report or each.number not in first:
            first[each.number] = result
        result.state = pb.ITEM_STATE_RECEIVED if result.report else pb.ITEM_STATE_REFUSED


_Difference = tuple[str, int, ItemState | None]


def _differences(
    rows: Sequence[PartnerItem], missing: Mapping[str, PartnerItem], there: Mapping[str, int]
) -> list[_Difference]:
    """Return what differs, by number; `missing` are items that came in on another day."""
    found: list[_Difference] = []
    here = {row.number: row for row in rows} | dict(missing)
    for number in sorted(set(there) | {row.number for row in rows}):
        row, claimed = here.get(number), there.get(number)
        if row is None:
            found.append((number, pb.DIFFERENCE_KIND_MISSING_HERE, None))
        elif not row.report:
            found.append((number, pb.DIFFERENCE_KIND_REFUSED, row.state))
        elif there and claimed is None:
            found.append((number, pb.DIFFERENCE_KIND_MISSING_THERE, row.state))
        elif claimed and claimed != row.state:
            found.append((number, pb.DIFFERENCE_KIND_STATE, row.state))
    return found
