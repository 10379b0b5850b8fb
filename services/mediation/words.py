"""The words of tasks: those of their template, or the own words of whoever added one, sealed."""

from __future__ import annotations

from pb.mediation.v1 import case_plan_pb2

from services.kit.serving.access import current_call
from services.kit.storage.sealing import CaseSealer, Sealer
from services.mediation.models.cases import Case, Task

_READS_NO_WORDS = frozenset({"auditor", "operator", "integrator", "service"})
"""Roles that read what happened, never what was told."""


def may_read() -> bool:
    """Return whether the caller may read what people told."""
    return not current_call().caller.roles <= _READS_NO_WORDS


def opener(sealer: Sealer, case: Case) -> CaseSealer | None:
    """Return the opener of a case's words for the caller; None if they were erased, or the caller reads none."""
    if case.sealed_key is None or case.erased_at is not None or not may_read():
        return None
    return sealer.under(case.number, case.sealed_key)


def measure(row: Task, language: str, sealed: CaseSealer | None) -> str:
    """Return what must be done, in the caller's language or the words of whoever added the task."""
    return own(row, sealed).measure or str(row.measure[language])


def own(row: Task, sealed: CaseSealer | None) -> case_plan_pb2.NewTask:
    """Return the own words of a task; empty where it has none, or they are not shown."""
    if row.sealed is None or sealed is None:
        return case_plan_pb2.NewTask()
    return case_plan_pb2.NewTask.FromString(sealed.open(row.sealed))
