"""The data key of a case: created with the first sealed data, destroyed when the case's data is erased."""

from __future__ import annotations

from datetime import datetime

from pb.intake.v1 import report_pb2

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer, Sealed, Sealer, WrappedKey
from services.mediation import store
from services.mediation.models.cases import Case


async def writing(connection: Connection, sealer: Sealer, case: Case) -> CaseSealer:
    """Return the sealer of a case whose row is locked; its key is created if there is none yet.

    Raises DATA_ERASED if the key was destroyed: no personal data is accepted again.
    """
    if case.erased_at is not None:
        raise CaseError(Reason.DATA_ERASED, names.case_name(case.number))
    # The row read under the case's lock may be older than what this transaction has done since.
    wrapped = case.sealed_key or await store.key_of(connection, case.number)
    if wrapped is None:
        wrapped = sealer.new_key(case.number)
        await store.keep_key(connection, case.number, wrapped)
    return sealer.under(case.number, wrapped)


def reading(sealer: Sealer, case: Case) -> CaseSealer:
    """Return the opener of the sealed columns of a case; DATA_ERASED if its key was destroyed."""
    return opening(sealer, case.number, case.sealed_key, case.erased_at)


def opening(sealer: Sealer, number: str, key: WrappedKey | None, erased_at: datetime | None) -> CaseSealer:
    """Return the opener of the sealed columns of a case with this key; DATA_ERASED if it was destroyed."""
    if erased_at is not None or key is None:
        raise CaseError(Reason.DATA_ERASED, names.case_name(number))
    return sealer.under(number, key)


def content_of(sealer: Sealer, case: Case) -> report_pb2.ReportContent:
    """Return what the report of a case says; an empty message where nothing was handed over or it was erased."""
    if case.sealed is None or case.sealed_key is None:
        return report_pb2.ReportContent()
    return report_pb2.ReportContent.FromString(sealer.open(case.number, Sealed(case.sealed_key, case.sealed)))
