"""Categories of matters: a tree, each with its co-handling department and its plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


class UnknownCategory(ValueError):
    """No category has this id."""

    def __init__(self, category: str) -> None:
        super().__init__(f"no category has the id {category!r}")
        self.category = category


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of matter.

    `id` is the path of slugs from the top, for instance `labour/wage-arrears`; `department` the slug of the
    department that co-handles it, or None; `template` the name of its plan template, unless the grade requires
    another.
    """

    id: str
    zh: str
    en: str
    parent: str | None
    department: str | None
    template: str


def lineage(category: str) -> tuple[str, ...]:
    """Return the id and the ids above it, nearest first: `labour/wage-arrears` gives itself and `labour`."""
    parts = category.split("/")
    return tuple("/".join(parts[:n]) for n in range(len(parts), 0, -1))


def within(ancestor: str, category: str) -> bool:
    """Tell whether the category is the ancestor or below it. `land` does not contain `landlord`."""
    return category == ancestor or category.startswith(ancestor + "/")


class CategoryTree:
    """All kinds of matters, in the order of the file they come from."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self._by_id = {category.id: category for category in categories}

    def __contains__(self, category: object) -> bool:
        """Tell whether there is a category with this id."""
        return category in self._by_id

    def __iter__(self) -> Iterator[Category]:
        """Iterate over the categories, each before its children."""
        return iter(self._by_id.values())

    def __len__(self) -> int:
        """Return how many categories there are."""
        return len(self._by_id)

    def get(self, category: str) -> Category:
        """Return the category with this id; UnknownCategory if there is none."""
        try:
            return self._by_id[category]
        except KeyError:
            raise UnknownCategory(category) from None

    def children(self, category: str | None = None) -> tuple[Category, ...]:
        """Return the categories one step down, or the top ones."""
        return tuple(each for each in self._by_id.values() if each.parent == category)
