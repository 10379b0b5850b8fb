"""What consultations look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.escalation.v1 import consultations_pb2 as pb

from casework import names
from services.escalation.matters.special.consultations.store import consultation_name
from services.escalation.matters.special.models import Consultation, ConsultationConflict, ExpertAsk
from services.kit.instants import stamp
from services.kit.numbers import numbers


def consultation(
    row: Consultation, conflicts: Sequence[ConsultationConflict], paused: Sequence[tuple[str, int]]
) -> pb.Consultation:
    """Return a consultation without its texts."""
    return pb.Consultation(
        name=consultation_name(row),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        field=row.field,
        party_units=[names.unit_name(unit) for unit in row.party_units],
        conflicts=[
            pb.DeclaredConflict(expert=names.file_name(each.expert), **numbers(reason=each.reason))
            for each in conflicts
        ],
        clocks=list(row.clocks),
        expert=names.file_name(row.expert),
        paused_clocks=[f"clocks/escalation/{clock}" for clock, _ in paused],
        ask_time=stamp(row.asked_at),
        draw_time=stamp(row.drawn_at),
        opinion_time=stamp(row.opinion_at),
        adoption_time=stamp(row.adopted_at),
        end_time=stamp(row.ended_at),
        end_reason=row.end_reason,
        **numbers(state=row.state, adoption=row.adoption or 0),
    )


def draw(row: Consultation, asks: Sequence[ExpertAsk]) -> pb.ExpertDraw:
    """Return the current draw: its seed, and its experts in order."""
    return pb.ExpertDraw(
        name=f"{consultation_name(row)}/draw",
        seed=row.seed,
        order=[
            pb.DrawnExpert(
                expert=names.file_name(each.expert), ask_time=stamp(each.asked_at),
                answer_time=stamp(each.answered_at), **numbers(state=each.state, reason=each.reason or 0),
            )
            for each in asks if each.seed == row.seed
        ],
    )  # fmt: skip
