"""A mediation and its consents as messages. No personal data."""

from __future__ import annotations

from pb.mediation.v1 import consent_pb2 as pb

from casework import names
from casework.case import Step
from casework.door.routes import OpenRoute
from casework.mediation.course import PeopleStanding
from services.kit import other_routes
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.consents import Consent, Mediation
from services.mediation.models.people import Party


def mediation(row: Mediation, standing: PeopleStanding) -> pb.Mediation:
    """Return a mediation with the parties whose consent is missing."""
    return pb.Mediation(
        name=names.mediation_name(row.number),
        etag=str(row.version),
        mediator=names.mediator_name(row.candidate),
        missing_consents=[names.party_name(row.number, each) for each in sorted(standing.missing(Step.MEDIATION))],
        joint_sessions=not row.joint_barred,
        consent_time=stamp(row.consented_at),
        end_time=stamp(row.ended_at),
        round=row.round,
        matter_facts=row.matter_facts,
        **numbers(state=row.state, phase=row.phase),
    )


def consent(row: Consent) -> pb.Consent:
    """Return a party's answer."""
    return pb.Consent(
        name=f"{names.party_name(row.number, row.party)}/consents/{row.consent}",
        given=row.given,
        language=row.language,
        read_back=row.read_back,
        interpreter=names.companion_name(row.number, row.interpreter),
        assisted_by=names.companion_name(row.number, row.assisted_by),
        given_by=names.companion_name(row.number, row.given_by),
        give_time=stamp(row.at),
        recorder=row.recorded_by,
        **numbers(step=row.step, medium=row.medium),
    )


def withdrawal(party: Party, mediation: Mediation, routes: list[OpenRoute]) -> pb.Withdrawal:
    """Return the response to a party that leaves."""
    return pb.Withdrawal(
        party=names.party_name(party.number, party.party),
        withdraw_time=stamp(party.withdrawn_at),
        routes=other_routes.shown(routes),
        **numbers(mediation_state=mediation.state),
    )
