"""Intake's rows as messages of the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.type.latlng_pb2 import LatLng
from google.type.money_pb2 import Money
from pb.intake.v1 import filing_pb2
from pb.intake.v1 import report_pb2 as pb

from casework import names
from casework.door.filing import HelpLine
from casework.door.progress import NextStep
from casework.door.report import OPEN, ReportState
from services.intake.duplicates.search import Suggestion
from services.intake.models import Report
from services.intake.reception import SCOPES, URGENCIES
from services.kit import other_routes
from services.kit.clocks.progress import progress
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.rules import Rules

_EXCERPT = 120
"""Characters of a likely same matter that are shown beside the other one."""
_LONG_NUMBER = re.compile(r"\d[\d -]{3,}\d")


def report(row: Report, language: str, now: datetime) -> pb.Report:
    """Return a report without its sealed part."""
    triage = row.triage
    place = pb.Place(area=row.area)
    if row.latitude is not None:
        place.location.CopyFrom(LatLng(latitude=row.latitude, longitude=row.longitude))
    message = pb.Report(
        name=names.report_name(row.number),
        etag=str(row.version),
        case=names.case_name(row.merged_into or row.number),
        about_unit=names.unit_name(row.about) if row.about else "",
        unit=names.unit_name(row.unit),
        category=f"categories/{row.category}",
        place=place,
        people_affected=row.people,
        danger=row.danger,
        source=row.source,
        source_id=row.source_id,
        receive_time=stamp(row.received_at),
        due_time=stamp(row.due_at),
        close_time=stamp(row.closed_at),
        overdue=is_overdue(row, now),
        merged_into=names.report_name(row.merged_into) if row.merged_into else "",
        update_time=stamp(row.updated_at),
        withdraw_time=stamp(row.withdrawn_at),
        for_minor=row.for_minor,
        triage=pb.Triage(
            rule=triage["rule"],
            rule_version=triage["version"],
            row=triage["row"],
            inputs=_inputs(row),
            reason=triage[language],
            grade_time=stamp(datetime.fromisoformat(triage["at"])),
            **_acceptance(triage.get("acceptance"), language),
            **numbers(grade=row.grade),
        ),
        **numbers(
            state=row.state,
            channel=row.channel,
            scope=row.scope,
            urgency=row.urgency,
            route=row.route,
            anonymity=row.anonymity,
        ),
    )
    if is_imported(row):
        message.history.CopyFrom(pb.History(due_time=stamp(row.due_at), close_time=stamp(row.closed_at)))
    message.amount_fen = row.amount_fen
    if row.amount_fen:
        units, rest = divmod(row.amount_fen, 100)
        message.amount.CopyFrom(Money(currency_code="CNY", units=units, nanos=rest * 10_000_000))
    return message


def help_line(line: HelpLine, language: str) -> filing_pb2.HelpLine:
    """Return a number to call."""
    return filing_pb2.HelpLine(number=line.number, title=getattr(line, language), basis=line.basis)


def _acceptance(stored: Mapping[str, str] | None, language: str) -> dict[str, Any]:
    if stored is None:
        return {}
    return {
        "acceptance_limit": stored["limit"],
        "acceptance_row": stored["row"],
        "acceptance_reason": stored[language],
    }


def _inputs(row: Report) -> dict[str, str]:
    return {
        "people_affected": str(row.people),
        "amount_fen": str(row.amount_fen),
        "scope": SCOPES[row.scope],
        "urgency": URGENCIES[row.urgency],
        "danger": str(row.danger).lower(),
        "category": row.category,
    }


def is_imported(row: Report) -> bool:
    """Return whether it was accepted or closed by its source, not here."""
    return row.decided_at is None and row.state in (ReportState.ACCEPTED, ReportState.CLOSED)


def is_overdue(row: Report, now: datetime) -> bool:
    """Return whether the deadline passed before it was closed or decided."""
    return row.due_at is not None and row.due_at < (row.closed_at or row.decided_at or now)


def receipt(row: Report, matter: Report, code: str, language: str, rules: Rules, step: NextStep) -> pb.Receipt:
    """Return what the holder of a receipt code may see; `matter` is the report that `row` was merged into, if any."""
    unit = rules.units.known(matter.unit)
    told = pb.Receipt(
        name=f"receipts/{code}",
        report=names.report_name(row.number),
        case=names.case_name(matter.number),
        unit=names.unit_name(matter.unit),
        unit_display_name=unit.name,
        receive_time=stamp(row.received_at),
        due_time=stamp(matter.due_at) if matter.state in OPEN else None,
        next_step=step.words(language),
        other_routes=other_routes.shown(rules.routes.open(matter.category, ())) if matter.route else [],
        **numbers(state=row.state, route=matter.route),
    )
    told.progress.CopyFrom(progress(step, told.report, language, withdrawn=row.withdrawn_at is not None))
    for field in ("case", "unit", "unit_display_name"):
        setattr(told.progress, field, getattr(told, field))
    told.progress.phone = rules.units.phone(matter.unit)
    told.progress.receive_time.CopyFrom(told.receive_time)
    told.progress.other_routes.extend(told.other_routes)
    if matter.closed_at:
        told.progress.close_time.FromDatetime(matter.closed_at)
    return told


def duplicate(found: Suggestion) -> pb.Duplicate:
    """Return a report that may be about the same matter; without a score if the caller may not read its text."""
    row = found.row
    message = pb.Duplicate(
        report=names.report_name(row.number),
        same_category=row.same_category,
        same_place=row.same_place,
        receive_time=stamp(row.received_at),
        **numbers(state=row.state),
    )
    if found.readable:
        message.score, message.text_similarity = round(found.score, 4), round(found.alike, 4)
    return message


def show_beside(message: pb.Duplicate, found: Suggestion, content: pb.ReportContent, rules: Rules) -> None:
    """Add what a person needs to decide whether it is the same matter: where it is, and how its text begins."""
    row, units = found.row, rules.units
    message.unit, message.unit_display_name = names.unit_name(row.unit), units.known(row.unit).name
    message.place.area, message.place.address = row.area, masked(content.address)
    message.area_display_name = units.known(row.area).name if row.area else ""
    text = masked(" ".join(content.text.split()))
    message.excerpt = text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def masked(text: str) -> str:
    """Return a text with every number of five digits or more masked: telephones, identity numbers, accounts."""
    return _LONG_NUMBER.sub("*****", text)
