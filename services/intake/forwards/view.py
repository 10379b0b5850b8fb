"""Forwards as messages of the contract."""

from __future__ import annotations

from datetime import datetime

from pb.intake.v1 import forwards_pb2 as pb

from casework import names
from services.intake.forwards import store as forwards
from services.intake.models import Forward
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.rules import Rules


def forward(row: Forward, due_at: datetime | None, rules: Rules) -> pb.Forward:
    """Return a forward without its reasons."""
    return pb.Forward(
        name=forwards.name_of(row.number, row.forward),
        unit=names.unit_name(row.unit),
        unit_display_name=rules.units.known(row.unit).name,
        asked_unit=names.unit_name(row.asked),
        asked_unit_display_name=rules.units.known(row.asked).name,
        umpire_unit=names.unit_name(row.umpire) if row.umpire else "",
        right_unit=names.unit_name(row.right_unit) if row.right_unit else "",
        create_time=stamp(row.made_at),
        due_time=stamp(due_at),
        decide_until_time=stamp(row.decide_until),
        end_time=stamp(row.ended_at),
        target=names.report_name(row.target) if row.target else "",
        answer_until_time=stamp(row.answer_until),
        **numbers(state=row.state),
    )
