"""Reads rules/units: an index that names the CSV files, and the departments that areas have."""

from __future__ import annotations

import io
from datetime import date

from casework.units import DIGITS, ROOT, Department, Level, PaperNames, Retired, Unit, UnitTree, level_of, parent_code
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import DepartmentEntry, DepartmentRule, PaperEntry, UnitsFile
from services.kit.spreadsheets import TableError
from services.kit.spreadsheets.delimited import csv_rows

INDEX = "units/units.yaml"


def read_units(folder: RulesFolder) -> UnitTree | None:
    """Return the unit tree, or None with problems."""
    before = len(folder.problems)
    document = folder.document(INDEX)
    index = document.validate(UnitsFile, folder.problems) if document else None
    if document is None or index is None:
        folder.excuse("units")
        return None
    departments = _departments(index.departments, document, folder)
    sheets = _Sheets(folder, index.root)
    listed: set[str] = set()
    # From the top down, so that parents come before their children, whatever the order of the index.
    for number, entry in sorted(enumerate(index.files), key=lambda item: DIGITS[Level(item[1].level)]):
        if entry.file in listed:
            folder.problems.append(document.problem(("files", number, "file"), f"{entry.file} is named twice"))
        elif not sheets.read(f"units/{entry.file}", Level(entry.level)):
            # Without this file most rows of the next ones would be wrong too, and the cause would be hard to see.
            folder.excuse("units")
            break
        listed.add(entry.file)
    sheets.report_orphans()
    retired = _Retired(folder, sheets.names).read(f"units/{index.retired}") if index.retired else []
    for code in index.phones:
        if code.partition("-")[0] not in sheets.names:
            folder.problems.append(document.problem(("phones", code), f"{code} is not a unit"))
    paper = _paper(index.papers, sheets.names, folder) if index.papers else None
    if len(folder.problems) > before:
        return None
    units = (Unit(code, name, level_of(code), parent_code(code)) for code, name in sheets.names.items())
    return UnitTree(units, departments, retired, index.phones, paper)


PAPER_COLUMNS = ("code", "full", "seal", "addressee", "mark", "committee")


def _paper(entry: PaperEntry, names: dict[str, str], folder: RulesFolder) -> PaperNames:
    """Return what units are called on paper; the file of single names adds its problems."""
    single: dict[str, dict[str, str]] = {}
    path = f"units/{entry.names}"
    content = folder.content(path) if entry.names else None
    rows = csv_rows(io.BytesIO(content)) if content is not None else iter(())
    for line, cells, fault in rows:
        row = [str(cell) for cell in cells]
        if line == 1 and row != list(PAPER_COLUMNS):
            folder.problem(path, 1, f"the first line must be {','.join(PAPER_COLUMNS)}")
            break
        if line == 1 or not row:
            continue
        if fault or len(row) != len(PAPER_COLUMNS):
            folder.problem(path, line, f"needs {len(PAPER_COLUMNS)} cells: {', '.join(PAPER_COLUMNS)}")
        elif row[0].partition("-")[0] not in names or row[0] in single:
            folder.problem(path, line, f"{row[0]} is not a unit, or is listed twice")
        elif any(len(cell) > 60 or cell != cell.strip() for cell in row):
            folder.problem(path, line, "a name has at most 60 characters, without spaces around it")
        else:
            single[row[0]] = dict(zip(PAPER_COLUMNS[1:], row[1:], strict=True))
    return PaperNames(entry.areas, entry.committees, single)


def _departments(rule: DepartmentRule | None, document: Document, folder: RulesFolder) -> list[Department]:
    if rule is None:
        return []
    slugs: list[str] = []
    for number, entry in enumerate(rule.each):
        clash = next((slug for slug in slugs if slug.startswith(entry.slug) or entry.slug.startswith(slug)), None)
        if clash is not None:
            # The subtree test is a prefix test: 620102-land would hold 620102-landlord.
            message = f"{entry.slug!r} and {clash!r} share a prefix, so that one would contain the other's cases"
            folder.problems.append(document.problem(("departments", "each", number, "slug"), message))
        slugs.append(entry.slug)
    levels = frozenset(map(Level, rule.levels))
    return [Department(entry.slug, entry.zh, entry.en, levels, _full(entry)) for entry in rule.each]


def _full(entry: DepartmentEntry) -> dict[str, str]:
    return {str(level): pattern for level, pattern in entry.full.items()}


class _Retired:
    """The file of retired unit codes: `code,name,successor,since`."""

    def __init__(self, folder: RulesFolder, names: dict[str, str]) -> None:
        self._folder = folder
        self._names = names
        self._found: dict[str, Retired] = {}

    def read(self, path: str) -> list[Retired]:
        """Return the retired codes, adding problems."""
        content = self._folder.content(path)
        if content is None:
            return []
        rows = csv_rows(io.BytesIO(content))
        heading = next(rows, None)
        if heading is None or heading.cells != ["code", "name", "successor", "since"]:
            self._folder.problem(path, 1, "the first line must be code,name,successor,since")
            return []
        lines: dict[str, int] = {}
        for line, cells, fault in rows:
            row = [str(cell) for cell in cells]
            if fault or (row and len(row) != 4):
                self._folder.problem(path, line, "needs four cells: code, name, successor, since")
            elif row and self._take(path, line, *row):
                lines[row[0]] = line
        for each in self._found.values():
            if each.successor and each.successor not in self._names and each.successor not in self._found:
                self._folder.problem(path, lines[each.code], f"the successor {each.successor} is not a unit")
        return list(self._found.values())

    def _take(self, path: str, line: int, code: str, name: str, successor: str, since: str) -> bool:
        try:
            level_of(code)
            day = date.fromisoformat(since) if since else None
        except ValueError as error:
            self._folder.problem(path, line, str(error))
            return False
        if code in self._names or code in self._found or code == successor:
            self._folder.problem(path, line, f"{code} is a unit, is listed twice, or succeeds itself")
            return False
        self._found[code] = Retired(code, name, successor, day)
        return True


class _Sheets:
    """The CSV files read so far: names by code, and the rows that were refused."""

    def __init__(self, folder: RulesFolder, root: str) -> None:
        self.folder = folder
        self.names = {ROOT: root}
        self.origin = {ROOT: INDEX}
        # Codes that were refused or are missing: units under them are not reported again.
        self.refused: set[str] = set()
        self.orphans: dict[str, list[tuple[str, int, str]]] = {}

    def read(self, path: str, level: Level) -> bool:
        """Read a file, adding its problems; False if it cannot be read as CSV at all."""
        content = self.folder.content(path)
        if content is None:
            return False
        rows = csv_rows(io.BytesIO(content))
        try:
            heading = next(rows, None)
            if heading is None or heading.cells != ["code", "name"]:
                self.folder.problem(path, 1, "the first line must be code,name")
                return False
            for line, cells, fault in rows:
                row = [str(cell) for cell in cells]
                if fault:
                    wrong = "is not UTF-8" if fault.startswith("is not utf-8") else f"is not CSV: {fault}"
                    self.folder.problem(path, line, wrong)
                    return False
                if len(row) == 2:
                    self._take(path, line, level, row[0], row[1])
                elif row:
                    self._refuse(path, line, row[0], f"has {len(row)} cells instead of two, code and name")
        except TableError as error:
            self.folder.problem(path, 1, str(error))
            return False
        return True

    def report_orphans(self) -> None:
        """Add one problem for each parent that is missing, at the first row under it."""
        for above, rows in self.orphans.items():
            path, line, code = rows[0]
            more = f", and so do {len(rows) - 1} more rows" if len(rows) > 1 else ""
            self.folder.problem(path, line, f"{code} is under {above}, which is in none of the files{more}")

    def _take(self, path: str, line: int, level: Level, code: str, name: str) -> None:
        digits = DIGITS[level]
        if len(code) != digits or not (code.isascii() and code.isdigit()):
            self._refuse(path, line, code, f"{code!r} is not a code of a {level}, which has {digits} digits")
        elif code in self.names:
            first = self.folder.label(self.origin[code])
            self.folder.problem(path, line, f"{code} is listed twice; the first is in {first}")
        elif not name or name != name.strip() or len(name) > 60:
            self._refuse(path, line, code, f"{code} needs a name of 1 to 60 characters without spaces around it")
        elif (above := parent_code(code) or ROOT) in self.names:
            self.names[code] = name
            self.origin[code] = path
        else:
            self.refused.add(code)
            if above not in self.refused:
                self.orphans.setdefault(above, []).append((path, line, code))

    def _refuse(self, path: str, line: int, code: str, message: str) -> None:
        self.refused.add(code)
        self.folder.problem(path, line, message)
