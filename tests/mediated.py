"""Cases in mediation, and calls about their agreements: parties, mediator and consents are put there by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import (
    agreement_pb2,
    case_pb2,
    consent_pb2,
    docking_pb2,
    follow_up_pb2,
    fulfilment_pb2,
    mediation_pb2,
    mediators_pb2,
)
from pb.mediation.v1.agreement_pb2_grpc import AgreementServiceStub
from pb.mediation.v1.docking_pb2_grpc import DockingServiceStub
from pb.mediation.v1.follow_up_pb2_grpc import FollowUpServiceStub
from pb.mediation.v1.fulfilment_pb2_grpc import ConfirmationServiceStub, FulfilmentServiceStub

from casework import names
from casework.clocks.calendar import LOCAL
from casework.mediation.session import is_screened_first
from tests.case_people import Act
from tests.conftest import COUNTY, Clients, request_id
from tests.scratch import Scratch
from tests.world_people import mediator

MODULES = (agreement_pb2, fulfilment_pb2, follow_up_pb2, docking_pb2, mediation_pb2)
SECRET = "乙方承认偷换了鹦鹉"
MEDIATION, SETTLEMENT, EXTENSION, CONFIRMATION = 1, 4, 3, 5
ALL_YES = [agreement_pb2.ChecklistAnswer(question=each, yes=True) for each in range(1, 9)]


def day(days: int) -> Date:
    """Return the local day so many days from now."""
    found = datetime.now(LOCAL).date() + timedelta(days=days)
    return Date(year=found.year, month=found.month, day=found.day)


@dataclass
class Mediated:
    """A case in mediation, with an applicant (party 1) and a respondent (party 2) unless told otherwise."""

    clients: Clients
    name: str

    @property
    def number(self) -> str:
        """The case's number."""
        return self.name.split("/")[1]

    def party(self, party: int) -> str:
        """Return the name of a party."""
        return f"{self.name}/parties/{party}"

    async def do(self, verb: str, name: str = "", role: str = "mediator", **fields: Any) -> Any:
        """Call any command or question by its name: `do("SignAgreement", agreement.name, parties=[...])`."""
        return await self.stub(verb)(self.request(verb, name or self.name, **fields), **self.clients.as_(role))

    def request(self, verb: str, name: str, **fields: Any) -> Any:
        """Return a request about a name, under a fresh request id where it takes one."""
        kind = next(getattr(module, f"{verb}Request") for module in MODULES if hasattr(module, f"{verb}Request"))
        known = kind.DESCRIPTOR.fields_by_name
        fields["parent" if "parent" in known else "name"] = name
        if "request_id" in known:
            fields.setdefault("request_id", request_id())
        return kind(**fields)

    def stub(self, verb: str) -> Any:
        """Return the callable of an RPC of mediation."""
        channel = self.clients.channels["mediation"]
        for kind in (AgreementServiceStub, FulfilmentServiceStub, ConfirmationServiceStub, FollowUpServiceStub,
                     DockingServiceStub):  # fmt: skip
            if hasattr(found := kind(channel), verb):
                return getattr(found, verb)
        return getattr(self.clients.mediation, verb)

    def clause(self, amount: int = 300_00, days: int = 10, **fields: Any) -> agreement_pb2.Clause:
        """Return a clause: party 2 pays party 1 so much within so many days."""
        given = {"performer": self.party(2), "beneficiary": self.party(1), "kind": agreement_pb2.CLAUSE_KIND_PAY,
                 "amount_fen": amount, "content": SECRET}  # fmt: skip
        if "instalments" not in fields:
            given["due_date"] = day(days)
        return agreement_pb2.Clause(**{**given, **fields})

    def instalments(self, *parts: tuple[int, int]) -> list[agreement_pb2.ClausePart]:
        """Return instalments of (amount, days from now)."""
        return [agreement_pb2.ClausePart(amount_fen=amount, due_date=day(days)) for amount, days in parts]

    async def draft(self, *clauses: agreement_pb2.Clause, extent: int = 1, form: int = 1) -> Any:
        """Draft an agreement; one payment where no clause is given."""
        statement = agreement_pb2.AgreementStatement(facts=SECRET, responsibility=SECRET)
        agreement = agreement_pb2.Agreement(
            extent=extent, form=form, clauses=clauses or [self.clause()], statement=statement
        )
        return await self.do("DraftAgreement", agreement=agreement)

    async def answered(self, *clauses: agreement_pb2.Clause, **fields: Any) -> Any:
        """Draft an agreement and answer everything there is to answer."""
        drafted = await self.draft(*clauses, **fields)
        await self.do("AnswerChecklist", drafted.name, answers=ALL_YES)
        return await self.do("AnswerThirdParties", drafted.name, settled=False)

    async def sign(self, agreement: Any, *parties: int, signer: int = 1, manner: int = 1) -> Any:
        """Sign for parties."""
        names = [self.party(party) for party in parties]
        return await self.do("SignAgreement", agreement.name, parties=names, signer=signer, manner=manner)

    async def agreed(self, *clauses: agreement_pb2.Clause, **fields: Any) -> Any:
        """Return an agreement that binds."""
        drafted = await self.answered(*clauses, **fields)
        await self.sign(drafted, 1)
        await self.sign(drafted, 2)
        await self.do("CountersignAgreement", drafted.name)
        return await self.do("SealAgreement", drafted.name, role="clerk")

    async def parts(self) -> list[fulfilment_pb2.Instalment]:
        """Return the parts of all clauses."""
        return list((await self.do("ListInstalments")).instalments)

    async def perform(self, part: Any, amount: int = 0, **fields: Any) -> Any:
        """Record a performance."""
        return await self.do("RecordPerformance", part.name, amount_fen=amount, evidence="slip-1", **fields)

    async def views(self) -> None:
        """Record what both sides say to the closing."""
        for party in (1, 2):
            await self.do("RecordView", f"{self.name}/closing", party=self.party(party), view=1, note=SECRET)

    async def finish_tasks(self) -> None:
        """Carry the plan out: a closing with an agreement needs every task done."""
        plan = await self.clients.mediation.GetPlan(
            mediation_pb2.GetPlanRequest(name=f"{self.name}/plan"), **self.clients.as_("handler", "62")
        )
        steps = (("SignTask", "handler", {}), ("ReportTask", "handler", {"evidence": "doc-1"}),
                 ("VerifyTask", "reviewer", {"sufficient": True}))  # fmt: skip
        for task in plan.tasks:
            for verb, role, fields in steps if task.state == case_pb2.TASK_STATE_DISPATCHED else ():
                request = self.request(verb, task.name, **fields)
                await getattr(self.clients.mediation, verb)(request, **self.clients.as_(role, "62"))

    async def close(self, outcome: int = 1) -> Any:
        """Ask for the closing and close."""
        await self.do("RequestClosing", role="handler", outcome=outcome)
        return await self.do("CloseCase", role="reviewer", approved=True)

    async def history(self) -> list[feed_pb2.Event]:
        """Return the case's events."""
        request = feed_pb2.ListEventsRequest(service="mediation", case=self.name, page_size=1000)
        found = await self.clients.feeds["mediation"].ListEvents(request, **self.clients.as_("auditor", "62"))
        return list(found.events)

    async def kinds(self) -> list[str]:
        """Return the kinds of the case's events."""
        return [event.type for event in await self.history()]

    async def running(self) -> dict[str, clock_pb2.Clock]:
        """Return the running clocks of the case, by key."""
        request = clock_pb2.ListClocksRequest(service="mediation", case=self.name, running=True)
        found = await self.clients.clocks["mediation"].ListClocks(request, **self.clients.as_("auditor", "62"))
        return {clock.name.split(".", 1)[1]: clock for clock in found.clocks}

    async def consent(self, step: int, *parties: int, given: bool = True) -> None:
        """Let parties say yes, or no, to a step."""
        for party in parties:
            await Act(self.clients, self.name).say(party, step, given)

    async def withdraw(self, party: int) -> None:
        """Let a party leave."""
        await Act(self.clients, self.name).withdraw(party)

    async def come(self, days: int) -> None:
        """Let the day of a follow-up visit come: it was planned for as many days before."""
        moved = "UPDATE visits SET due_on = due_on - days WHERE number = $1 AND days = $2"
        await self.execute(moved, [(self.number, days)])

    async def join(self, sides: Sequence[int], state: int = 3, *, screened: bool = False) -> None:
        """Add parties of these sides; consented from state 2 on, with the county's mediator from state 3 on.

        Where there are several of one side they are a group. `screened` asks each of them alone first.
        """
        act = Act(self.clients, self.name)
        for side in sides:
            await act.add(side, member=list(sides).count(side) > 1)
        if state < 2:
            return
        for party in range(1, len(sides) + 1) if screened else ():
            await act.screen(party, concern=False)
        await self.consent(MEDIATION, *range(1, len(sides) + 1))
        if state < 3:
            return
        name = f"mediators/demo-mediator-{COUNTY}"
        entry = mediator(names.last(name))
        head = self.clients.as_("unit_head", "cn")
        with contextlib.suppress(grpc.aio.AioRpcError):  # in the register since an earlier case
            await self.clients.mediators.CreateMediator(
                mediators_pb2.CreateMediatorRequest(
                    mediator_id=names.last(name), mediator=entry, request_id=request_id()
                ),
                **head,
            )
        # Others who share the stack may have changed the entry, as noise does.
        good = mediator(names.last(name), name=name)
        await self.clients.mediators.UpdateMediator(
            mediators_pb2.UpdateMediatorRequest(
                mediator=good, update_mask=FieldMask(paths=["*"]), request_id=request_id()
            ),
            **head,
        )
        for party in range(1, len(sides) + 1):
            if (await act.choose(party, name)).phase == consent_pb2.CHOICE_PHASE_ASKED:
                break
        await act.accept(name)

    async def execute(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run a statement for rows, in mediation's schema."""
        connection = await Scratch.main(self.clients.stack).connect("mediation")
        try:
            await connection.executemany(statement, rows)
        finally:
            await connection.close()

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Return the rows of a query, in mediation's schema."""
        connection = await Scratch.main(self.clients.stack).connect("mediation")
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()


async def mediated(
    clients: Clients, category: str = "neighbour", sides: Sequence[int] = (1, 2), state: int = 3
) -> Mediated:
    """Return a new case in mediation."""
    report = await clients.file_report("楼上漏水，天花板泡坏了。", category=f"categories/{category}")
    found = Mediated(clients, (await clients.accept(report)).name)
    await found.join(sides, state, screened=is_screened_first(category))
    return found


async def refused(call: Awaitable[Any], reason: str) -> grpc.aio.AioRpcError:
    """Return the refusal of a call, which must have this reason."""
    with pytest.raises(grpc.aio.AioRpcError, match=reason) as error:
        await call
    return error.value


def as_date(message: Date) -> date:
    """Return a proto date as a day."""
    return date(message.year, message.month, message.day)
