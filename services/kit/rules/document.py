"""Reads a YAML file so that every mistake in it can be reported with its line.

Only plain data is read: no tags, anchors, aliases or merge keys, and no key twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from services.kit.rules.problem import Problem

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
}

_PHRASES = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "date_type": "must be a date, YYYY-MM-DD",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "string_pattern_mismatch": "{input!r} does not have the form {pattern}",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
    "too_short": "must not be empty",
}


@dataclass(slots=True)
class Document:
    """The plain data of a file, and the line of each of its places."""

    file: str
    data: Any = None
    lines: dict[Location, int] = field(default_factory=dict)

    def line(self, location: Location) -> int:
        """Return the line of a place; if it is missing, of the nearest enclosing place."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, message: str) -> Problem:
        """Return a problem at a place: `tasks[2].due_days: must be at least 1`."""
        name = spell(location)
        return Problem(self.file, self.line(location), f"{name}: {message}" if name else message)

    def validate(self, model: type[Model], problems: list[Problem]) -> Model | None:
        """Return the data as the model, or None with every mistake added to the problems."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                location = tuple(part for part in detail["loc"] if part != "[key]")
                problems.append(self.problem(location, _phrase(detail)))
            return None


def spell(location: Sequence[str | int]) -> str:
    """Return a place in readable form: `tasks[2].due_days`, list places from 0."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(file: str, content: bytes, problems: list[Problem]) -> Document | None:
    """Return the document, or None with what is wrong with its YAML added to the problems."""
    found = len(problems)
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        problems.append(Problem(file, content.count(b"\n", 0, error.start) + 1, "is not UTF-8"))
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Something missing at the end is reported on the line after it.
        line = min(mark.line + 1, len(content.splitlines())) if mark else 1
        problems.append(Problem(file, line, f"is not YAML: {error.problem or error.context}"))
        return None
    except yaml.YAMLError as error:
        problems.append(Problem(file, 1, f"is not YAML: {' '.join(str(error).split())}"))
        return None
    if node is None:
        problems.append(Problem(file, 1, "is empty"))
        return None
    reader = _Reader(Document(file), problems)
    try:
        reader.document.data = reader.read(node, ())
    except RecursionError:
        problems.append(Problem(file, 1, "is nested too deeply"))
    return reader.document if len(problems) == found else None


class _Reader:
    """Turns nodes into plain data, noting lines and problems."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document = document
        self.problems = problems
        self.scalars = yaml.constructor.SafeConstructor()
        self.seen: set[int] = set()

    def read(self, node: yaml.Node, location: Location) -> object:
        self.document.lines.setdefault(location, node.start_mark.line + 1)
        # An alias gives the same node again: reading it might never end.
        if id(node) in self.seen:
            self._refuse(node, location, "aliases are not used in rule files; write it out")
            return None
        self.seen.add(id(node))
        if node.tag not in _PLAIN_TAGS:
            self._refuse(node, location, f"the tag {node.tag} is not used in rule files")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*location, n)) for n, item in enumerate(node.value)]
        try:
            return self.scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self._refuse(node, location, f"{node.value!r} cannot be read; put it in quotes if it is text")
            return None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag != "tag:yaml.org,2002:str":
                self._refuse(key_node, location, "a key must be text; put it in quotes")
                continue
            key = key_node.value
            place = (*location, key)
            if key in result:
                self._refuse(key_node, place, f"is listed twice; the first is in line {self.document.lines[place]}")
                continue
            self.document.lines[place] = key_node.start_mark.line + 1
            result[key] = self.read(value_node, place)
        return result

    def _refuse(self, node: yaml.Node, location: Location, message: str) -> None:
        name = spell(location)
        line = node.start_mark.line + 1
        self.problems.append(Problem(self.document.file, line, f"{name}: {message}" if name else message))


def _phrase(detail: ErrorDetails) -> str:
    phrase = _PHRASES.get(detail["type"])
    if phrase is None:
        return detail["msg"][:1].lower() + detail["msg"][1:]
    return phrase.format(input=detail["input"], **detail.get("ctx", {}))
