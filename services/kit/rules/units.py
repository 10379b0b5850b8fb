"""Reads rules/units: an index that names the CSV files, and the departments that areas have."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from casework.units import DIGITS, ROOT, Department, Level, Unit, UnitTree, level_of, parent_code
from services.kit.rules.document import Document
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import DepartmentRule, UnitsFile

INDEX = "units/units.yaml"


def read_units(folder: RulesFolder) -> UnitTree | None:
    """Return the unit tree, or None with problems."""
    document = folder.document(INDEX)
    index = document.validate(UnitsFile, folder.problems) if document else None
    if document is None or index is None:
        return None
    before = len(folder.problems)
    departments = _departments(index.departments, document, folder)
    names = {ROOT: index.root}
    origin = {ROOT: INDEX}
    listed: set[str] = set()
    # From the top down, so that a parent is there before its children, whatever the order of the index.
    for number, entry in sorted(enumerate(index.files), key=lambda item: DIGITS[Level(item[1].level)]):
        if entry.file in listed:
            folder.problems.append(document.problem(("files", number, "file"), f"{entry.file} is named twice"))
            continue
        listed.add(entry.file)
        _read_file(folder, f"units/{entry.file}", Level(entry.level), names, origin)
    if len(folder.problems) > before:
        return None
    units = (Unit(code, name, level_of(code), parent_code(code)) for code, name in names.items())
    return UnitTree(units, departments)


def _departments(rule: DepartmentRule | None, document: Document, folder: RulesFolder) -> list[Department]:
    if rule is None:
        return []
    slugs: list[str] = []
    for number, entry in enumerate(rule.each):
        clash = next((slug for slug in slugs if slug.startswith(entry.slug) or entry.slug.startswith(slug)), None)
        if clash is not None:
            # The subtree test is a prefix test: 620102-land would hold 620102-landlord.
            message = f"{entry.slug!r} and {clash!r} begin alike, so that one would hold the other's cases"
            folder.problems.append(document.problem(("departments", "each", number, "slug"), message))
        slugs.append(entry.slug)
    levels = frozenset(map(Level, rule.levels))
    return [Department(entry.slug, entry.zh, entry.en, levels) for entry in rule.each]


def _read_file(folder: RulesFolder, path: str, level: Level, names: dict[str, str], origin: dict[str, str]) -> None:
    content = folder.content(path)
    if content is None:
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        folder.problem(path, content.count(b"\n", 0, error.start) + 1, "is not UTF-8")
        return
    digits = DIGITS[level]
    rows = _rows(folder, path, text)
    for line, code, name in rows:
        if len(code) != digits or not (code.isascii() and code.isdigit()):
            folder.problem(path, line, f"{code!r} is not a code of a {level}, which has {digits} digits")
        elif code in names:
            folder.problem(path, line, f"{code} comes twice; the first is in {folder.label(origin[code])}")
        elif (above := parent_code(code)) not in names:
            folder.problem(path, line, f"{code} lies under {above}, which is in none of the files")
        elif not name or name != name.strip() or len(name) > 60:
            folder.problem(path, line, f"{code} needs a name of 1 to 60 characters without spaces around it")
        else:
            names[code] = name
            origin[code] = path


def _rows(folder: RulesFolder, path: str, text: str) -> Iterator[tuple[int, str, str]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if next(rows, None) != ["code", "name"]:
            folder.problem(path, 1, "the first line must be code,name")
            return
        for row in rows:
            if len(row) == 2:
                yield rows.line_num, row[0], row[1]
            elif row:
                folder.problem(path, rows.line_num, f"has {len(row)} cells instead of two, code and name")
    except csv.Error as error:
        folder.problem(path, rows.line_num, f"is not CSV: {error}")
