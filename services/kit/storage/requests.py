"""Idempotency: the first response of every command, by caller and request id, in its own transaction."""

from __future__ import annotations

import hashlib
import hmac

from google.protobuf.message import Message
from sqlalchemy import bindparam, select, true, update
from sqlalchemy.dialects.postgresql import insert

from casework.errors import CaseError, FieldFault, Reason
from services.kit.storage.database import Connection
from services.kit.storage.models import StoredRequest

_KEY = (StoredRequest.caller == bindparam("who"), StoredRequest.request_id == bindparam("id"))
# A second call with the same id waits here until the first has committed or rolled back.
_CLAIM = (
    insert(StoredRequest)
    .values(caller=bindparam("who"), request_id=bindparam("id"), body_hash=bindparam("body"))
    .on_conflict_do_nothing(index_elements=[StoredRequest.caller, StoredRequest.request_id])
    .returning(true())
)
_EARLIER = select(StoredRequest.body_hash, StoredRequest.answer).where(*_KEY)
_ANSWER = update(StoredRequest).where(*_KEY).values(answer=bindparam("answer"))


def body_hash(request: Message, key: bytes = b"") -> bytes:
    """Return SHA-256 over a request's type and canonical bytes; keyed if its content could be guessed."""
    body = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    return hmac.digest(key, body, "sha256") if key else hashlib.sha256(body).digest()


def reused(field: str = "request_id") -> CaseError:
    """Return the error of a request id that was used before with another body."""
    return CaseError(
        Reason.IDEMPOTENCY_KEY_REUSED,
        fields=(FieldFault(field, "已用于另一个请求。", "was used for another request"),),
    )


async def is_known(connection: Connection, caller: str, request_id: str) -> bool:
    """Return whether a request id was used before."""
    return (await connection.execute(_EARLIER, {"who": caller, "id": request_id})).first() is not None


async def claim(connection: Connection, caller: str, request_id: str, body: bytes) -> bytes | None:
    """Claim a request id for this transaction; return the first response if it was used before.

    Raises IDEMPOTENCY_KEY_REUSED if it was used with another body.
    """
    key = {"who": caller, "id": request_id}
    if await connection.scalar(_CLAIM, {**key, "body": body}):
        return None
    first_body, answer = (await connection.execute(_EARLIER, key)).one()
    if first_body != body:
        raise reused()
    return answer or b""


async def remember(connection: Connection, caller: str, request_id: str, answer: bytes) -> None:
    """Store the response to a claimed request id."""
    await connection.execute(_ANSWER, {"who": caller, "id": request_id, "answer": answer})
