"""The histories of other services that come with a taking out: each signed here, of this case, a moment ago."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pb.feed.v1.history_pb2 import SignedHistory
from pb.mediation.v1.portable_pb2 import TakeOutCaseRequest

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.papers.portable.checking import Signed
from casework.papers.portable.writing import OTHERS, statement
from services.kit.signatures import SigningKey, judge, public_keys

_FRESH = timedelta(minutes=10)
"""An older one may lack what happened since."""


def received(request: TakeOutCaseRequest, key: SigningKey, now: datetime) -> Mapping[str, bytes]:
    """Return the histories by service; INVALID_FIELD naming the one that no service of this installation signed."""
    number, found = names.number_of(request.name), dict[str, bytes]()
    judged = judge(public_keys([json.dumps(dict(key.public))]))
    for index, each in enumerate(request.histories):
        if judged(each.signature, each.statement).signed is not Signed.VALID:
            raise _refused(index, "not signed by a service of this installation")
        service, at = _said(each)
        if service not in OTHERS or service in found:
            raise _refused(index, "of intake and escalation one each")
        if each.statement != statement(service, number, each.content, at):
            raise _refused(index, "not the signed history of this case")
        if abs(now - at) > _FRESH:
            raise _refused(index, "signed too long ago: ask for it again")
        found[service] = each.content
    return {service: found[service] for service in OTHERS if service in found}


def _said(history: SignedHistory) -> tuple[str, datetime]:
    """Return of which service it is, and of when; the statement was written here."""
    told: Any = json.loads(history.statement)
    return told["service"], datetime.fromisoformat(told["time"])


def _refused(index: int, why: str) -> CaseError:
    return field_error(f"histories[{index}]", Reason.INVALID_FIELD, why)
