"""The refusal of a report: sealed with the report, and printed on the notice to the reporter."""

from __future__ import annotations

from pb.intake.v1 import intake_pb2 as pb
from pb.intake.v1 import report_pb2

from casework import names
from casework.door import refusal as rules_of
from casework.errors import Reason, field_error
from services.intake.models import Report
from services.kit.rules import Rules


def said(request: pb.DeclineReportRequest, row: Report, rules: Rules) -> report_pb2.Refusal:
    """Return the refusal in a request, or raise a field error."""
    unit, code, words = request.destination_unit, request.destination_code, request.destination
    rules_of.one_destination(unit, code, words)
    rules_of.must_be_open(code, row.category, rules.routes)
    if unit and names.last(unit) not in rules.units:
        raise field_error("destination_unit", Reason.UNKNOWN_UNIT, names.last(unit))
    return report_pb2.Refusal(
        explanation=request.explanation, destination_unit=unit, destination_code=code, destination=words
    )


def told(
    refusal: report_pb2.Refusal, matter: Report, rules: Rules, language: str, *, reviewed: bool
) -> report_pb2.RefusalNotice:
    """Return a refusal as shown to the reporter: always naming where to go instead."""
    english, unit = language == "en", names.last(refusal.destination_unit)
    route = rules_of.route_words(refusal.destination_code, matter.route, matter.category, rules.routes, english=english)
    return report_pb2.RefusalNotice(
        explanation=refusal.explanation,
        destination=rules.units.known(unit).name if unit else refusal.destination or route,
        destination_phone=rules.units.phone(unit) if unit else "",
        objection=""
        if reviewed
        else rules_of.objection(rules.units.known(matter.unit).name, rules.units.phone(matter.unit), english=english),
    )
