"""Reads the list of officials (`ACCORD_OFFICIALS_FILE`), and reads it again when it changes.

It is personal data and therefore no part of `rules/`: the operator keeps it where the keys are. Problems name lines,
never what is in them.
"""

from __future__ import annotations

import io
import re
from datetime import date, datetime
from pathlib import Path

import structlog

from casework.clocks.calendar import LOCAL
from casework.officials import Official, Officials
from casework.units import UnitTree
from services.kit.spreadsheets import TableError
from services.kit.spreadsheets.delimited import csv_rows

log = structlog.get_logger()
COLUMNS = ("account", "display_name", "post", "unit", "since", "until")
_LONGEST = 80
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*")


class OfficialsFile:
    """The officials as the file has them now; without a file, none."""

    def __init__(self, file: Path | None = None, units: UnitTree | None = None) -> None:
        self._file, self._units = file, units
        self._modified = 0.0
        self._read = Officials()
        self._refresh(first=True)

    def name(self, account: str, at: datetime | None) -> str:
        """Return how a paper names an account that acted then: the official's name, or nothing, never the account."""
        found = self.find(account, at) if at is not None else None
        return found.display_name if found else ""

    def find(self, account: str, at: datetime) -> Official | None:
        """Return in which post an account was then; None if the list does not say."""
        self._refresh()
        return self._read.find(account, at.astimezone(LOCAL).date()) if account else None

    def of(self, unit: str, at: datetime) -> list[Official]:
        """Return who had a post in this very unit then."""
        self._refresh()
        return self._read.of(unit, at.astimezone(LOCAL).date())

    def holds(self, account: str, unit: str, at: datetime) -> bool:
        """Return whether an account is in a post of this unit, as far as the list says: of others it says nothing."""
        self._refresh()
        if account not in self._read:
            return True
        found = self._read.find(account, at.astimezone(LOCAL).date())
        return found is not None and found.unit == unit

    def _refresh(self, *, first: bool = False) -> None:
        if self._file is None or self._units is None:
            return
        try:
            modified = self._file.stat().st_mtime
            if modified == self._modified:
                return
            self._read, self._modified = read_officials(self._file.read_bytes(), self._units), modified
        except (OSError, ValueError) as error:
            if first:
                raise OSError(f"ACCORD_OFFICIALS_FILE: {error}") from None
            # Half written, or edited wrongly: the previous content stays in use, and the file is checked again.
            log.error("list of officials not read", error=str(error))


def read_officials(content: bytes, units: UnitTree) -> Officials:
    """Return the officials of a CSV file; ValueError with the first line that is wrong."""
    found: list[Official] = []
    try:
        for line, cells, fault in csv_rows(io.BytesIO(content)):
            row = [str(each).strip() for each in cells]
            if line == 1:
                if tuple(row) != COLUMNS:
                    raise ValueError(f"the first line must be {','.join(COLUMNS)}")
            elif row:
                found.append(_official(line, row, fault, units))
    except TableError as error:
        raise ValueError(str(error)) from None
    return Officials(found)


def _official(line: int, row: list[str], fault: str, units: UnitTree) -> Official:
    if fault or len(row) != len(COLUMNS):
        raise ValueError(f"line {line}: needs {len(COLUMNS)} cells: {', '.join(COLUMNS)}")
    account, name, post, unit, since, until = row
    if not _ACCOUNT.fullmatch(account) or not name or max(map(len, row)) > _LONGEST:
        raise ValueError(f"line {line}: an account and a name are needed; a cell has at most {_LONGEST} characters")
    if unit not in units:
        raise ValueError(f"line {line}: unit: there is no such unit")
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until) if until else None
    except ValueError:
        raise ValueError(f"line {line}: since, until: a day such as 2026-01-31; until may be empty") from None
    if last is not None and last < first:
        raise ValueError(f"line {line}: until is before since")
    return Official(account, name, post, unit, first, last)
