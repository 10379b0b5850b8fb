"""Idempotency: the first answer of every command, by caller and request id, in the command's own transaction."""

from __future__ import annotations

import hashlib
import hmac

from google.protobuf.message import Message

from casework.errors import CaseError, FieldFault, Reason
from services.kit.storage.database import Connection, text

# A second call with the same id waits here until the first has committed or rolled back.
_CLAIM = text("""
    INSERT INTO requests (caller, request_id, body_hash) VALUES (:caller, :id, :body)
    ON CONFLICT (caller, request_id) DO NOTHING RETURNING true
""")
_EARLIER = text("SELECT body_hash, answer FROM requests WHERE caller = :caller AND request_id = :id")
_ANSWER = text("UPDATE requests SET answer = :answer WHERE caller = :caller AND request_id = :id")


def body_hash(request: Message, key: bytes = b"") -> bytes:
    """Return SHA-256 over a request's type and canonical bytes; keyed where what it says could be guessed."""
    body = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    return hmac.digest(key, body, "sha256") if key else hashlib.sha256(body).digest()


def reused(field: str = "request_id") -> CaseError:
    """Return the error of a request id that was used before with another body."""
    return CaseError(
        Reason.IDEMPOTENCY_KEY_REUSED,
        fields=(FieldFault(field, "已用于另一个请求。", "was used for another request"),),
    )


async def claim(connection: Connection, caller: str, request_id: str, body: bytes) -> bytes | None:
    """Claim a request id for this transaction; return the first answer where it was used before.

    Raises IDEMPOTENCY_KEY_REUSED where it was used with another body.
    """
    key = {"caller": caller, "id": request_id}
    if await connection.scalar(_CLAIM, {**key, "body": body}):
        return None
    row = (await connection.execute(_EARLIER, key)).one()
    if bytes(row.body_hash) != body:
        raise reused()
    return bytes(row.answer)


async def remember(connection: Connection, caller: str, request_id: str, answer: bytes) -> None:
    """Store the answer of a claimed request id."""
    await connection.execute(_ANSWER, {"caller": caller, "id": request_id, "answer": answer})
