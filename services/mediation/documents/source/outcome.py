"""From the tables of a mediation's results to the source of documents: agreement, performance, returned dockings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from pb.mediation.v1 import agreement_pb2

from casework.case import Stage
from casework.clocks.calendar import LOCAL
from casework.mediation.agreement import Extent, Form
from casework.mediation.closing import Retention, Satisfaction
from casework.mediation.docking import DockingKind, DockingState, Result
from casework.mediation.fulfilment import Performance
from casework.papers.documents import (
    AgreementFacts,
    Clause,
    ClosingFacts,
    ConfirmationFacts,
    Docking,
    DockingFacts,
    PartyFacts,
    PerformanceFacts,
    Visit,
)
from casework.units import UnitTree
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer
from services.mediation.agreement import results
from services.mediation.agreement import store as agreements
from services.mediation.agreement.store import Loaded
from services.mediation.closing import store as closings
from services.mediation.confirmation import store as confirmations
from services.mediation.docking import store as dockings
from services.mediation.documents.source import store
from services.mediation.models import docking
from services.mediation.models.agreement import AgreedClause, Part
from services.mediation.models.cases import Case
from services.mediation.officials.naming import Names

_ORGANS = {DockingKind.COURT: "人民法院", DockingKind.POLICE: "公安机关", DockingKind.PETITION: "信访部门"}
"""What an authority is called that was not recorded."""
_PERFORMANCE = {Performance.NOT: "none", Performance.PART: "part", Performance.DONE: "done"}
_SATISFACTION = {
    Satisfaction.SATISFIED: "satisfied", Satisfaction.PARTLY: "fair", Satisfaction.NOT_SATISFIED: "dissatisfied",
    Satisfaction.NO_ANSWER: "unsaid",
}  # fmt: skip
_RETENTION = {Retention.TEN_YEARS: "short", Retention.THIRTY_YEARS: "long", Retention.PERMANENT: "permanent"}


async def loaded_of(connection: Connection, number: str, agreement: int = 0) -> Loaded | None:
    """Return the agreement of the documents: the requested one, otherwise the one that binds or is about to.

    None where there is none.
    """
    if agreement:
        return await agreements.load(connection, number, agreement)
    newest = await store.agreement_of(connection, number)
    return None if newest is None else await agreements.load(connection, number, newest)


def agreement_of(
    loaded: Loaded | None, opener: CaseSealer | None, parties: tuple[PartyFacts, ...]
) -> AgreementFacts | None:
    """Return the agreement with its clauses; None where there is none."""
    if loaded is None or opener is None:
        return None
    row, names = loaded.row, {each.party: each.name for each in parties}
    told = agreement_pb2.AgreementText.FromString(opener.open(row.sealed))
    return AgreementFacts(
        written=row.form is Form.WRITTEN,
        partial=row.extent is Extent.PARTIAL,
        facts=told.statement.facts,
        points=told.statement.disputed_points,
        responsibility=told.statement.responsibility,
        clauses=tuple(
            _clause(clause, content, [part for part in loaded.parts if part.clause == clause.clause], names)
            for clause, content in zip(loaded.clauses, told.clauses, strict=True)
        ),
        made_on=row.drafted_at.astimezone(LOCAL).date(),
        effective_at=row.effective_at,
    )


def _clause(row: AgreedClause, content: str, parts: Sequence[Part], names: dict[int, str]) -> Clause:
    split = len(parts) > 1
    instalments = "；".join(f"{each.due_on:%Y-%m-%d} {_yuan(each.amount)}元" for each in parts) if split else ""
    return Clause(
        row.clause,
        names.get(row.performer, ""),
        content,
        _yuan(row.amount),
        parts[-1].due_on if parts else None,
        f"分{len(parts)}期：{instalments}" if split else "",
    )


def _yuan(fen: int) -> Decimal | None:
    return Decimal(fen) / 100 if fen else None


def _noon(day: date) -> datetime:
    """Return an instant on a day, when only the day is known."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=LOCAL)


async def performances_of(
    connection: Connection, loaded: Loaded | None, parties: tuple[PartyFacts, ...], officials: Names
) -> tuple[PerformanceFacts, ...]:
    """Return what was performed of the agreement, in the order it was recorded; all but the last are partial."""
    if loaded is None:
        return ()
    names = {each.party: each.name for each in parties}
    performed = await store.performed(connection, loaded.row.number, loaded.row.agreement)
    return tuple(
        PerformanceFacts(index, clause, _noon(on), _yuan(amount), is_part, evidence, names.get(beneficiary, ""),
                         officials.name(by, _noon(on)))
        for index, (clause, amount, evidence, on, by, beneficiary, is_part) in enumerate(performed, start=1)
    )  # fmt: skip


async def confirmation_of(connection: Connection, loaded: Loaded | None, units: UnitTree) -> ConfirmationFacts | None:
    """Return the application for judicial confirmation; None where there is none.

    A court that is no unit here has no name: its place on the form stays empty.
    """
    if loaded is None:
        return None
    row = await confirmations.find(connection, loaded.row.number, loaded.row.agreement)
    if row is None:
        return None
    last = loaded.row.confirm_due_at
    return ConfirmationFacts(
        units.paper(row.court).full if row.court in units else "",
        last.astimezone(LOCAL).date() if last else None,
        row.applied_at.astimezone(LOCAL).date(),
    )


async def visits_of(
    connection: Connection,
    number: str,
    opener: CaseSealer | None,
    parties: tuple[PartyFacts, ...],
    officials: Names,
) -> tuple[Visit, ...]:
    """Return the follow-up visits that were made. If the parties' answers differ, each answer is given."""
    names = {each.party: each.name for each in parties}
    visits, said = await closings.visits(connection, number)
    found = []
    for row in visits:
        if row.visited_at is None:
            continue
        own = [each for each in said if each.days == row.days]
        words = {_SATISFACTION[each.satisfaction] for each in own}
        note = opener.open(row.sealed).decode() if opener and row.sealed is not None else ""
        found.append(
            Visit(
                row.days,
                row.visited_at,
                officials.name(row.visited_by, row.visited_at),
                "、".join(names.get(each.party, "") for each in own),
                performance=_PERFORMANCE[row.performance] if row.performance else "",
                satisfaction=words.pop() if len(words) == 1 else "",
                recurrence=row.recurred,
                remarks=note,
            )
        )
    return tuple(found)


async def closing_of(connection: Connection, case: Case, now: datetime, officials: Names) -> ClosingFacts | None:
    """Return how the case ended; None while it is open."""
    if case.stage is not Stage.CLOSED or case.outcome is None:
        return None
    done = await results.performed(connection, case.number, now)
    said = {row.party: row.satisfaction for row in await closings.said(connection, case.number)}
    words = {_SATISFACTION[each] for each in said.values()}
    return ClosingFacts(
        outcome=case.outcome.name.lower(),
        performance=_PERFORMANCE[done] if done else "",
        satisfaction=words.pop() if len(words) == 1 else "",
        requested_by=officials.name(case.requested_by, case.closed_at),
        reviewed_by=officials.name(await store.closed_by(connection, case.number), case.closed_at),
        closed_at=case.closed_at,
    )


async def retention_of(connection: Connection, number: str) -> str:
    """Return the retention in the words of the forms; empty before the case was closed."""
    row = await closings.last_closing(connection, number)
    return _RETENTION[row.retention] if row else ""


async def dockings_of(
    connection: Connection, number: str, units: UnitTree, officials: Names
) -> tuple[DockingFacts, ...]:
    """Return the dockings, without the parties' reasons."""
    references = await dockings.handed_over(connection, number)
    found, signers = await dockings.of_case(connection, number), await store.docking_signers(connection, number)
    return tuple(
        _docking(
            row, references.get(row.docking, ""), officials.name(signers.get(row.docking, ""), row.signed_at), units
        )
        for row in found
    )  # fmt: skip


def _docking(row: docking.Docking, reference: str, signed_by: str, units: UnitTree) -> DockingFacts:
    kind, state = row.kind, row.state
    came_to = {DockingState.AGREED, DockingState.PERFORMED, DockingState.APPLIED, DockingState.SETTLED}
    performed = {DockingState.PERFORMED, DockingState.APPLIED, DockingState.SETTLED}
    unkept = row.result is Result.NOT_PERFORMED
    return DockingFacts(
        docking=row.docking,
        kind=Docking(kind.name.lower()),
        organ=units.paper(row.authority).full if row.authority else _ORGANS[kind],
        reference=reference,
        entrusted=kind is DockingKind.COURT,
        sent_at=row.handed_over_at,
        signed_at=row.signed_at,
        signed_by=signed_by,
        due_on=row.due_at.astimezone(LOCAL).date() if row.due_at else None,
        out_of_scope=False if row.result is Result.NO_CONSENT else None,
        returned_at=row.ended_at if state is DockingState.RETURNED else None,
        agreed=True if state in came_to or unkept else False if row.result is Result.NO_AGREEMENT else None,
        performed=False if unkept else True if kind is DockingKind.POLICE and state in performed else None,
    )
