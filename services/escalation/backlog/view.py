"""What the backlog and its plans look like in the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from pb.escalation.v1 import backlog_pb2 as pb

from casework import names
from casework.supervision.matters.backlog import BacklogRule, Fate
from services.escalation.backlog.models import BacklogPlan, BacklogTarget
from services.escalation.backlog.store import Line, OfUnit, Progress
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers

MOST_UNITS = 1000
"""How many units a count names, at most: those with the most matters."""


def age(received_at: datetime, day: date) -> int:
    """Return the age in days on a day of what was received at an instant."""
    return (day - dates.today(received_at)).days


def backlog(unit: str, day: date, rule: BacklogRule, found: Iterable[OfUnit]) -> pb.Backlog:
    """Return counts by band and unit."""
    total: Counter[tuple[int, int]] = Counter()
    of: dict[str, Counter[tuple[int, int]]] = {}
    for row in found:
        band = rule.ranges[row.band - 1]
        total[band] += row.matters
        of.setdefault(row.unit, Counter())[band] += row.matters
    most = sorted(of, key=lambda unit: (-of[unit].total(), unit))[:MOST_UNITS]
    return pb.Backlog(
        unit=names.unit_name(unit), date=dates.shown(day), over_days=rule.over_days, bands=_bands(rule, total),
        total=total.total(),
        units=[
            pb.BacklogOfUnit(unit=names.unit_name(each), bands=_bands(rule, counts), total=counts.total())
            for each, counts in ((unit, of[unit]) for unit in sorted(most))
        ],
        units_left_out=len(of) - len(most),
    )  # fmt: skip


def _bands(rule: BacklogRule, counts: Mapping[tuple[int, int], int]) -> list[pb.BacklogBand]:
    return [pb.BacklogBand(from_days=low, to_days=high, count=counts[low, high]) for low, high in rule.ranges]


def matter(row: Line, day: date) -> pb.BacklogMatter:
    """Return a matter with its age on a day."""
    return pb.BacklogMatter(
        matter=names.case_name(row.number),
        unit=names.unit_name(row.unit),
        category=f"categories/{row.category}" if row.category else "",
        receive_time=stamp(row.received_at),
        age_days=age(row.received_at, day),
        merged_into=names.case_name(row.merged_into) if row.merged_into else "",
        **numbers(fate=row.fate),
    )


def plan(row: BacklogPlan, targets: Sequence[BacklogTarget], day: date, progress: Iterable[Progress]) -> pb.BacklogPlan:
    """Return a plan with these targets and their counts."""
    counts: dict[int, dict[int, int]] = {}
    for each in progress:
        counts.setdefault(each.target, {})[each.fate] = each.matters
    return pb.BacklogPlan(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        over_days=row.over_days,
        targets=[_target(each, counts.get(each.target, {})) for each in targets],
        date=dates.shown(day),
        draft_time=stamp(row.drafted_at),
        decide_time=stamp(row.decided_at),
        end_time=stamp(row.ended_at),
        **numbers(state=row.state),
    )


def _target(row: BacklogTarget, counts: Mapping[int, int]) -> pb.BacklogTarget:
    return pb.BacklogTarget(
        name=target_name(row),
        unit=names.unit_name(row.unit),
        count=row.wanted,
        due_date=dates.shown(row.due_on),
        official=row.official,
        baseline=row.baseline,
        settled=counts.get(Fate.SETTLED, 0),
        left=counts.get(Fate.LEFT, 0),
        open=counts.get(Fate.OPEN, 0),
        due_time=stamp(row.due_at),
        reach_time=stamp(row.reached_at),
    )


def target_name(row: BacklogTarget) -> str:
    """Return `backlogPlans/{backlog_plan}/targets/{target}`."""
    return f"{names.file_name(row.number)}/targets/{row.target}"
