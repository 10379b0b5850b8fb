"""Finds units by words of their names and of the areas above them, or by the beginning of their code."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from casework.units import NO_CITIES, ROOT, Level, UnitTree, parent_code


@dataclass(frozen=True, slots=True)
class _Area:
    code: str
    above: str
    """The names above it: `甘肃省兰州市`."""
    text: str
    """The same with its own: `甘肃省兰州市城关区`."""
    departments: tuple[str, ...]
    single: frozenset[str]
    """Those of them that are listed by name, and no area has by rule."""


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a search for a kind of department needs of the area: these words, or a name that ends with one of `ends`.

    `兰州市法院` needs an area that ends with `兰州市`.
    """

    words: tuple[tuple[str, tuple[str, ...]], ...]

    def are_met(self, text: str) -> bool:
        """Return whether an area with these names has them."""
        return all(word in text or (ends and text.endswith(ends)) for word, ends in self.words)


class UnitFinder:
    """Searches a tree. The texts are put together when somebody first asks."""

    def __init__(self, tree: UnitTree) -> None:
        self._tree = tree

    def find(self, words: Sequence[str] = (), begins: str = "", after: str = "") -> Iterator[str]:
        """Yield in order the codes after one that begin so and in whose names all words are, in lower case.

        A unit whose words are all in the names above it is left out: the units above are found instead.
        """
        start, dash, _ = begins.partition("-")
        asked = {slug: self._needs(words, slug) for slug in self._tree.departments}
        needs = {slug: each for slug, each in asked.items() if each is not None}
        longest = max(words, key=len, default="")
        # What each kind of department that may be found leaves to its area.
        always = [word for word in words if all((word, ()) in each.words for each in needs.values())]
        first = bisect_left(self._areas, max(start, after.partition("-")[0]), key=lambda each: each.code)
        for place in range(first, len(self._areas)):
            area = self._areas[place]
            if not area.code.startswith(start) or (dash and area.code != start):
                break
            # Most areas are passed over by this alone.
            if longest in area.text and _is_found(words, area.above, area.text):
                yield from (each for each in (area.code,) if each > after and each.startswith(begins))
            if not area.departments or (words and all(word in area.text for word in words)):
                continue
            if not area.single and any(word not in area.text for word in always):
                continue
            for code in self._among(area, needs) if words else area.departments:
                if code > after and code.startswith(begins) and self._is_named(code, words, area, needs):
                    yield code

    @staticmethod
    def _among(area: _Area, needs: Mapping[str, _Needs]) -> list[str]:
        """Return the departments of an area that a search may find, in order."""
        kinds = (f"{area.code}-{slug}" for slug in needs)
        return sorted({*area.single, *(code for code in kinds if code in area.departments)})

    def _is_named(self, code: str, words: Sequence[str], area: _Area, needs: Mapping[str, _Needs]) -> bool:
        if code not in area.single:
            return not words or needs[code.partition("-")[2]].are_met(area.text)
        own = area.above + self._tree.get(code).name
        return all(word in own for word in words)

    def _needs(self, words: Sequence[str], slug: str) -> _Needs | None:
        """Return what of these words a kind of department leaves to its area; None if it has nothing of any."""
        kind = self._tree.departments[slug]
        own, needed = f"{kind.zh} {kind.en.casefold()}", []
        for word in words:
            if word not in own:
                needed.append((word, tuple(word[:at] for at in range(1, len(word)) if own.startswith(word[at:]))))
        has_something = len(needed) < len(words) or any(ends for _, ends in needed)
        return _Needs(tuple(needed)) if has_something or not words else None

    @cached_property
    def _areas(self) -> list[_Area]:
        below: dict[str, str] = {ROOT: ""}
        found = []
        for unit in sorted(self._tree, key=lambda each: each.code):
            if unit.level is Level.department:
                continue
            above = below.get(parent_code(unit.code) or ROOT, "")
            text = above + unit.name
            departments = tuple(self._tree.departments_of(unit.code))
            single = frozenset(each for each in departments if each.partition("-")[2] not in self._tree.departments)
            found.append(_Area(unit.code, above, text, departments, single))
            below.setdefault(unit.code, above if unit.name in NO_CITIES else text)
        return found


def _is_found(words: Sequence[str], above: str, text: str) -> bool:
    return not words or (all(word in text for word in words) and not all(word in above for word in words))
