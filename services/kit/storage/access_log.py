"""Statements of the access log: who opened whose data, when and for what; shown to the party."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text, and_, any_, bindparam, insert, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from services.kit.serving.access import Call
from services.kit.serving.posts import Post
from services.kit.storage.database import Connection
from services.kit.storage.models import Look

TABLE = """
CREATE TABLE access_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number  text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    actor   text NOT NULL,
    unit    text COLLATE "C" NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    purpose smallint NOT NULL
);
COMMENT ON TABLE access_log IS 'Who opened whose data, when and for what. A search that found nothing has no number.';
CREATE INDEX access_log_case ON access_log (number, id);
"""
POSTS = """
ALTER TABLE access_log ADD COLUMN roles text NOT NULL DEFAULT '';
ALTER TABLE access_log ADD COLUMN grant_no integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN access_log.roles
    IS 'Roles of the account at that moment: shown to the person concerned as a post.';
COMMENT ON COLUMN access_log.grant_no IS 'The grant by which alone it was done; 0 where the office allowed it.';
"""
_COLUMNS = ("number", "at", "actor", "unit", "action", "subject", "purpose", "roles", "grant_no")
_RECORD = insert(Look).values({name: bindparam(name) for name in _COLUMNS})
_OF_CASE = select(Look).where(
    Look.number == bindparam("number", type_=Text), Look.id < bindparam("behind", type_=BigInteger)
)
_OF_OWN = _OF_CASE.where(
    or_(
        Look.subject == any_(bindparam("own", type_=ARRAY(Text))),
        and_(Look.subject.not_like("%/parties/%"), Look.subject.not_like("%/companions/%")),
    )
)
_LISTED, _LISTED_OWN = (
    each.order_by(Look.id.desc()).limit(bindparam("limit", type_=Integer)) for each in (_OF_CASE, _OF_OWN)
)


async def record(
    connection: Connection, call: Call, at: datetime, number: str, subject: str = "", purpose: int = 0, grant: int = 0
) -> None:
    """Record an access of the caller; `subject` names whose data, empty for the case as a whole.

    `grant` is the number of the grant without which the caller would have no access.
    """
    entry = {
        "number": number,
        "at": at,
        "actor": call.caller.subject,
        "unit": call.caller.unit,
        "action": call.permission,
        "subject": subject,
        "purpose": purpose,
        "roles": Post.of(call.caller).roles,
        "grant_no": grant,
    }
    await connection.execute(_RECORD, entry)


async def record_all(
    connection: Connection, call: Call, at: datetime, subjects: Sequence[tuple[str, str]], purpose: int
) -> None:
    """Record the caller's access to many people: for each, the number of the case and the name."""
    entry = {
        "at": at, "actor": call.caller.subject, "unit": call.caller.unit, "action": call.permission,
        "purpose": purpose, "roles": Post.of(call.caller).roles, "grant_no": 0,
    }  # fmt: skip
    if subjects:
        await connection.execute(
            _RECORD, [{**entry, "number": number, "subject": subject} for number, subject in subjects]
        )


async def listed(
    connection: Connection, number: str, behind: int, limit: int, own: Sequence[str] | None = None
) -> Sequence[Look]:
    """Return entries of a case, newest first, after an id; with `own`, of those people only."""
    parameters = {"number": number, "behind": behind, "limit": limit, "own": own}
    return await connection.execute(_LISTED if own is None else _LISTED_OWN, parameters)
