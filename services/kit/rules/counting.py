"""Loads only what computing a date needs: the limits and calendars of a rules folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from casework.clocks.calendar import CalendarBook
from casework.clocks.rule_book import RuleBook
from services.kit.rules.calendars import read_calendars
from services.kit.rules.folder import RulesFolder
from services.kit.rules.limits import read_limits
from services.kit.rules.problem import Problem, RulesError


@dataclass(frozen=True, slots=True)
class Counting:
    """The time limit rules and the calendars of a rules folder."""

    clocks: RuleBook
    calendars: CalendarBook


def load_counting(folder: Path) -> Counting:
    """Return limits and calendars of the folder; RulesError with every problem if anything in them is wrong."""
    if not folder.is_dir():
        raise RulesError([Problem(str(folder), 1, "there is no such folder")])
    source = RulesFolder(folder)
    clocks, calendars = read_limits(source), read_calendars(source)
    if source.problems or not (clocks and calendars):
        raise RulesError(source.problems)
    return Counting(clocks, calendars)
