"""All time limit rules, by name, place and day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from casework.clocks.calendar import area_of
from casework.clocks.rule import Rule


class UnknownRule(ValueError):
    """No rule has this name, or none of that name applies in the place."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no time limit rule {name!r}")
        self.name = name


class RuleBook:
    """The rules of all files. Several may share a name: for different places, or one after the other in time."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_name: dict[str, list[Rule]] = {}
        for rule in self._rules:
            self._by_name.setdefault(rule.name, []).append(rule)

    def __iter__(self) -> Iterator[Rule]:
        """Iterate over the rules in the order of their files."""
        return iter(self._rules)

    def __len__(self) -> int:
        """Return how many rules there are."""
        return len(self._rules)

    def names(self) -> tuple[str, ...]:
        """Return the names in the order of the files."""
        return tuple(self._by_name)

    def versions(self, name: str) -> tuple[Rule, ...]:
        """Return every rule of the name; UnknownRule if there is none."""
        if name not in self._by_name:
            raise UnknownRule(name)
        return tuple(self._by_name[name])

    def get(self, name: str, unit_code: str | None = None, on_date: date | None = None) -> Rule:
        """Return the rule of the name for the place and the day: of the narrowest jurisdiction, then the latest.

        If none is valid on the day, the nearest in time is returned, so that an old case can still be computed: check
        `valid_on`. Without a place, a national rule comes first. UnknownRule if none applies in the place.
        """
        found = list(self.versions(name))
        if unit_code is not None:
            area = area_of(unit_code)
            found = [rule for rule in found if rule.lies_over(area)]
            if not found:
                raise UnknownRule(name)
        if len(found) == 1:
            return found[0]

        def rank(rule: Rule) -> tuple[bool, int, date]:
            narrow = 0 if rule.jurisdiction == "cn" else len(rule.jurisdiction)
            valid = on_date is None or rule.valid_on(on_date)
            start = rule.valid_from or date.min
            return valid, narrow if unit_code is not None else -narrow, start

        return max(found, key=rank)

    def in_force(self, name: str, unit_code: str | None, on_date: date) -> Rule:
        """Return the rule in force on the day: if the named one has expired, its successor."""
        rule, seen = self.get(name, unit_code, on_date), {name}
        while rule.is_over(on_date) and rule.successor not in seen:
            seen.add(rule.successor)
            rule = self.get(rule.successor, unit_code, on_date) if rule.successor else rule
        return rule

    def close(self, grade: str) -> Rule:
        """Return the rule for closing a case of this grade: `low`, `medium` or `high`."""
        return self.get(f"close_{grade}")

    def task(self, days: int) -> Rule:
        """Return the rule for a plan's task: as in `task`, with the number of days of the plan."""
        rule = self.get("task")
        return rule if rule.n == days else replace(rule, n=days)
