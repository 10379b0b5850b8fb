"""The RPCs of safeguards: private screening, alerts, later review."""

from __future__ import annotations

from pb.mediation.v1 import safeguards_pb2 as pb
from pb.mediation.v1 import safeguards_pb2_grpc

from casework import names
from casework.mediation import alert as rules_of
from casework.mediation.alert import AlertState
from casework.mediation.choosing import MatterRole
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import keys, record
from services.mediation.consents import store as mediations
from services.mediation.models.cases import Case
from services.mediation.models.safeguards import Alert
from services.mediation.people import store as people
from services.mediation.safeguards import store
from services.mediation.servicer import Servicer

DECISION, REVIEW = "alert_decision", "alert_review"


class SafeguardServicer(Servicer, safeguards_pb2_grpc.SafeguardServiceServicer):
    """Serves screening and alerts."""

    body_key_name = "requests of safeguards"

    @command(pb.Screened)
    async def ScreenParty(self, request: pb.ScreenPartyRequest, work: Work) -> pb.Screened:
        """Store what a party said in private, sealed; if violence was reported, there are no joint sessions by default.

        反家庭暴力法 art. 5. Neither the response nor the event says what was reported.
        """
        case = await self._case(request.name, work)
        party = await people.get_party(work.connection, case.number, names.index_of(request.name))
        sealer = await keys.writing(work.connection, self.sealer, case)
        sealed = sealer.seal(request.screening.SerializeToString())
        await store.screen(work.connection, case.number, party.party, sealed, work.now, work.actor)
        barred = await store.joint_barred(work.connection, sealer, case.number)
        await mediations.begin(work.connection, case.number)
        await mediations.change(work.connection, case.number, joint_barred=barred)
        await work.append(NewEvent(case.number, "PartyScreened", case.unit, {"party": party.party}))
        return pb.Screened(party=request.name, screen_time=stamp(work.now))

    async def ReadScreening(self, request: pb.ReadScreeningRequest, context: Context) -> pb.Screening:
        """Return what a party said in private, and log it; empty if it was not asked."""
        number, party = names.number_of(request.name), names.index_of(request.name)
        async with self.database.begin() as connection:
            case = await self._read(connection, number)
            await people.get_party(connection, number, party)
            told = await store.screening(connection, keys.reading(self.sealer, case), number, party)
            now = self.time.now()
            await access_log.record(connection, current_call(), now, number, request.name, request.purpose)
        return told or pb.Screening()

    @command(pb.Alert)
    async def CreateAlert(self, request: pb.CreateAlertRequest, work: Work) -> pb.Alert:
        """Record the request for an alert; nothing is sent yet. The decision has its own clock."""
        case = await self._case(request.parent, work)
        sealer = await keys.writing(work.connection, self.sealer, case)
        row = await store.add_alert(
            work.connection, case.number, work.now, danger=request.alert.danger, target=request.alert.target,
            sealed=sealer.seal(request.alert.facts.SerializeToString()), requested_by=work.actor,
        )  # fmt: skip
        await self._start(work, case, row, DECISION, "AlertRequested", alert=row.alert)
        return self._shown(row)

    @command(pb.Alert)
    async def ApproveAlert(self, request: pb.ApproveAlertRequest, work: Work) -> pb.Alert:
        """Approve or refuse an alert, as a second person; an approved one must be reviewed within seven days."""
        case, row = await self._alert(request, work)
        await people.must_be_allowed(work.connection, case.number, work.actor, MatterRole.REVIEWER)
        state = rules_of.decide(row.state, request.approved, work.actor, row.requested_by)
        row = await store.change_alert(
            work.connection, case.number, row.alert, state=state, decided_by=work.actor, decided_at=work.now
        )
        await work.stop(case.number, f"{DECISION}-{row.alert}")
        payload = {"alert": row.alert, "state": state.name}
        if state is AlertState.APPROVED:
            await self._start(work, case, row, REVIEW, "AlertDecided", **payload)
        else:
            await work.append(NewEvent(case.number, "AlertDecided", case.unit, payload))
        return self._shown(row)

    @command(pb.Alert)
    async def ReviewAlert(self, request: pb.ReviewAlertRequest, work: Work) -> pb.Alert:
        """Review an alert later, as a third person."""
        case, row = await self._alert(request, work)
        await people.must_be_allowed(work.connection, case.number, work.actor, MatterRole.REVIEWER)
        state = rules_of.review(row.state, request.justified, work.actor, row.requested_by, row.decided_by)
        row = await store.change_alert(
            work.connection, case.number, row.alert, state=state, reviewed_by=work.actor, reviewed_at=work.now
        )
        await work.stop(case.number, f"{REVIEW}-{row.alert}")
        payload = {"alert": row.alert, "state": state.name}
        await work.append(NewEvent(case.number, "AlertReviewed", case.unit, payload))
        return self._shown(row)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Context) -> pb.ListAlertsResponse:
        """Return the alerts of one case, without their facts."""
        async with self.database.begin() as connection:
            case = await self._read(connection, names.number_of(request.parent))
            rows = await store.list_alerts(connection, case.number)
        return pb.ListAlertsResponse(alerts=[self._shown(row) for row in rows])

    async def ReadAlert(self, request: pb.ReadAlertRequest, context: Context) -> pb.AlertFacts:
        """Return the facts of an alert, and log it."""
        number = names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await self._read(connection, number)
            row = await store.get_alert(connection, number, names.index_of(request.name))
            opened = keys.reading(self.sealer, case).open(row.sealed or b"")
            now = self.time.now()
            await access_log.record(connection, current_call(), now, number, request.name, request.purpose)
        return pb.AlertFacts.FromString(opened)

    @staticmethod
    async def _start(work: Work, case: Case, row: Alert, rule: str, kind: str, **payload: object) -> None:
        """Start a clock of an alert, and append its event."""
        await work.start_clock(
            case.number, f"{rule}-{row.alert}", rule, subject=names.alert_name(case.number, row.alert),
            unit=case.unit, at=work.now,
        )  # fmt: skip
        await work.append(NewEvent(case.number, kind, case.unit, payload))

    @staticmethod
    def _shown(row: Alert) -> pb.Alert:
        return pb.Alert(
            name=names.alert_name(row.number, row.alert),
            etag=str(row.version),
            requester=row.requested_by,
            approver=row.decided_by,
            reviewer=row.reviewed_by,
            request_time=stamp(row.requested_at),
            decide_time=stamp(row.decided_at),
            review_time=stamp(row.reviewed_at),
            **numbers(state=row.state, danger=row.danger, target=row.target),
        )

    @staticmethod
    async def _case(name: str, work: Work) -> Case:
        return await record.locked(work, name)

    async def _alert(self, request: Versioned, work: Work) -> tuple[Case, Alert]:
        case = await self._case(request.name, work)
        row = await store.get_alert(work.connection, case.number, names.index_of(request.name))
        check_etag(row.version, request.etag)
        return case, row

    @staticmethod
    async def _read(connection: Connection, number: str) -> Case:
        return await record.seen(connection, names.case_name(number))
