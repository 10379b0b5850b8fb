"""Publishing a draft of a plan type: its file says so from then on, and what it said then."""

from __future__ import annotations

import os
import re
from pathlib import Path

from casework.mediation.plan import PlanState
from casework.mediation.plans.data import digest
from services.kit.rules.folder import RulesFolder
from services.kit.rules.plans import read_plans
from services.kit.rules.problem import Problem, RulesError

_STATE = re.compile(r"^state: *(draft|published|retired)[^\n]*\n(digest:[^\n]*\n)?", re.MULTILINE)


def publish(file: Path) -> tuple[str, str]:
    """Publish the draft in a file and retire the version that is published; return both, as `name version`.

    RulesError with every problem where the files do not load, or this one is no draft.
    """
    folder = RulesFolder(file.resolve().parent.parent)
    source = read_plans(folder)
    label = folder.label(f"plans/{file.name}")
    if source is None:
        raise RulesError(folder.problems)
    versions = source.book.versions
    plans = {document.file: versions[content.name, content.version] for document, content in source.entries}
    draft = plans.get(label)
    if draft is None or draft.state is not PlanState.DRAFT:
        raise RulesError([Problem(label, 1, "is not a draft in the folder of plans")])
    retired = ""
    for other, plan in plans.items():
        if plan.name == draft.name and plan.state is PlanState.PUBLISHED:
            _write(file.parent / Path(other).name, PlanState.RETIRED, digest(plan))
            retired = f"{plan.name} {plan.version}"
    _write(file, PlanState.PUBLISHED, digest(draft))
    return f"{draft.name} {draft.version}", retired


def _write(file: Path, state: PlanState, made: str) -> None:
    """Write state and digest; the file is replaced at once, so that nobody reads half of it."""
    text = _STATE.sub(f'state: {state}\ndigest: "{made}"\n', file.read_text("utf-8"), count=1)
    aside = file.with_name(f".{file.name}")
    aside.write_text(text, "utf-8")
    os.replace(aside, file)
