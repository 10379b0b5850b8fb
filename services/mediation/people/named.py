"""The people named in a report: the first parties of its case, so that nobody types them again."""

from __future__ import annotations

from dataclasses import dataclass

from pb.intake.v1 import filing_pb2, report_pb2
from pb.mediation.v1.people_pb2 import PartyDetails

from casework.case import Side
from casework.mediation.course import PartyKind

_SIDES = {report_pb2.PARTY_ROLE_APPLICANT: Side.APPLICANT, report_pb2.PARTY_ROLE_RESPONDENT: Side.RESPONDENT}


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody a report names as a party."""

    side: Side
    details: PartyDetails
    kind: PartyKind = PartyKind.NATURAL
    needs_guardian: bool = False
    guardian: PartyDetails | None = None


def is_dispute(content: report_pb2.ReportContent) -> bool:
    """Return whether a report names a side; someone who reports a broken lamp is not a party."""
    return any(each.role in _SIDES for each in content.parties)


def named(content: report_pb2.ReportContent) -> list[Named]:
    """Return who makes the request and against whom it is made: as named, otherwise the reporter as applicant.

    Whoever the reporter speaks for takes their place, once that person knows of it. A reporter who wished not to be
    named to the other side is left out: they are asked first.
    """
    found = [
        Named(
            _SIDES[each.role],
            PartyDetails(display_name=each.display_name, phone=each.phone),
            PartyKind.ORGANISATION if each.organisation else PartyKind.NATURAL,
        )
        for each in content.parties
        if each.role in _SIDES
    ]
    if any(each.side is Side.APPLICANT for each in found):
        return [_with_contact(each, content) for each in found if not is_kept(each.details, content)]
    own = _concerned(content)
    return [*([own] if own else []), *found]


def reporter(content: report_pb2.ReportContent) -> PartyDetails:
    """Return the reporter's own details as details of a party."""
    told = content.reporter
    details = PartyDetails(
        display_name=told.display_name, phone=told.phone, email=told.email, address=told.postal_address
    )
    if told.HasField("contact"):
        details.contact.CopyFrom(told.contact)
    return details


def is_reporter(details: PartyDetails, content: report_pb2.ReportContent) -> bool:
    """Return whether a party is the reporter: the same name, and no different phone number."""
    told = content.reporter
    same_phone = not details.phone or not told.phone or details.phone == told.phone
    return bool(told.display_name) and details.display_name == told.display_name and same_phone


def is_kept(details: PartyDetails, content: report_pb2.ReportContent) -> bool:
    """Return whether a party is the reporter and wished not to be named to the other side."""
    same = is_reporter(details, content) or (bool(details.phone) and details.phone == content.reporter.phone)
    return content.anonymity == filing_pb2.ANONYMITY_OTHER_SIDE and same


def _concerned(content: report_pb2.ReportContent) -> Named | None:
    """Return the reporter, or whom they speak for, as applicant; None where that person must be asked first."""
    details = reporter(content)
    if content.HasField("on_behalf"):
        other = content.on_behalf
        details = PartyDetails(display_name=other.display_name if other.person_knows else "", phone=other.phone)
    elif content.anonymity == filing_pb2.ANONYMITY_OTHER_SIDE:
        return None
    if not details.display_name:
        return None
    guardian = _guardian(content)
    return Named(Side.APPLICANT, details, needs_guardian=content.HasField("minor") or bool(guardian), guardian=guardian)


def _guardian(content: report_pb2.ReportContent) -> PartyDetails | None:
    """Return the guardian of the person concerned; None if none is named, or if the guardian is the other side."""
    minor, own = content.minor, reporter(content)
    if minor.guardian_is_other_side:
        return None
    if minor.guardian_display_name:
        return PartyDetails(display_name=minor.guardian_display_name, phone=minor.guardian_phone)
    is_guardian = content.on_behalf.relation == filing_pb2.RELATION_GUARDIAN
    return own if is_guardian and own.display_name else None


def _with_contact(party: Named, content: report_pb2.ReportContent) -> Named:
    """Return a party that the report names as applicant, with the reporter's contact if it is the reporter."""
    if party.side is Side.APPLICANT and is_reporter(party.details, content):
        party.details.MergeFrom(reporter(content))
    return party
