"""What an assessment counts when it is drawn up: every indicator of every assessed unit, compared with its peers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.errors import Reason, field_error
from casework.supervision.figures.indicator import Indicator, Standing, Tally, stand
from casework.supervision.figures.reporting_period import ReportingPeriod
from casework.units import Level, UnitTree, level_of, parent_code
from services.escalation import scope
from services.escalation.figures.indicators import counting, view
from services.escalation.figures.models import AssessmentResult
from services.kit.storage.database import Connection


def assessed(tree: UnitTree, unit: str, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the units to assess: the requested ones, or all directly below; INVALID_FIELD if one is elsewhere."""
    below = tuple(each for each in tree.children(unit) if level_of(each) is not Level.department)
    if not below:
        raise field_error("unit", Reason.INVALID_FIELD, unit)
    for place, name in enumerate(asked):
        code = names.last(name)
        if code not in tree or parent_code(code) != unit:
            raise field_error(f"units[{place}]", Reason.UNKNOWN_UNIT, code)
    return tuple(sorted(names.last(name) for name in asked)) or below


async def results(
    connection: Connection, rules: Sequence[Indicator], tree: UnitTree, unit: str, units: Sequence[str],
    period: ReportingPeriod, now: datetime,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what is stored for each unit and indicator: the rule, its counts, those of large enough peers."""
    counted = await counting.count(connection, rules, scope.subtree(unit), period, now)
    found = []
    for code in units:
        beside = counting.peers(tree, code)
        for place, rule in enumerate(rules):
            by_unit = counted[rule.name]
            own, before = counting.of(by_unit, code)
            others = [counting.of(by_unit, peer)[0] for peer in beside]
            found.append(
                {
                    "unit": code,
                    "place": place,
                    "indicator": rule.name,
                    "rule": view.to_data(rule),
                    "numerator": own.numerator,
                    "denominator": own.denominator,
                    "peers": [[each.numerator, each.denominator] for each in others
                              if each.denominator >= rule.minimum],
                    "before": [before.numerator, before.denominator],
                }
            )  # fmt: skip
    return found


def standing(rule: Indicator, row: AssessmentResult) -> Standing:
    """Return the result of a unit from what was stored, as counted or as corrected."""
    own = Tally(row.numerator, row.denominator)
    return stand(rule, own, [Tally(*each) for each in row.peers], Tally(*row.before))
