"""Other routes for all responses, from one source: rules/routes."""

from __future__ import annotations

from collections.abc import Iterable

from pb.intake.v1 import report_pb2 as pb

from casework.door.routes import OpenRoute
from services.kit.instants import stamp


def shown(routes: Iterable[OpenRoute]) -> list[pb.OtherRoute]:
    """Return the routes with their terms, legal basis, and the dates from the case's clocks."""
    return [
        pb.OtherRoute(
            route=each.route.key, zh=each.route.zh, en=each.route.en, kind=str(each.route.kind),
            first=each.route.first, term_zh=each.route.term_zh, term_en=each.route.term_en, basis=each.route.basis,
            due_time=stamp(each.due_at),
        )
        for each in routes
    ]  # fmt: skip
