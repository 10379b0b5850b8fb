"""Closings and visits as messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pb.mediation.v1 import agreement_pb2
from pb.mediation.v1 import follow_up_pb2 as pb

from casework import names
from casework.mediation.closing import REOPEN_WITHIN, ReopenReason
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.closing import Closing, ClosingView, Visit, VisitAnswer


def closing(
    number: str, last: Closing | None, views: Sequence[ClosingView], gates: Iterable[pb.ClosingGate] = ()
) -> pb.Closing:
    """Return the closing of a case: the conditions it still lacks, what the parties said, its number if it has one."""
    return pb.Closing(
        name=f"{names.case_name(number)}/closing",
        gates=gates,
        views=[
            pb.PartyView(
                party=names.party_name(number, row.party), record_time=stamp(row.recorded_at), **numbers(view=row.view)
            )
            for row in views
        ],
        document_number=last.document_number if last else "",
        close_time=stamp(last.closed_at) if last else None,
        reopen_until_time=stamp(last.closed_at + REOPEN_WITHIN[ReopenReason.NEW_FACTS]) if last else None,
        **numbers(retention=last.retention if last else None),
    )


def visits(number: str, rows: Sequence[Visit], said: Sequence[VisitAnswer]) -> list[pb.Visit]:
    """Return the visits of a case with what the parties said in each."""
    return [
        pb.Visit(
            name=f"{names.case_name(number)}/visits/{row.days}",
            due_date=dates.shown(row.due_on),
            last_date=dates.shown(dates.today(row.due_at)) if row.due_at else None,
            visit_time=stamp(row.visited_at),
            recurred=row.recurred,
            satisfaction=[
                agreement_pb2.PartySatisfaction(
                    party=names.party_name(number, each.party), **numbers(satisfaction=each.satisfaction)
                )
                for each in said
                if each.days == row.days
            ],
            **numbers(performance=row.performance),
        )
        for row in rows
    ]
