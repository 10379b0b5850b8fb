"""The measured effect of a recommendation: similar cases in equal numbers of days before and after its receipt."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pb.escalation.v1 import recommendations_pb2 as pb

from casework.errors import CaseError, Reason
from casework.supervision.prevention.cluster import ClusterRule, Counted, effect
from casework.supervision.prevention.cluster_words import effect_told
from services.escalation.prevention.recommendations import clusters, view
from services.escalation.prevention.recommendations.models import Recommendation
from services.kit import dates
from services.kit.instants import stamp
from services.kit.storage.database import Connection


async def measured(
    connection: Connection, rule: ClusterRule, row: Recommendation, now: datetime, *, unit: str, language: str
) -> pb.MeasuredEffect:
    """Return the effect so far, as somebody of a unit may see it. WRONG_STATE before its receipt."""
    if row.served_at is None:
        raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
    begins = row.served_at + timedelta(days=rule.effect.transition_days)
    # Once it is closed the days after are those that were counted then.
    ends = min(row.closed_at or now, begins + timedelta(days=rule.effect.window_days))
    # As many days before as after: apart from seasons, the recommendation is the only difference.
    length = max(ends - begins, timedelta())
    since = row.served_at - length
    before = await _counted(connection, row, since, row.served_at)
    after = await _counted(connection, row, begins, ends)
    verdict, change = effect(rule.effect, before or Counted(0, 1.0), after if before else None)
    whole = view.answers_for(unit, row.place)
    hidden = not whole and any(each is not None and each.is_small for each in (before, after))
    shown = None if hidden else change
    found = pb.MeasuredEffect(
        before=view.like_count(before, whole) if before else None,
        after=view.like_count(after, whole) if after else None,
        before_start_time=stamp(since),
        before_end_time=stamp(row.served_at),
        after_start_time=stamp(begins),
        after_end_time=stamp(max(begins, ends)),
        verdict=verdict.value,  # type: ignore[arg-type]
        told=effect_told(verdict, shown, language),
        rule_version=rule.version,
    )
    for name, value in view.ratio_of(change, hidden).items():
        setattr(found, name, value)
    return found


def first_day(rule: ClusterRule, served_at: datetime) -> date:
    """Return the first day on which the effect of a recommendation can be told."""
    return dates.today(served_at + timedelta(days=rule.effect.transition_days + rule.effect.min_days)) + timedelta(1)


def last_second(rule: ClusterRule, served_at: datetime, visited_at: datetime) -> datetime:
    """Return by when to measure the effect: when all its days are over, a month after the visit at the earliest."""
    over = served_at + timedelta(days=rule.effect.transition_days + rule.effect.window_days)
    return dates.last_second(dates.today(max(over, visited_at + timedelta(days=30))))


async def _counted(connection: Connection, row: Recommendation, start: datetime, end: datetime) -> Counted | None:
    """Return the similar cases between two instants; None if there is no time between them."""
    if end <= start:
        return None
    return await clusters.count(connection, row.place, row.category, start, end)
