"""Plan types as plain data and back, and the digest that shows whether a published one was changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from casework.door.triage import Grade
from casework.mediation.plan import PlanState, PlanTemplate, TaskTemplate


def to_data(plan: PlanTemplate) -> dict[str, Any]:
    """Return all that a version of a plan type says, as plain JSON data: not its state."""
    return {
        "name": plan.name,
        "version": plan.version,
        "zh": plan.zh,
        "en": plan.en,
        "categories": list(plan.categories),
        "grades": [grade.value for grade in Grade if grade in plan.grades],
        "tasks": [{name: getattr(task, name) for name in TaskTemplate.__slots__} for task in plan.tasks],
    }


def from_data(data: dict[str, Any], state: PlanState) -> PlanTemplate:
    """Return the version of a plan type that `to_data` made data of."""
    return PlanTemplate(
        name=data["name"],
        version=data["version"],
        zh=data["zh"],
        en=data["en"],
        categories=tuple(data["categories"]),
        grades=frozenset(map(Grade, data["grades"])),
        tasks=tuple(TaskTemplate(**each) for each in data["tasks"]),
        state=state,
    )


def digest(plan: PlanTemplate) -> str:
    """Return 16 hex digits that change with anything that a version of a plan type says."""
    text = json.dumps(to_data(plan), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
