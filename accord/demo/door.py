"""The doors: who files a generated report, and what the report says."""

from __future__ import annotations

from google.type.money_pb2 import Money
from pb.intake.v1 import report_pb2 as pb

from accord.demo.cast import Person
from accord.generator import GeneratedReport
from casework.names import unit_name

OVER_REST = "app"
"""The channel whose reports come through the REST door."""

_BY_SYSTEM = ("police", "court", "petition", "department")

ROUTES = {
    "labour": pb.ROUTE_ARBITRATION,
    "hazard": pb.ROUTE_ADMINISTRATION,
    "grievance": pb.ROUTE_HOTLINE,
    "expropriation": pb.ROUTE_ADMINISTRATION,
    "environment": pb.ROUTE_ADMINISTRATION,
    "family": pb.ROUTE_COURT,
    "damages": pb.ROUTE_POLICE,
}
"""The route told for a kind of matter that is declined; a court for all others."""


def filer(told: GeneratedReport) -> Person:
    """Return who brings the report: a citizen, a grid worker, a clerk, or the system of another body."""
    if told.channel == "app":
        return Person("citizen", told.place_code)
    if told.channel == "grid":
        return Person("grid_worker", told.place_code)
    return Person("integrator" if told.channel in _BY_SYSTEM else "clerk", told.unit)


def report(told: GeneratedReport) -> pb.Report:
    """Return the report as it is filed."""
    message = pb.Report(
        channel=f"CHANNEL_{told.channel.upper()}",
        unit=unit_name(told.unit),
        category=f"categories/{told.category}",
        place=pb.Place(area=told.place_code, address=told.place_text),
        text=told.text,
        people_affected=told.people_affected,
        scope=f"SCOPE_{told.scope.upper()}",
        urgency=f"URGENCY_{told.urgency.upper()}",
        danger=told.danger,
    )
    if told.amount_fen:
        yuan, fen = divmod(told.amount_fen, 100)
        message.amount.CopyFrom(Money(currency_code="CNY", units=yuan, nanos=fen * 10_000_000))
    if told.reporter_name:
        message.reporter.CopyFrom(pb.Reporter(display_name=told.reporter_name, phone=told.reporter_phone))
    if told.respondent:
        message.parties.append(pb.Party(role=pb.PARTY_ROLE_RESPONDENT, display_name=told.respondent))
    return message


def route(told: GeneratedReport) -> pb.Route:
    """Return the route told to whoever filed it, if it is declined."""
    return ROUTES.get(told.category.partition("/")[0], pb.ROUTE_COURT)


def is_service(told: GeneratedReport) -> bool:
    """Return whether it is a hazard or a grievance: nobody to reconcile, something to put right."""
    return told.category.startswith(("hazard/", "grievance/"))
