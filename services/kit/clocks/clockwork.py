"""What a service makes clocks with: the time rules, the calendars in force, and the dates that follow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from casework.clocks import rule_data
from casework.clocks.calendar import LOCAL, Calendar, CalendarBook, Layer, area_of
from casework.clocks.clock import Projection, project
from casework.clocks.ledger import Started
from casework.clocks.rule import Rule, Unit
from casework.names import clock_id
from services.kit.rules import Rules

_DRAWN = 20_000


NOTHING_DUE: dict[str, Any] = {"due_at": None, "due_clock": ""}
"""The columns of a row that no longer shows a clock's date; `NewClock.shown` gives those of one that does."""


@lru_cache(maxsize=4096)
def rule_hash(rule: Rule) -> str:
    """Return 16 hex digits that name the whole content of a rule: what a running clock pins."""
    content = orjson.dumps(rule_data.to_data(rule), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:16]


class NewClock(NamedTuple):
    """A clock to start: `key` is unique within the case, for instance `accept` or `task-2.sign`."""

    number: str
    key: str
    subject: str
    unit: str
    rule: Rule
    rule_hash: str
    calendar: str
    started_at: datetime
    until: datetime | None
    projection: Projection
    rungs: str
    evidence: str = ""

    @property
    def id(self) -> str:
        """The clock's id: `{number}.{key}`."""
        return clock_id(self.number, self.key)

    @property
    def due_at(self) -> datetime:
        """The last instant in time."""
        due = self.projection.due
        assert due is not None, "a clock that has only been started is not paused"
        return due

    def shown(self, due: str = "due_at") -> dict[str, Any]:
        """Return the columns of a row that shows this clock's date; from then on the date follows the clock."""
        return {due: self.projection.due, due.removesuffix("_at") + "_clock": self.id}

    @property
    def next_at(self) -> datetime | None:
        """When its first rung is due."""
        rungs = self.projection.rungs
        return rungs[0].at if rungs else None


class Clockwork:
    """The rules and calendars of a service. Calendars change while it runs, by layers over those of the files.

    `letters` are the triggers of supervision letters: most are triggered by a missed deadline.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules.clocks
        self.letters = rules.letters.book
        self._files = rules.calendars
        self.calendars = rules.calendars
        self.pinned: dict[str, Calendar] = {}
        self.missing_year: int | None = None
        self._drawn: dict[tuple[str, date, str], tuple[Projection, str]] = {}
        self._applying: dict[tuple[str, str, date], tuple[Rule, str, Calendar]] = {}

    def lay(self, layers: Iterable[Layer]) -> None:
        """Apply these layers, in order, over the calendars of the files."""
        self.calendars = self.candidate(layers)
        self._drawn.clear()
        self._applying.clear()

    def candidate(self, layers: Iterable[Layer]) -> CalendarBook:
        """Return the calendars as they would be with these layers over those of the files."""
        book = self._files
        for layer in layers:
            book = book.with_layer(layer)
        return book

    def new(
        self, number: str, key: str, rule: Rule | str, *, subject: str, unit: str, at: datetime,
        until: datetime | None = None,
    ) -> NewClock:  # fmt: skip
        """Return the clock that a rule gives from this start; `until` is an end promised elsewhere, used as it is.

        Raises UnknownRule if no rule of the name applies to the unit.
        """
        local = at.astimezone(LOCAL)
        if isinstance(rule, str):
            found, digest, calendar = self._applies(rule, unit, local.date())
        else:
            found, digest, calendar = rule, rule_hash(rule), self.calendars.of(unit)
        projection, rungs = self._project(found, digest, calendar, local, until)
        return NewClock(number, key, subject, unit, found, digest, calendar.version, at, until, projection, rungs)

    def instead(
        self, number: str, key: str, rule: str, *, subject: str, unit: str, at: datetime, now: datetime,
        promised: datetime | None,
    ) -> NewClock:  # fmt: skip
        """Return the clock of a limit that applies instead of another one, whose end was promised.

        A longer one runs from `at`, as the other did. A shorter one runs from now, when it is known, and never ends
        later than what was promised.
        """
        clock = self.new(number, key, rule, subject=subject, unit=unit, at=at)
        if promised is None or clock.due_at >= promised:
            return clock
        clock = self.new(number, key, rule, subject=subject, unit=unit, at=now)
        if clock.due_at <= promised:
            return clock
        return self.new(number, key, rule, subject=subject, unit=unit, at=now, until=promised)

    def _applies(self, rule: str, unit: str, day: date) -> tuple[Rule, str, Calendar]:
        """Return the rule of a name that is in force in a place on a day, its hash, and the calendar there."""
        key = (rule, unit, day)
        if (known := self._applying.get(key)) is None:
            if len(self._applying) > _DRAWN:
                self._applying.clear()
            found = self.rules.in_force(rule, unit, day)
            known = self._applying[key] = found, rule_hash(found), self.calendars.of(unit)
        return known

    def _project(
        self, rule: Rule, digest: str, calendar: Calendar, local: datetime, until: datetime | None
    ) -> tuple[Projection, str]:
        key = (digest, local.date(), calendar.version)
        # Rules in days give everything that begins on one day the same dates: computed once for a batch.
        daily = until is None and rule.unit is not Unit.hour and rule.cutoff is None
        if daily and (drawn := self._drawn.get(key)) and drawn[0].rungs and drawn[0].rungs[0].at > local:
            return drawn
        projection = project(rule, [Started(seq=1, at=local, recorded_at=local, until=until)], calendar)
        found = projection, rungs_json(projection)
        if daily:
            if len(self._drawn) > _DRAWN:
                self._drawn.clear()
            self._drawn[key] = found
        return found


def rungs_json(projection: Projection, keys: dict[str, str] | None = None) -> str:
    """Return the rungs as stored, in order: `[[key, instant, kind, consequence], …]`; `keys` renames some."""
    names = keys or {}
    return orjson.dumps(
        [
            [names.get(rung.key, rung.key), rung.at.isoformat(), str(rung.kind), str(rung.consequence)]
            for rung in projection.rungs
        ]
    ).decode()


def region_of(unit: str) -> str:
    """Return the area whose calendar applies to a unit; pinned when a clock starts, whoever is accountable later."""
    return area_of(unit)
