"""Page tokens and subtree patterns of lists."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar, overload

from casework.errors import Reason, field_error
from casework.units import prefix

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T = TypeVar("T")


def token(kind: str, *mark: object) -> str:
    """Return the token of the page that begins after this mark."""
    return base64.urlsafe_b64encode(json.dumps([kind, *mark], default=_said).encode()).decode().rstrip("=")


def _said(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def following(found: Sequence[T], size: int, kind: str, mark: Callable[[T], object]) -> str:
    """Return the token of the page after `size` rows, of which one more was read; empty if there is none.

    `mark` returns, for the last row shown, the mark that the next page begins after: one part, or a tuple of them.
    """
    if len(found) <= size:
        return ""
    end = mark(found[size - 1])
    return token(kind, *(end if isinstance(end, tuple) else (end,)))


@overload
def read(page_token: str, kind: str) -> int | None: ...
@overload
def read(page_token: str, kind: str, part: Callable[[object], A], /) -> A | None: ...
@overload
def read(
    page_token: str, kind: str, first: Callable[[object], A], second: Callable[[object], B], /
) -> tuple[A, B] | None: ...
@overload
def read(
    page_token: str, kind: str, first: Callable[[object], A], second: Callable[[object], B],
    third: Callable[[object], C], /,
) -> tuple[A, B, C] | None: ...  # fmt: skip
def read(page_token: str, kind: str, *parts: Callable[[object], object]) -> object:
    """Return the mark in a token, its parts read by these functions (default: a position); None for an empty one.

    A token comes from outside: anything that does not consist of exactly these parts is INVALID_PAGE_TOKEN.
    """
    if not page_token:
        return None
    parts = parts or (position,)
    try:
        found = json.loads(base64.b64decode(page_token + "=" * (-len(page_token) % 4), b"-_", validate=True))
        if not (isinstance(found, list) and len(found) == len(parts) + 1 and found[0] == kind):
            raise ValueError
        mark = tuple(part(value) for part, value in zip(parts, found[1:], strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise field_error("page_token", Reason.INVALID_PAGE_TOKEN) from None
    return mark[0] if len(mark) == 1 else mark


def position(value: object) -> int:
    """Return a whole number that a bigint can hold; ValueError where the value is none."""
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError
    return value


def number(value: object) -> int:
    """Return a whole number that an integer column can hold; ValueError where the value is none."""
    if position(value) >= 2**31:
        raise ValueError
    return position(value)


def key(value: object) -> str:
    """Return a key of a column; ValueError if the value cannot be one."""
    if type(value) is not str or not value.isascii() or not value.isprintable():
        raise ValueError
    return value


def instant(value: object) -> datetime:
    """Return an instant, in UTC; ValueError where the value is none, or says no offset."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else None
    if found is None or found.tzinfo is None:
        raise ValueError
    return found.astimezone(UTC)


def day(value: object) -> date:
    """Return a day; ValueError where the value is none."""
    if not isinstance(value, str) or len(value) != 10:
        raise ValueError
    return date.fromisoformat(value)


def subtree(unit: str) -> str:
    """Return the LIKE pattern of a unit's subtree; for a department, of the department alone."""
    return unit if "-" in unit else f"{prefix(unit)}%"
