"""Clusters and recommendations as messages; counts below five only for the responsible level."""

from __future__ import annotations

from collections.abc import Sequence

from pb.escalation.v1 import recommendations_pb2 as pb

from casework import names
from casework.door.complaint import lies_within
from casework.supervision.prevention.cluster import Counted, Ratio
from casework.supervision.prevention.cluster_words import cluster_told
from services.escalation.prevention.recommendations.clusters import Candidate
from services.escalation.prevention.recommendations.models import AdvicePair, Recommendation
from services.kit.instants import stamp
from services.kit.numbers import numbers


def answers_for(unit: str, place: str) -> bool:
    """Return whether this unit is of the level responsible for a place: the place itself or a unit in it."""
    return lies_within(place.partition("-")[0], unit)


def like_count(counted: Counted, whole: bool) -> pb.LikeCount:
    """Return a count; below five only if the caller may see it."""
    hidden = counted.is_small and not whole
    return pb.LikeCount(cases=None if hidden else counted.cases, below_five=hidden, days=counted.days)


def ratio_of(change: Ratio | None, hidden: bool) -> dict[str, float]:
    """Return a ratio and its interval; nothing if one of its counts is hidden, since that could be computed from it."""
    if change is None or hidden:
        return {}
    told = {"ratio": change.ratio, "ratio_low": change.low, "ratio_high": change.high}
    return {name: value for name, value in told.items() if value is not None}


def cluster(found: Candidate, unit: str, language: str) -> pb.Cluster:
    """Return a candidate as somebody of a unit may see it."""
    whole, counts = answers_for(unit, found.place), found.counts
    hidden = counts.earlier.is_small and not whole
    return pb.Cluster(
        place=names.unit_name(found.place),
        category=f"categories/{found.category}",
        recent=like_count(counts.recent, whole),
        earlier=like_count(counts.earlier, whole),
        # The counts of neighbouring places are theirs: the place itself does not see small ones.
        peers_recent=like_count(counts.peers_recent, whole=False),
        peers_earlier=like_count(counts.peers_earlier, whole=False),
        expected=None if hidden else found.finding.expected,
        chance=None if hidden else found.finding.chance,
        told=cluster_told(counts.recent, None if hidden else found.finding, language),
        **ratio_of(found.finding.change, hidden),
    )


def recommendation(row: Recommendation, pairs: Sequence[AdvicePair]) -> pb.Recommendation:
    """Return a recommendation, without its text; the pairs of a draft are only counted."""
    states = [pb.AdvicePairState(
        pair=each.pair, **numbers(adoption=each.adoption or 0, carried_out=each.carried_out or 0)
    ) for each in pairs] or [pb.AdvicePairState(pair=nth) for nth in range(1, row.pair_count + 1)]  # fmt: skip
    return pb.Recommendation(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        addressee=names.unit_name(row.addressee),
        category=f"categories/{row.category}",
        place=names.unit_name(row.place),
        from_cluster=bool(row.cluster),
        letter_number=row.letter_number,
        researched=row.researched,
        communicated=row.communicated,
        pairs=states,
        due_time=stamp(row.due_at),
        create_time=stamp(row.created_at),
        approve_time=stamp(row.approved_at),
        serve_time=stamp(row.served_at),
        reply_time=stamp(row.replied_at),
        visit_time=stamp(row.visited_at),
        object_time=stamp(row.objected_at),
        withdraw_time=stamp(row.withdrawn_at),
        close_time=stamp(row.closed_at),
        **numbers(state=row.state, kind=row.kind, objection=row.objection or 0, effect=row.verdict or 0),
    )
