"""Links and two reports side by side, as messages of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pb.intake.v1 import links_pb2 as pb
from pb.intake.v1 import report_pb2

from casework import names
from casework.clocks.calendar import LOCAL
from services.intake import view
from services.intake.models import Link, Report
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.rules import Rules


class Side(NamedTuple):
    """One of two reports, with its content where the caller may read it."""

    row: Report
    content: report_pb2.ReportContent | None


def linked(
    link: Link, row: Report, other: Report | None, rules: Rules, language: str, now: datetime
) -> pb.LinkedReport:
    """Return a link as it is seen from a report; `other` is None if the caller may not read it."""
    message = pb.LinkedReport(
        create_time=stamp(link.created_at), incoming=link.target == row.number, **numbers(kind=link.kind)
    )
    if other is None:
        return message
    message.readable = True
    message.link = f"{names.report_name(link.number)}/links/{link.target}"
    message.reason, message.creator = link.reason, link.actor
    message.report.CopyFrom(view.report(other, language, now))
    message.unit_display_name = rules.units.known(other.unit).name
    message.merged = other.merged_into == row.number or row.merged_into == other.number
    return message


def side(found: Side, rules: Rules, language: str, now: datetime) -> pb.ComparedReport:
    """Return one of two reports."""
    row, content = found
    category = rules.categories.get(row.category)
    message = pb.ComparedReport(
        report=view.report(row, language, now),
        unit_display_name=rules.units.known(row.unit).name,
        category_display_name=category.en if language == "en" else category.zh,
        area_display_name=rules.units.known(row.area).name if row.area else "",
        readable=content is not None,
    )
    if content is not None:
        message.text, message.address = content.text, content.address
        message.happened, message.wish = content.happened, content.wish
        if content.HasField("happen_time"):
            message.happen_time.CopyFrom(content.happen_time)
    return message


def compared(one: Side, other: Side) -> tuple[list[str], list[str]]:
    """Return what is the same in two reports and what differs; what neither says is in none."""
    first, second = _facts(one.row), _facts(other.row)
    if one.content is not None and other.content is not None:
        first |= _told(one.content)
        second |= _told(other.content)
    said = [key for key in first if first[key] or second[key]]
    return [key for key in said if first[key] == second[key]], [key for key in said if first[key] != second[key]]


def _facts(row: Report) -> dict[str, object]:
    return {
        "category": row.category, "unit": row.unit, "area": row.area,
        "day": row.received_at.astimezone(LOCAL).date(), "people_affected": row.people, "amount": row.amount_fen,
        "scope": row.scope, "urgency": row.urgency, "danger": row.danger,
    }  # fmt: skip


def _told(content: report_pb2.ReportContent) -> Mapping[str, object]:
    return {
        "text": content.text, "address": content.address, "phone": content.reporter.phone,
        "reporter": content.reporter.display_name,
    }  # fmt: skip
