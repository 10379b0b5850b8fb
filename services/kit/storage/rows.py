"""Rows inserted, changed and found by the names of columns, which come from the code, never from a request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Select, bindparam, func
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, Rows
from services.kit.storage.models import Model

MOST = 1_000
"""Rows under one parent, unless said otherwise."""
FEW = 200
"""Of those that are read with long texts, all at once: a response has 4 MB."""
PAGED = 2**31 - 1
"""For what is never listed but in pages."""
M = TypeVar("M", bound=Model)
T = TypeVar("T")


async def insert(connection: Connection, model: type[M], **columns: object) -> M:
    """Insert a row and return it."""
    return (await connection.execute(_insert(model, tuple(columns)), columns)).one()


async def update(connection: Connection, model: type[M], key: Mapping[str, Any], /, **columns: object) -> M:
    """Change columns of the row with this key, increment its version, and return it."""
    return (await connection.execute(_update(model, tuple(key), tuple(columns)), {**columns, **key})).one()


@lru_cache(maxsize=512)
def _insert(model: type[M], columns: tuple[str, ...]) -> ReturningInsert[M]:
    return sqlalchemy.insert(model).values({name: bindparam(name) for name in columns}).returning(model)


async def add(
    connection: Connection, model: type[M], running: str, key: Mapping[str, Any], most: int = MOST, /,
    **columns: object,
) -> M:  # fmt: skip
    """Insert a row under the next number of those with this key, and return it; the caller has locked their parent.

    TOO_MANY if there are as many as there may be: whoever lists them without pages must be able to read them all.
    """
    statement = _add(model, running, tuple(key), tuple(columns))
    row = (await connection.execute(statement, {**columns, **key})).one()
    _must_be_few(getattr(row, running), most)
    return row


def _must_be_few(number: int, most: int) -> None:
    if number > most:
        raise CaseError(Reason.TOO_MANY, str(most))


@lru_cache(maxsize=512)
def _add(model: type[M], running: str, key: tuple[str, ...], columns: tuple[str, ...]) -> ReturningInsert[M]:
    table = model.__table__.c
    values = {name: bindparam(name, type_=table[name].type) for name in (*key, *columns)}
    following = sqlalchemy.select((func.coalesce(func.max(table[running]), 0) + 1).label(running), *values.values())
    following = following.where(*(table[name] == values[name] for name in key))
    return sqlalchemy.insert(model).from_select([running, *values], following).returning(model)


@lru_cache(maxsize=512)
def _update(model: type[M], key: tuple[str, ...], columns: tuple[str, ...]) -> ReturningUpdate[M]:
    table = model.__table__.c
    values = {**{name: bindparam(name) for name in columns}, "version": table.version + 1}
    return (
        sqlalchemy.update(model)
        .where(*(table[name] == bindparam(name) for name in key))
        .values(values)
        .returning(model)
    )  # fmt: skip


async def find(connection: Connection, model: type[M], *order: InstrumentedAttribute[Any], **key: object) -> Rows[M]:
    """Return the rows of a model with this key, in this order."""
    return await connection.execute(_find(model, order, tuple(key)), key)


@lru_cache(maxsize=512)
def _find(model: type[M], order: tuple[InstrumentedAttribute[Any], ...], key: tuple[str, ...]) -> Select[M]:
    table = model.__table__.c
    return sqlalchemy.select(model).where(*(table[name] == bindparam(name) for name in key)).order_by(*order)


async def get(connection: Connection, model: type[M], name: str, /, **key: object) -> M:
    """Return the row with this key; NOT_FOUND with the requested name if there is none."""
    return not_found((await find(connection, model, **key)).first(), name)


async def next_of(
    connection: Connection, column: InstrumentedAttribute[int], most: int = MOST, /, **key: object
) -> int:  # fmt: skip
    """Return the next number in a column, from 1, of the rows with this key; the caller has locked their parent.

    TOO_MANY as in `add`.
    """
    number = await connection.scalar(_next_of(column, tuple(key)), key) or 1
    _must_be_few(number, most)
    return number


@lru_cache(maxsize=128)
def _next_of(column: InstrumentedAttribute[int], key: tuple[str, ...]) -> Select[int]:
    table = column.class_.__table__.c
    return sqlalchemy.select(func.coalesce(func.max(column), 0) + 1).where(
        *(table[name] == bindparam(name) for name in key)
    )


def not_found(row: T | None, name: str) -> T:
    """Return the row; NOT_FOUND where there is none."""
    if row is None:
        raise CaseError(Reason.NOT_FOUND, name)
    return row
