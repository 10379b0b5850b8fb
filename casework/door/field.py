"""Key fields (领域): the second tag of a matter, which follows from its category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """A field, and the categories whose matters are in it."""

    key: str
    zh: str
    en: str
    categories: tuple[str, ...]


class FieldBook:
    """The fields of a rules folder; a category is in one at most."""

    def __init__(self, version: str, fields: Sequence[Field]) -> None:
        self.version = version
        self.fields = tuple(fields)
        self._of = {category: each.key for each in fields for category in each.categories}

    def named(self, category: str) -> Field | None:
        """Return the field of a category; None for none."""
        key = self.of(category)
        return next((each for each in self.fields if each.key == key), None)

    def of(self, category: str) -> str:
        """Return the key of a category's field, or of the nearest category above that has one; empty for none."""
        while category and category not in self._of:
            category = category.rpartition("/")[0]
        return self._of.get(category, "")
