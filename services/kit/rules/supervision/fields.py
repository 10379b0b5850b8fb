"""Reads rules/fields, the second tag of matters, and rules/units/points.csv, where units are on a map."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping

from casework.door.field import Field, FieldBook
from casework.units import UnitTree
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.models import FieldsFile
from services.kit.spreadsheets.delimited import csv_rows

FILE, POINTS = "fields/fields.yaml", "units/points.csv"


def read_fields(folder: RulesFolder, categories: Collection[str] | None) -> FieldBook | None:
    """Return the fields, or None with problems. Without categories their names are not checked."""
    document = folder.document(FILE)
    content = document.validate(FieldsFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    before, seen = len(folder.problems), set[str]()
    for number, entry in enumerate(content.fields):
        for name in (entry.key, *entry.categories):
            if name in seen:
                folder.problems.append(document.problem(("fields", number), f"{name!r} is listed twice"))
        seen |= {entry.key, *entry.categories}
        for name in entry.categories:
            if categories is not None and name not in categories:
                folder.problems.append(document.problem(("fields", number, "categories"), f"{name!r} is not known"))
    if len(folder.problems) > before:
        return None
    return FieldBook(content.version, [Field(e.key, e.zh, e.en, tuple(e.categories)) for e in content.fields])


def read_points(folder: RulesFolder, units: UnitTree | None) -> Mapping[str, tuple[float, float]] | None:
    """Return longitude and latitude of units by code, or None with problems."""
    content, before = folder.content(POINTS), len(folder.problems)
    if content is None:
        return None
    rows = csv_rows(io.BytesIO(content))
    heading = next(rows, None)
    if heading is None or heading.cells != ["code", "longitude", "latitude"]:
        folder.problem(POINTS, 1, "the first line must be code,longitude,latitude")
        return None
    found: dict[str, tuple[float, float]] = {}
    for line, cells, fault in rows:
        row = [str(cell) for cell in cells]
        if not row and not fault:
            continue
        try:
            code, longitude, latitude = row
            point = float(longitude), float(latitude)
        except ValueError:
            folder.problem(POINTS, line, "needs three cells: a code and two numbers")
            continue
        if not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90):
            folder.problem(POINTS, line, f"{code} lies outside the world")
        elif code in found or (units is not None and code not in units):
            folder.problem(POINTS, line, f"{code} is not a unit, or is listed twice")
        found[code] = point
    return found if len(folder.problems) == before else None
