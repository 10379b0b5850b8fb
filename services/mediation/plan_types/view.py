"""Plan types as messages of the contract."""

from __future__ import annotations

from pb.mediation.v1 import plan_types_pb2 as pb

from casework.door.triage import Grade
from casework.mediation.plan import PlanState, PlanTemplate, TaskTemplate
from casework.mediation.plans import data
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.plan_types import store
from services.mediation.plan_types.models import PlanType

STATES = {
    PlanState.DRAFT: pb.PLAN_TYPE_STATE_DRAFT,
    PlanState.PUBLISHED: pb.PLAN_TYPE_STATE_PUBLISHED,
    PlanState.RETIRED: pb.PLAN_TYPE_STATE_RETIRED,
}


def plan_type(plan: PlanTemplate, kept: PlanType | None) -> pb.PlanType:
    """Return a version of a plan type; `kept` is what was stored when it was published."""
    return pb.PlanType(
        name=store.name_of(plan),
        title_zh=plan.zh,
        title_en=plan.en,
        categories=[f"categories/{each}" for each in plan.categories],
        steps=[_step(each) for each in plan.tasks],
        digest=data.digest(plan),
        publish_time=stamp(kept.published_at if kept else None),
        **numbers(
            state=STATES[plan.state],
            grades=[number for number, grade in enumerate(Grade, start=1) if grade in plan.grades],
        ),
    )


def _step(task: TaskTemplate) -> pb.PlanStep:
    return pb.PlanStep(
        key=task.key,
        measure_zh=task.zh,
        measure_en=task.en,
        doer=task.unit,
        days=task.due_days,
        evidence_zh=task.evidence_zh,
        evidence_en=task.evidence_en,
        milestone=task.milestone,
        optional=task.optional,
    )
