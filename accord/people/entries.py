"""Reads a file of people: CSV or JSON, one post or one absence a row. Problems name lines and columns, never a name."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from accord.embedded.folder import StackError
from casework.units import is_code
from services.kit.spreadsheets import Row, TableError
from services.kit.spreadsheets.delimited import csv_rows

COLUMNS = ("kind", "account", "display_name", "post", "unit", "since", "until", "signs", "cover")
_NEEDED = {"post": ("account", "display_name", "post", "unit", "since"),
           "absence": ("account", "cover", "unit", "since", "until")}  # fmt: skip
_YES, _NO = ("yes", "true", "是"), ("", "no", "false", "否")
_LARGEST = 20_000_000


@dataclass(frozen=True, order=True)
class Post:
    """Somebody in a post of a unit."""

    unit: str
    account: str
    since: date
    until: date | None = None
    display_name: str = ""
    post: str = ""
    signs: bool = False


@dataclass(frozen=True, order=True)
class Absence:
    """Somebody absent, and who stands in."""

    unit: str
    account: str
    since: date
    until: date
    cover: str


def read_entries(path: Path) -> list[tuple[int, Post | Absence]]:
    """Return the entries of a file, each with its line or number; raise StackError that names the first wrong one."""
    try:
        content = path.read_bytes()
        if len(content) > _LARGEST:
            raise StackError(f"{path}: has more than {_LARGEST} bytes")
        rows = list(_json(content) if path.suffix.lower() == ".json" else _csv(content))
    except OSError as error:
        raise StackError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, TableError) as error:
        raise StackError(f"{path}: must be UTF-8, as CSV or JSON: {error}") from None
    except ValueError as error:
        raise StackError(f"{path}: {error}") from None
    found: list[tuple[int, Post | Absence]] = []
    for number, row in rows:
        try:
            found.append((number, _entry(row)))
        except ValueError as error:
            raise StackError(f"{path}: {number}: {error}") from None
    return found


def _csv(content: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    rows = csv_rows(io.BytesIO(content))
    head = _cells(next(rows, Row(1, [])))
    if "kind" not in head or not set(head) <= set(COLUMNS) or len(set(head)) < len(head):
        raise ValueError(f"1: the first line has kind and others of {', '.join(COLUMNS)}")
    for row in rows:
        cells = _cells(row)
        if any(cells):
            if len(cells) != len(head):
                raise ValueError(f"{row.number}: needs {len(head)} cells")
            yield row.number, dict(zip(head, cells, strict=True))


def _cells(row: Row) -> list[str]:
    if row.fault:
        raise TableError(row.fault)
    return [str(each).strip() for each in row.cells]


def _json(content: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    told: Any = json.loads(content.decode("utf-8-sig"))
    if not isinstance(told, list):
        raise ValueError("must be a list of objects")
    for number, row in enumerate(told, 1):
        if not isinstance(row, dict) or not set(row) <= set(COLUMNS):
            raise ValueError(f"{number}: must be an object with members of {', '.join(COLUMNS)}")
        if not all(isinstance(value, str | bool | None) for value in row.values()):
            raise ValueError(f"{number}: members are texts, signs is true or false")
        yield number, {name: "" if value is None else str(value).strip() for name, value in row.items()}


def _entry(row: Mapping[str, str]) -> Post | Absence:
    kind = row.get("kind", "")
    if kind not in _NEEDED:
        raise ValueError("kind: must be post or absence")
    for name in _NEEDED[kind]:
        if not row.get(name):
            raise ValueError(f"{name}: is needed for {kind}")
    if not is_code(row["unit"]):
        raise ValueError("unit: must be the code of a unit, such as 620102")
    since, until = _day(row, "since"), _day(row, "until") if row.get("until") else None
    if until is not None and until < since:
        raise ValueError("until: is before since")
    if kind == "absence":
        assert until is not None
        return Absence(row["unit"], row["account"], since, until, row["cover"])
    signs = row.get("signs", "").lower()
    if signs not in (*_YES, *_NO):
        raise ValueError("signs: must be yes or no")
    return Post(row["unit"], row["account"], since, until, row["display_name"], row["post"], signs in _YES)


def _day(row: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(row[name])
    except ValueError:
        raise ValueError(f"{name}: must be a day such as 2026-01-31") from None
