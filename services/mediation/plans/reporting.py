"""Evidence that a task is done: a reference, further papers, words of any language, stored files of the case."""

from __future__ import annotations

from pb.mediation.v1 import case_pb2
from pb.mediation.v1 import mediation_pb2 as pb

from casework import names
from casework.errors import Reason, field_error
from services.kit.command import Work
from services.kit.storage.sealing import Sealer
from services.mediation import keys, store
from services.mediation.models.cases import Case, Task


def must_show_something(request: pb.ReportTaskRequest, number: str) -> None:
    """Raise INVALID_FIELD where no evidence is given at all, or a file is of another case."""
    if not (request.evidence or request.further_evidence or request.evidence_text.strip() or request.evidence_files):
        raise field_error("evidence", Reason.INVALID_FIELD, "a reference, words or a file")
    for index, file in enumerate(request.evidence_files):
        if names.number_of(file) != number:
            raise field_error(f"evidence_files[{index}]", Reason.INVALID_FIELD, file)


async def keep(work: Work, sealer: Sealer, case: Case, row: Task, request: pb.ReportTaskRequest) -> int:
    """Store a report of a task of a locked case, and return its number; earlier ones stay."""
    told = case_pb2.TaskReport(
        further_evidence=request.further_evidence,
        evidence_text=request.evidence_text,
        evidence_files=request.evidence_files,
    )
    under = await keys.writing(work.connection, sealer, case) if told.ListFields() else None
    sealed = under.seal(told.SerializeToString()) if under else None
    return await store.add_report(work.connection, row, request.evidence, sealed, work.actor, work.now)
