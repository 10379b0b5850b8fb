"""One kind of list: what it can be ordered by, its filters, how many there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from services.kit.instants import instant
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.models import Model

KEPT_FROM = "kept_from"
"""The filter of every list that leaves out the cases somebody is kept from, by their numbers."""
COUNTED = 10_000
"""Rows that are counted at most: whoever is told of so many narrows the list."""
PAGE = 50
"""Rows of a page, unless the request says otherwise."""
M = TypeVar("M", bound=Model)
_CAPITAL = re.compile("([A-Z])")


class Asked(Protocol):
    """A request of a list."""

    order_by: str
    with_total: bool
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Order:
    """By what a list is ordered; at equal values by its key, in the same direction."""

    name: str
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.name} desc" if self.descending else self.name


@dataclass(frozen=True, slots=True)
class By(Generic[M]):
    """What a list can be ordered by: an instant that an index has, and how it is read from a row."""

    column: ColumnElement[Any] | InstrumentedAttribute[Any]
    of: Callable[[M], datetime]


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, the token of the page after them, and how many there are in all, if that was asked for."""

    rows: Sequence[M]
    token: str
    total: int


def order_of(text: str, default: Order) -> Order:
    """Return the order that an `order_by` names, in the spelling of JSON or of the contract, whose pattern has all."""
    name, _, way = text.partition(" ")
    return Order(_CAPITAL.sub(r"_\1", name).lower(), way == "desc") if name else default


def given(**filters: object) -> dict[str, object]:
    """Return the parameters of the filters that were asked for: all but None, empty texts and False."""
    return {name: value for name, value in filters.items() if value is not None and value != "" and value is not False}


def time_of(request: Message, field: str) -> datetime | None:
    """Return the instant in a field of a request; None if it is not set."""
    if not request.HasField(field):
        return None
    found: Timestamp = getattr(request, field)
    return instant(found)


class Listing(Generic[M]):
    """How a table is listed page by page: only by what an index has, so that a page is read and not sorted."""

    def __init__(
        self, model: type[M], key: InstrumentedAttribute[str], scope: ColumnElement[bool], default: Order,
        orders: Mapping[str, By[M]], filters: Mapping[str, ColumnElement[bool]],
    ) -> None:  # fmt: skip
        self._model, self._key, self._scope, self._default = model, key, scope, default
        self._orders, self._filters = orders, filters
        self._page = lru_cache(maxsize=256)(self._page_of)
        self._count = lru_cache(maxsize=128)(self._count_of)

    async def read(
        self, connection: Connection, request: Asked, unit: str, kept_from: Collection[str], filters: dict[str, object]
    ) -> Page[M]:
        """Return a page of a unit pattern; cases that the caller is kept from are neither in it, nor in its token."""
        if kept_from:
            filters = {**filters, KEPT_FROM: sorted(kept_from)}
        order, size = order_of(request.order_by, self._default), request.page_size or PAGE
        by, kind = self._orders[order.name], f"{self._model.__tablename__} {order}"
        after, key = behind = paging.read(request.page_token, kind, paging.instant, paging.key) or (None, "")
        parameters = {**filters, "unit": unit, "after": after, "after_key": key, "limit": size + 1}
        rows = await connection.execute(self._page(order, behind[0] is not None, frozenset(filters)), parameters)
        token = paging.following(rows, size, kind, lambda end: (by.of(end), getattr(end, self._key.key)))
        total = await self._total(connection, unit, filters) if request.with_total else 0
        return Page(rows[:size], token, total)

    async def _total(self, connection: Connection, unit: str, filters: dict[str, object]) -> int:
        return await connection.scalar(self._count(frozenset(filters)), {**filters, "unit": unit}) or 0

    def _page_of(self, order: Order, behind: bool, asked: frozenset[str]) -> Select[M]:
        column, key = self._orders[order.name].column, self._key
        found = select(self._model).where(self._scope, *(self._filters[each] for each in sorted(asked)))
        if behind:
            end = tuple_(bindparam("after", type_=column.type), bindparam("after_key", type_=Text))
            here = tuple_(column, key)
            found = found.where(here < end if order.descending else here > end)
        by = (column.desc(), key.desc()) if order.descending else (column, key)
        return found.order_by(*by).limit(bindparam("limit", type_=Integer))

    def _count_of(self, asked: frozenset[str]) -> Select[int]:
        found = select(self._key).where(self._scope, *(self._filters[each] for each in sorted(asked)))
        return select(func.count()).select_from(found.limit(COUNTED).subquery())
