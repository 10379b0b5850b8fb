"""Mapping files: find a shipped one by name, read one, and refuse what cannot work, with file and line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pb.intake.v1 import report_pb2

from accord.importing.mapping import ImportMapping, Value
from accord.importing.shipped import SHIPPED, shipped
from services.kit.rules import Problem
from services.kit.rules.document import Document, Location, read_document

CATEGORY = re.compile(r"[a-z][a-z0-9-]*(/[a-z][a-z0-9-]*)*")
UNIT = re.compile(r"([0-9]{2}([0-9]{2}([0-9]{2}([0-9]{3}([0-9]{3})?)?)?)?)(-[a-z][a-z0-9-]{0,40})?")


def _words(items: list[tuple[str, int]], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix).lower(): number for name, number in items if number}


WORDS: dict[str, dict[str, int]] = {
    "channel": _words(report_pb2.Channel.items(), "CHANNEL_"),
    "scope": _words(report_pb2.Scope.items(), "SCOPE_"),
    "urgency": _words(report_pb2.Urgency.items(), "URGENCY_"),
    "danger": {"true": True, "false": False},
}
"""Fields with a closed list of words, and the meaning of each word."""


class MappingError(ValueError):
    """A mapping that cannot be used; each problem names file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class MappingFile:
    """A mapping that was read: `digest` is the SHA-256 of the file, `place` names where something in it stands."""

    path: Path
    digest: str
    mapping: ImportMapping
    document: Document

    def missing_columns(self, columns: list[str]) -> None:
        """Raise MappingError naming every column of the mapping that is not among these."""
        problems = []
        for column, places in self.mapping.columns().items():
            if column not in columns:
                location: Location = ("id",) if places[0] == "id" else _location(places[0])
                text = f"the file has no column {column!r}; it has {', '.join(columns)}"
                problems.append(self.document.problem(location, text))
            elif columns.count(column) > 1:
                text = f"the file has the column {column!r} more than once"
                problems.append(self.document.problem(("fields",), text))
        if problems:
            raise MappingError(problems)


def load_mapping(name: str) -> MappingFile:
    """Return a shipped mapping by its name, or one by its path. Raises MappingError with every problem found."""
    path = SHIPPED / f"{name}.yaml" if name in shipped() else Path(name)
    problems: list[Problem] = []
    try:
        content = path.read_bytes()
    except OSError as error:
        known = f"; shipped are {', '.join(shipped())}" if isinstance(error, FileNotFoundError) else ""
        raise MappingError([Problem(str(path), 1, f"{error.strerror}{known}")]) from error
    document = read_document(str(path), content, problems)
    mapping = document.validate(ImportMapping, problems) if document else None
    if document is None or mapping is None:
        raise MappingError(problems)
    problems = list(_faults(mapping, document))
    if problems:
        raise MappingError(problems)
    return MappingFile(path, hashlib.sha256(content).hexdigest(), mapping, document)


def categories(mapping: ImportMapping) -> set[str]:
    """Return every category id the mapping can give, to be checked against `rules/categories/`."""
    return {str(word) for _, word in _results(mapping.fields.category, ())}


def _faults(mapping: ImportMapping, document: Document) -> Iterator[Problem]:
    for path, rule in mapping.fields.each():
        if not isinstance(rule, Value):
            continue
        for location, word in _results(rule, _location(path)):
            if fault := _word_fault(path, str(word).lower() if isinstance(word, bool) else word):
                yield document.problem(location, fault)


def _location(path: str) -> Location:
    return (path,) if path.startswith("check") else ("fields", path)


def _results(rule: Value, location: Location) -> Iterator[tuple[Location, str | bool]]:
    """Every word the rule itself can give, with its place; values straight from the file are checked row by row."""
    for key, word in (rule.map or {}).items():
        yield (*location, "map", key), word
    for key in ("otherwise", "default"):
        if (word := getattr(rule, key)) is not None:
            yield (*location, key), word
    if rule.constant is not None and rule.map is None:
        yield (*location, "constant"), rule.constant
    for number, inner in enumerate(rule.first or ()):
        yield from _results(inner, (*location, "first", number))


def _word_fault(path: str, word: str) -> str:
    if path in WORDS:
        return "" if word in WORDS[path] else f"{word!r} is not one of {', '.join(WORDS[path])}"
    if path == "category" and not CATEGORY.fullmatch(word):
        return f"{word!r} does not have the form of a category, like labour/wage-arrears"
    if path == "unit" and not UNIT.fullmatch(word):
        return f"{word!r} does not have the form of a unit, like 620102 or 620102-labour"
    return ""
