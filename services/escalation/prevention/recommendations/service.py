"""RPCs of recommendations: drafted, approved, served, replied to pair by pair, visited, measured."""

from __future__ import annotations

from datetime import datetime

import orjson
from pb.escalation.v1 import recommendations_pb2 as pb
from pb.escalation.v1 import recommendations_pb2_grpc

from casework import names
from casework.errors import CaseError, FieldFault, Reason, field_error
from casework.papers.numbering import year_of
from casework.papers.scan import WORD
from casework.supervision.prevention import recommendation as rules_of
from casework.supervision.prevention.cluster import Verdict
from casework.supervision.prevention.recommendation import (
    Adoption,
    CarryingOut,
    ObjectionState,
    RecommendationKind,
    RecommendationState,
)
from services.escalation.models import File
from services.escalation.prevention.recommendations import clusters, effect, letter, store, view
from services.escalation.prevention.recommendations.models import Recommendation
from services.escalation.servicer import Servicer
from services.kit import dates, word
from services.kit.clocks.clockwork import NOTHING_DUE, NewClock
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.composition import Parts
from services.kit.serving.access import Context, current_call
from services.kit.storage import numbering, paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

State = RecommendationState


class RecommendationServicer(Servicer, recommendations_pb2_grpc.RecommendationServiceServicer):
    """Serves recommendations."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._template = (parts.settings.rules / letter.TEMPLATE).read_bytes()

    @command(pb.Recommendation)
    async def DraftRecommendation(self, request: pb.DraftRecommendationRequest, work: Work) -> pb.Recommendation:
        """Draft a recommendation, from a cluster or by hand."""
        unit, addressee, place = (names.last(each) for each in (request.unit, request.addressee, request.place))
        category = request.category.removeprefix("categories/")
        self._check(request, unit, addressee, place, category)
        work.call.require(unit)
        cluster = await self._cluster(work, place, category) if request.from_cluster else ""
        file = await self.opened(work, "recommendations", unit)
        row = await store.add(
            work.connection, file.number, pair_count=len(request.pairs), state=State.DRAFT, kind=request.kind,
            unit=unit,
            addressee=addressee, category=category, place=place, cluster=cluster, researched=request.researched,
            communicated=request.communicated, drafters=[work.actor], created_at=work.now,
            sealed=await self._seal(work, file, pb.RecommendationText(pairs=request.pairs, note=request.note)),
        )  # fmt: skip
        row = await self._to_be_approved(work, row)
        series = row.kind.name
        return await self._told(work, row, "RecommendationDrafted", series=series, pairs=len(request.pairs))

    async def GetRecommendation(self, request: pb.GetRecommendationRequest, context: Context) -> pb.Recommendation:
        """Return a recommendation."""
        async with self.database.read() as connection:
            row = await self._seen(connection, request.name)
            return view.recommendation(row, await store.pairs_of(connection, row.number))

    async def ListRecommendations(
        self, request: pb.ListRecommendationsRequest, context: Context
    ) -> pb.ListRecommendationsResponse:
        """Return recommendations of the caller's units, oldest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "recommendations", paging.instant, paging.key)
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), request.open, behind, size + 1)
            pairs = await store.pairs_by_number(connection, [row.number for row in found[:size]])
        shown = [view.recommendation(row, pairs[row.number]) for row in found[:size]]
        reply = pb.ListRecommendationsResponse(recommendations=shown)
        reply.next_page_token = paging.following(
            found, size, "recommendations", lambda end: (end.created_at, end.number)
        )
        return reply

    async def GetRecommendationText(
        self, request: pb.GetRecommendationTextRequest, context: Context
    ) -> pb.RecommendationText:
        """Return its text and the replies; the author's own notes only to the author's unit."""
        call = current_call()
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.name)
            found = await self._text(connection, row)
            await self._read(connection, row, "RecommendationTextRead")
        self.pulse.beat()
        if not call.access.allows(call.caller, call.permission, row.unit):
            found.ClearField("note")
            found.ClearField("visit")
        found.name = request.name
        return found

    @command(pb.Recommendation)
    async def ReviseRecommendation(self, request: pb.ReviseRecommendationRequest, work: Work) -> pb.Recommendation:
        """Change a draft; whoever contributed to it may not approve it."""
        row, file = await self._own(request, work)
        rules_of.must_be(row.state, State.DRAFT)
        await work.stop(row.number, "approve-%", met=False)
        row = await store.change(
            work.connection, row,
            researched=request.researched if request.HasField("researched") else row.researched,
            communicated=request.communicated if request.HasField("communicated") else row.communicated,
            drafters=sorted({*row.drafters, work.actor}), pair_count=len(request.pairs),
            sealed=await self._seal(work, file, pb.RecommendationText(pairs=request.pairs, note=request.note)),
        )  # fmt: skip
        row = await self._to_be_approved(work, row)
        return await self._told(work, row, "RecommendationRevised", pairs=len(request.pairs))

    @command(pb.Recommendation)
    async def ApproveRecommendation(self, request: pb.ApproveRecommendationRequest, work: Work) -> pb.Recommendation:
        """Approve a draft and number it, or send it back; not by whoever drafted it."""
        row, _ = await self._own(request, work)
        state = rules_of.move(row.state, State.APPROVED)
        if work.actor in row.drafters:
            raise CaseError(Reason.SAME_PERSON)
        await work.stop(row.number, "approve-%")
        if not request.approved:
            row = await store.change(work.connection, row, **NOTHING_DUE)
            return await self._told(work, row, "RecommendationSentBack")
        clock = await self._clock(work, row, "serve-1", "serve_recommendation")
        await store.fix_pairs(work.connection, row)
        row = await store.change(
            work.connection, row, state=state, approved_by=work.actor, approved_at=work.now, **clock.shown(),
            letter_number=await self._number(work, row),
        )  # fmt: skip
        return await self._told(work, row, "RecommendationApproved")

    @command(pb.Recommendation)
    async def ServeRecommendation(self, request: pb.ServeRecommendationRequest, work: Work) -> pb.Recommendation:
        """Record that the department received it; its time to reply begins (two months by default)."""
        row, _ = await self._own(request, work)
        state = rules_of.move(row.state, State.SERVED)
        until = dates.term(request, "reply_date", work.now)
        await work.stop(row.number, "serve-1")
        rule = rules_of.REPLY_RULES[row.kind]
        clock = await self._clock(work, row, "reply-1", rule, unit=row.addressee, until=until)
        row = await store.change(
            work.connection, row, state=state, receipt=request.receipt, served_at=work.now, **clock.shown()
        )
        return await self._told(work, row, "RecommendationServed", receipt=request.receipt)

    @command(pb.Recommendation)
    async def ObjectToRecommendation(self, request: pb.ObjectToRecommendationRequest, work: Work) -> pb.Recommendation:
        """Object, for the department, once; the time to reply runs on."""
        row, file = await self._department(request, work)
        rules_of.must_be(row.state, State.SERVED, State.REPLIED)
        if row.objection:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        await self._clock(work, row, "objection-1", rules_of.OBJECTION_RULES[row.kind])
        row = await store.change(
            work.connection, row, objection=ObjectionState.OPEN, objected_at=work.now,
            sealed_objection=await self._seal(work, file, pb.RecommendationText(objection=request.reason)),
        )  # fmt: skip
        return await self._told(work, row, "RecommendationObjected")

    @command(pb.Recommendation)
    async def DecideRecommendationObjection(
        self, request: pb.DecideRecommendationObjectionRequest, work: Work
    ) -> pb.Recommendation:
        """Decide on an objection, as somebody who neither drafted nor approved the recommendation."""
        row, file = await self._own(request, work)
        if row.objection is not ObjectionState.OPEN:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        if work.actor in (*row.drafters, row.approved_by):
            raise CaseError(Reason.SAME_PERSON)
        sealed = await self._seal(work, file, pb.RecommendationText(decision=request.decision))
        if request.upheld:
            state = rules_of.move(row.state, State.WITHDRAWN)
            await work.stop(row.number, "objection-1")
            await work.stop(row.number, "%", met=False)
            row = await store.change(
                work.connection, row, state=state, objection=ObjectionState.UPHELD, withdrawn_at=work.now,
                **NOTHING_DUE, sealed_decision=sealed,
            )  # fmt: skip
        else:
            await work.stop(row.number, "objection-1")
            row = await store.change(work.connection, row, objection=ObjectionState.REJECTED, sealed_decision=sealed)
        return await self._told(work, row, "RecommendationObjectionDecided", upheld=request.upheld)

    @command(pb.Recommendation)
    async def ReplyToRecommendation(self, request: pb.ReplyToRecommendationRequest, work: Work) -> pb.Recommendation:
        """Reply to every pair, with a reason for what is not adopted in full."""
        row, file = await self._department(request, work)
        state = rules_of.move(row.state, State.REPLIED)
        pairs = await store.pairs_of(work.connection, row.number)
        rules_of.check_pairs([each.pair for each in request.replies], len(pairs), "replies")
        for index, each in enumerate(request.replies):
            if Adoption(each.adoption) is not Adoption.ADOPTED and not each.reason.strip():
                raise field_error(f"replies[{index}].reason", Reason.REASON_REQUIRED)
        await work.stop(row.number, "reply-1")
        clock = await self._clock(work, row, "visit-1", "recommendation_visit")
        await store.answer(
            work.connection, row.number, "adoption", {each.pair: each.adoption for each in request.replies}
        )
        row = await store.change(
            work.connection, row, state=state, replied_at=work.now, **clock.shown(),
            sealed_reply=await self._seal(
                work, file, pb.RecommendationText(replies=request.replies, measures=request.measures)
            ),
        )  # fmt: skip
        adopted = {each.name.lower(): sum(int(a.adoption) == each for a in request.replies) for each in Adoption}
        return await self._told(work, row, "RecommendationReplied", **adopted)

    @command(pb.Recommendation)
    async def RecordRecommendationVisit(
        self, request: pb.RecordRecommendationVisitRequest, work: Work
    ) -> pb.Recommendation:
        """Record a visit: how far each pair was carried out."""
        row, file = await self._own(request, work)
        state = rules_of.move(row.state, State.VISITED)
        if row.objection is ObjectionState.OPEN:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        pairs = await store.pairs_of(work.connection, row.number)
        rules_of.check_pairs([each.pair for each in request.pairs], len(pairs), "pairs")
        await work.stop(row.number, "visit-1")
        found = {each.pair: int(each.carried_out) for each in request.pairs}
        await store.answer(work.connection, row.number, "carried_out", found)
        assert row.served_at is not None, "what was replied to was served"
        until = effect.last_second(self.rules.clusters, row.served_at, work.now)
        clock = await self._clock(work, row, "effect-1", "recommendation_effect", until=until)
        row = await store.change(
            work.connection, row, state=state, visited_at=work.now, **clock.shown(),
            sealed_visit=await self._seal(work, file, pb.RecommendationText(visit=request.note)),
        )  # fmt: skip
        counts = {each.name.lower(): sum(one == each for one in found.values()) for each in CarryingOut}
        return await self._told(work, row, "RecommendationVisited", **counts)

    @command(pb.Recommendation)
    async def CloseRecommendation(self, request: pb.CloseRecommendationRequest, work: Work) -> pb.Recommendation:
        """Close a recommendation with its measured effect, as somebody who neither drafted nor approved it."""
        row, _ = await self._own(request, work)
        state = rules_of.move(row.state, State.CLOSED)
        if work.actor in (*row.drafters, row.approved_by):
            raise CaseError(Reason.SAME_PERSON)
        assert row.served_at is not None, "what was visited was served"
        found = await effect.measured(
            work.connection, self.rules.clusters, row, work.now, unit=work.call.caller.unit,
            language=work.call.language,
        )  # fmt: skip
        verdict = Verdict(found.verdict)
        if verdict is Verdict.TOO_EARLY:
            first = effect.first_day(self.rules.clusters, row.served_at).isoformat()
            raise CaseError(Reason.EFFECT_TOO_EARLY, first, day=first)
        await work.stop(row.number, "effect-1")
        row = await store.change(
            work.connection, row, state=state, closed_at=work.now, verdict=verdict, **NOTHING_DUE
        )  # fmt: skip
        return await self._told(work, row, "RecommendationClosed", effect=verdict.name)

    async def GetMeasuredEffect(self, request: pb.GetMeasuredEffectRequest, context: Context) -> pb.MeasuredEffect:
        """Return the rate of similar cases before and after."""
        call = current_call()
        async with self.database.read() as connection:
            row = await self._seen(connection, request.name)
            found = await effect.measured(
                connection, self.rules.clusters, row, self.time.now(), unit=call.caller.unit, language=call.language
            )
        found.name = request.name
        return found

    async def GetRecommendationDocument(
        self, request: pb.GetRecommendationDocumentRequest, context: Context
    ) -> pb.RecommendationDocument:
        """Return the letter as a Word document."""
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.name)
            told = await self._text(connection, row)
            await self._read(connection, row, "RecommendationPrinted")
        self.pulse.beat()
        content = word.saved(word.filled_with(self._template, letter.fields(row, told, self.rules.units)))
        return pb.RecommendationDocument(name=request.name, media_type=WORD, content=content)

    # --- what they have in common -------------------------------------------------------------------------------------

    def _check(
        self, request: pb.DraftRecommendationRequest, unit: str, addressee: str, place: str, category: str
    ) -> None:
        for field, code in (("unit", unit), ("addressee", addressee), ("place", place)):
            if code not in self.rules.units:
                raise field_error(field, Reason.UNKNOWN_UNIT, code)
        for field, code in (("place", place), ("addressee", addressee)):
            # What concerns an organ of another area or of a level above is for the court or centre there.
            if not self.rules.units.contains(unit.partition("-")[0], code):
                raise field_error(field, Reason.UNKNOWN_UNIT, code)
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        rules_of.check_author(RecommendationKind(request.kind), unit)
        if addressee == unit:
            fault = FieldFault("addressee", "不能向本单位提出建议。", "a unit recommends nothing to itself")
            raise CaseError(Reason.INVALID_FIELD, addressee, (fault,))

    async def _cluster(self, work: Work, place: str, category: str) -> str:
        """Return what is stored of the cluster of a draft; NO_CLUSTER if there is none now."""
        found = await clusters.find(work.connection, self.rules.clusters, place, work.now)
        for each in found.candidates:
            if (each.place, each.category) == (place, category):
                counts = {"recent": each.counts.recent.cases, "earlier": each.counts.earlier.cases}
                told = {**counts, "chance": each.finding.chance, "rule": self.rules.clusters.version}
                return orjson.dumps(told).decode()
        raise CaseError(Reason.NO_CLUSTER, place)

    async def _own(self, request: Versioned, work: Work) -> tuple[Recommendation, File]:
        """Return row and file, locked, if the caller acts for the recommending unit."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return row, file

    async def _department(self, request: Versioned, work: Work) -> tuple[Recommendation, File]:
        """Return row and file, locked, if the caller acts for the addressed department."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(row.addressee)
        check_etag(row.version, request.etag)
        return row, file

    async def _seen(self, connection: Connection, name: str) -> Recommendation:
        row = await store.get(connection, names.number_of(name))
        served = row.state in rules_of.WITH_DEPARTMENT
        current_call().require_any((row.unit, row.addressee) if served else (row.unit,))
        return row

    async def _read(self, connection: Connection, row: Recommendation, kind: str) -> None:
        await self.log_reading(connection, row.number, row.unit, kind)

    async def _seal(self, work: Work, file: File, text: pb.RecommendationText) -> bytes:
        return (await self.seal(work, file)).seal(text.SerializeToString())

    async def _text(self, connection: Connection, row: Recommendation) -> pb.RecommendationText:
        opener, whole = await self.opener(connection, row.number), pb.RecommendationText()
        for data in (row.sealed, row.sealed_objection, row.sealed_decision, row.sealed_reply, row.sealed_visit):
            if data is not None:
                whole.MergeFromString(opener.open(data))
        return whole

    async def _number(self, work: Work, row: Recommendation) -> str:
        kind, area = row.kind, row.unit.partition("-")[0]
        running = await numbering.running(work.connection, rules_of.series_of(kind), row.unit, work.now)
        return rules_of.letter_number(kind, self.rules.units.known(area).name, year_of(work.now), running)

    async def _to_be_approved(self, work: Work, row: Recommendation) -> Recommendation:
        clock = await self._clock(work, row, f"approve-{row.version}", "approve_recommendation")
        return await store.change(work.connection, row, **clock.shown())

    @staticmethod
    async def _clock(
        work: Work, row: Recommendation, key: str, rule: str, *, unit: str = "", until: datetime | None = None
    ) -> NewClock:
        subject = names.file_name(row.number)
        return await work.start_clock(
            row.number, key, rule, subject=subject, unit=unit or row.unit, at=work.now, until=until
        )

    @staticmethod
    async def _told(work: Work, row: Recommendation, kind: str, **payload: object) -> pb.Recommendation:
        await work.append(NewEvent(row.number, kind, row.unit, {"state": row.state.name, **payload}))
        return view.recommendation(row, await store.pairs_of(work.connection, row.number))
