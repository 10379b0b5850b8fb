"""Filling: from the facts of a case to the text of a form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from casework import sheets
from casework.chinese import legible
from casework.documents import (
    AgreementFacts,
    DockingFacts,
    DossierSource,
    PartyFacts,
    Side,
)
from casework.forms import Form, FormRule, subjects
from casework.sheets import PartyLine, Sheet
from casework.wording import Wording

Item = TypeVar("Item")
Filled = TypeVar("Filled", bound=Sheet)
_MATCHES = {True: "identity_matches", False: "identity_differs", None: ""}
_SIDES = {Side.APPLICANT: "side_applicant", Side.RESPONDENT: "side_respondent", Side.THIRD: "side_third"}


@dataclass(frozen=True, slots=True)
class Filling:
    """What a form is filled from: the case, what the document is about, its number and day, the words."""

    source: DossierSource
    subject: int
    number: str
    on: datetime
    words: Wording

    def common(self) -> dict[str, Any]:
        """Return what every form has."""
        source, words = self.source, self.words
        return {
            "body": source.body,
            "number": self.number or source.dossier_number,
            "case": source.number,
            "day": words.day(self.on),
            "parties_line": words.listed(each.name for each in source.parties),
            "category": words.term(source.category),
            "mediator": source.mediator.name if source.mediator else "",
        }

    def about(self, items: Iterable[Item], key: Callable[[Item], int]) -> Item:
        """Return the item that the document is about; LookupError where there is none."""
        return next(each for each in items if key(each) == self.subject)


def lacks(rule: FormRule, source: DossierSource, subject: int) -> tuple[str, ...]:
    """Return what the form cannot be filled without and the case does not have; empty where it can be filled."""
    if subject not in subjects(rule, source):
        return (str(rule.about),)
    needed = _NEEDED.get(rule.form)
    return needed(source, subject) if needed else ()


def fill(rule: FormRule, filling: Filling) -> Sheet:
    """Return the form's text. What `lacks` names must be there."""
    return legible_sheet(_FILLERS[rule.form](filling))


def legible_sheet(sheet: Filled) -> Filled:
    """Return the sheet with every text in it made legible, at any depth."""
    changed: Any = _legible(sheet)
    return changed


def _legible(value: Any) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, tuple):
        return tuple(map(_legible, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _legible(getattr(value, each.name)) for each in fields(value)})
    return value


def _need(**there: object) -> tuple[str, ...]:
    return tuple(name for name, value in there.items() if not value)


def _docking(source: DossierSource, subject: int) -> DockingFacts:
    return next(each for each in source.dockings if each.docking == subject)


_NEEDED: dict[Form, Callable[[DossierSource, int], tuple[str, ...]]] = {
    Form.APPLICATION: lambda s, _: _need(applicant=list(s.of_side(Side.APPLICANT))),
    Form.REGISTER: lambda s, _: _need(parties=s.parties),
    Form.RIGHTS_NOTICE: lambda s, _: _need(parties=s.parties),
    Form.IDENTITY_CHECK: lambda s, _: _need(identity=[each for each in s.parties if each.identity]),
    Form.AGREEMENT: lambda s, _: _need(agreement=s.agreement and s.agreement.written),
    Form.ORAL_AGREEMENT: lambda s, _: _need(agreement=s.agreement and not s.agreement.written),
    Form.PERFORMANCE: lambda s, _: _need(performances=s.performances),
    Form.CONFIRMATION_APPLICATION: lambda s, _: _need(agreement=s.agreement, confirmation=s.confirmation),
    Form.TERMINATION: lambda s, _: _need(termination=s.termination),
    Form.CLOSING_REPORT: lambda s, _: _need(closing=s.closing),
    Form.DOSSIER_NOTE: lambda s, _: _need(remarks=s.remarks),
    Form.DOCKING_RECEIPT: lambda s, n: _need(signed_at=_docking(s, n).signed_at),
    Form.DOCKING_REFUSAL: lambda s, n: _need(out_of_scope=_docking(s, n).out_of_scope is not None),
    Form.RESULT_FEEDBACK: lambda s, n: _need(agreed=_docking(s, n).agreed is not None),
}


# --- parts ------------------------------------------------------------------------------------------------------------


def _party(each: PartyFacts, words: Wording, *, ethnic_group: bool = False) -> PartyLine:
    """Return a party's line; the ethnic group only where the form has a place for it and the party gave it."""
    helpers = [
        words.word("helper_guardian", name=each.guardian) if each.guardian else "",
        words.word("helper_support", name=each.support) if each.support else "",
    ]
    return PartyLine(
        role=words.word(_SIDES[each.side]),
        name=each.name + (words.word("withdrawn") if each.withdrawn_at else ""),
        organisation=each.organisation,
        gender=each.gender,
        ethnic_group=each.ethnic_group if ethnic_group else "",
        age=each.age,
        occupation=each.occupation,
        phone=each.phone,
        address=words.word("address_hidden") if each.address_hidden else each.address,
        employer="" if each.address_hidden else each.employer,
        legal_representative=each.legal_representative,
        helper=words.listed(helpers),
    )


def _parties(filling: Filling, *sides: Side, ethnic_group: bool = False) -> tuple[PartyLine, ...]:
    chosen = filling.source.of_side(*(sides or tuple(Side)))
    return tuple(_party(each, filling.words, ethnic_group=ethnic_group) for each in chosen)


def _clauses(agreement: AgreementFacts, words: Wording) -> tuple[sheets.ClauseLine, ...]:
    return tuple(
        sheets.ClauseLine(
            index=str(each.clause),
            performer=each.performer,
            content=_companion(each.content, each.companion, words),
            amount=words.amount(each.amount),
            due=words.day(each.due),
            manner=each.manner,
        )
        for each in agreement.clauses
    )


def _companion(text: str, companion: str, words: Wording) -> str:
    """Return a text as it was said, or in the companion as it was translated, if it was."""
    return companion if words.is_companion and companion else text


# --- one function a form ----------------------------------------------------------------------------------------------


def _application(f: Filling) -> Sheet:
    return sheets.Application(
        **f.common(),
        applicants=_parties(f, Side.APPLICANT, ethnic_group=True),
        respondents=_parties(f, Side.RESPONDENT, Side.THIRD, ethnic_group=True),
        facts=f.source.facts,
        claims=f.source.claims,
    )


def _register(f: Filling) -> Sheet:
    source, words = f.source, f.words
    return sheets.Register(
        **f.common(),
        parties=_parties(f, ethnic_group=True),
        channel=words.of("channel", source.channel),
        received=words.moment(source.received_at),
        accepted=words.moment(source.accepted_at),
        place=source.place,
        facts=source.facts,
        claims=source.claims,
        registrar=source.registrar,
    )


def _rights(f: Filling) -> Sheet:
    return sheets.RightsNotice(**f.common(), parties=_parties(f))


def _identity(f: Filling) -> Sheet:
    words = f.words
    checks = tuple(
        sheets.IdentityLine(
            role=words.word(_SIDES[each.side]),
            name=each.name,
            document=words.of("identity", each.identity.document),
            number_masked=each.identity.number_masked,
            result=words.word(_MATCHES[each.identity.matches]),
            checked=words.day(each.identity.checked_at),
            checked_by=each.identity.checked_by,
        )
        for each in f.source.parties
        if each.identity
    )
    return sheets.IdentityCheck(**f.common(), checks=checks)


def _power(f: Filling) -> Sheet:
    found = f.about(f.source.representatives, lambda each: each.representative)
    principals = [each for each in f.source.parties if each.party in found.parties]
    return sheets.PowerOfAttorney(
        **f.common(),
        principals=tuple(_party(each, f.words) for each in principals),
        representative=found.name,
        phone=found.phone,
        relation=found.relation,
        kind=f.words.word("authority_special" if found.special else "authority_general"),
        scope=found.scope,
        since=f.words.day(found.since),
        until=f.words.day(found.until),
    )


def _inquiry(f: Filling) -> Sheet:
    found, words = f.about(f.source.inquiries, lambda each: each.inquiry), f.words
    return sheets.InquiryRecord(
        **f.common(),
        at=words.moment(found.at),
        place=found.place,
        by=words.listed(found.by),
        of_whom=found.of_whom,
        content=found.content,
        read_back=words.word("read_back" if found.read_back else "not_read_back"),
    )


def _record(f: Filling) -> Sheet:
    found, words = f.about(f.source.sessions, lambda each: each.session), f.words
    return sheets.SessionRecord(
        **f.common(),
        began=words.moment(found.began_at),
        ended=words.moment(found.ended_at),
        place=found.place,
        mode=words.word("mode_remote" if found.remote else "mode_on_site"),
        openness=words.word("open_session" if found.public else "closed_session"),
        mediators=words.listed(found.mediators),
        recorder=found.recorder,
        attendance=words.listed(found.attendance),
        record=found.record,
        result=found.result,
        read_back=words.word("read_back" if found.read_back else "not_read_back"),
        parties=_parties(f),
    )


def _agreement(f: Filling) -> Sheet:
    agreement, words = f.source.agreement, f.words
    assert agreement is not None
    return sheets.Agreement(
        **f.common(),
        parties=_parties(f),
        extent=words.word("agreed_part" if agreement.partial else "agreed_full"),
        facts=_companion(agreement.facts, agreement.facts_companion, words),
        points=_companion(agreement.points, agreement.points_companion, words),
        responsibility=_companion(agreement.responsibility, agreement.responsibility_companion, words),
        clauses=_clauses(agreement, words),
        made=words.day(agreement.made_on),
        effective=words.day(agreement.effective_at),
        # Each party and the committee keep one (人民调解法 art. 29).
        copies=words.word("count", n=len(f.source.parties) + 1),
    )


def _performance(f: Filling) -> Sheet:
    words = f.words
    acts = tuple(
        sheets.PerformanceLine(
            clause=words.word("clause", n=each.clause),
            at=words.day(each.at),
            amount=words.amount(each.amount),
            extent=words.word("performance_part" if each.part else "performance_done"),
            evidence=each.evidence,
            received_by=each.received_by,
            recorded_by=each.recorded_by,
        )
        for each in f.source.performances
    )
    return sheets.Performance(**f.common(), acts=acts)


def _follow_up(f: Filling) -> Sheet:
    found, words = f.about(f.source.visits, lambda each: each.visit), f.words
    return sheets.FollowUp(
        **f.common(),
        at=words.moment(found.at),
        by=found.by,
        of_whom=found.of_whom,
        medium=words.of("medium", found.medium),
        reason=found.reason,
        performance=words.of("performance", found.performance),
        satisfaction=words.of("satisfaction", found.satisfaction),
        recurrence=words.word("answer_yes" if found.recurrence else "answer_no"),
        remarks=found.remarks,
    )


def _confirmation(f: Filling) -> Sheet:
    found, agreement, words = f.source.confirmation, f.source.agreement, f.words
    assert found is not None
    assert agreement is not None
    return sheets.ConfirmationApplication(
        **f.common(),
        court=found.court,
        parties=_parties(f),
        clauses=_clauses(agreement, words),
        effective=words.day(agreement.effective_at),
        last_day=words.day(found.last_day),
        property_facts=found.property_facts,
    )


def _closing(f: Filling) -> Sheet:
    source, words, closing = f.source, f.words, f.source.closing
    assert closing is not None
    agreed = source.agreement
    return sheets.ClosingReport(
        **f.common(),
        received=words.moment(source.received_at),
        accepted=words.day(source.accepted_at),
        closed=words.day(closing.closed_at),
        sessions=words.word("count_sessions", n=len(source.sessions)),
        outcome=words.of("outcome", closing.outcome),
        performance=words.of("performance", closing.performance),
        satisfaction=words.of("satisfaction", closing.satisfaction),
        agreement=words.word("agreed_part" if agreed.partial else "agreed_full") if agreed else "",
        summary=closing.summary,
        requested_by=closing.requested_by,
        reviewed_by=closing.reviewed_by,
    )


def _note(f: Filling) -> Sheet:
    return sheets.DossierNote(**f.common(), remarks=f.source.remarks)


def _letter(f: Filling) -> dict[str, Any]:
    found, words = _docking(f.source, f.subject), f.words
    return {
        **f.common(),
        "organ": found.organ,
        "reference": found.reference,
        "kind": words.word("entrusted" if found.entrusted else "transferred"),
        "matter": found.matter or words.term(f.source.category),
        "sent": words.day(found.sent_at),
    }


def _entrustment(f: Filling) -> Sheet:
    return sheets.DockingSheet(**_letter(f))


def _consent_inquiry(f: Filling) -> Sheet:
    return sheets.ConsentInquiry(**_letter(f), parties=_parties(f))


def _receipt(f: Filling) -> Sheet:
    found, words = _docking(f.source, f.subject), f.words
    return sheets.DockingReceipt(
        **_letter(f), signed=words.moment(found.signed_at), signed_by=found.signed_by, due=words.day(found.due_on)
    )


def _refusal(f: Filling) -> Sheet:
    cause = "cause_out_of_scope" if _docking(f.source, f.subject).out_of_scope else "cause_no_consent"
    return sheets.DockingRefusal(**_letter(f), cause=f.words.word(cause))


def _feedback(f: Filling) -> Sheet:
    found, words = _docking(f.source, f.subject), f.words
    performed = "" if found.performed is None else "performance_done" if found.performed else "performance_none"
    return sheets.ResultFeedback(
        **_letter(f),
        result=words.word("result_agreed" if found.agreed else "result_not_agreed"),
        performed=words.word(performed),
        agreement=f.source.dossier_number if found.agreed else "",
        returned=words.day(found.returned_at),
    )


def _termination(f: Filling) -> Sheet:
    found = f.source.termination
    assert found is not None
    ground = f.words.word(f"ground_{found.ground}")
    return sheets.Termination(**f.common(), parties=_parties(f), ground=ground, ended=f.words.day(found.at))


def _recusal(f: Filling) -> Sheet:
    found, words = f.about(f.source.recusals, lambda each: each.recusal), f.words
    decision = "" if found.granted is None else "recusal_granted" if found.granted else "recusal_declined"
    return sheets.RecusalSheet(
        **f.common(),
        asked_by=f.source.name_of(found.party),
        against=found.against,
        reason=found.reason,
        asked=words.day(found.asked_at),
        decision=words.word(decision),
        decided=words.day(found.decided_at),
        decided_by=found.decided_by,
    )


def _extension(f: Filling) -> Sheet:
    found, words = f.about(f.source.extensions, lambda each: each.extension), f.words
    said = dict(found.consented)
    consents = tuple(
        sheets.ConsentLine(words.word(_SIDES[each.side]), each.name, words.day(said.get(each.party)))
        for each in f.source.parties
    )
    return sheets.ExtensionConsent(
        **f.common(), due=words.day(found.due_on), until=words.day(found.until), consents=consents
    )


def _interpretation(f: Filling) -> Sheet:
    found, words = f.about(f.source.interpretations, lambda each: each.interpretation), f.words
    return sheets.InterpretationRecord(
        **f.common(),
        at=words.moment(found.at),
        language=found.language,
        interpreter=found.interpreter,
        occasion=found.occasion,
        of_whom=f.source.name_of(found.party),
        medium=words.of("medium", found.medium),
        read_back=words.word("read_back" if found.read_back else "not_read_back"),
    )


_FILLERS: dict[Form, Callable[[Filling], Sheet]] = {
    Form.APPLICATION: _application,
    Form.REGISTER: _register,
    Form.RIGHTS_NOTICE: _rights,
    Form.IDENTITY_CHECK: _identity,
    Form.POWER_OF_ATTORNEY: _power,
    Form.INQUIRY: _inquiry,
    Form.RECORD: _record,
    Form.AGREEMENT: _agreement,
    Form.ORAL_AGREEMENT: _agreement,
    Form.PERFORMANCE: _performance,
    Form.FOLLOW_UP: _follow_up,
    Form.CONFIRMATION_APPLICATION: _confirmation,
    Form.CLOSING_REPORT: _closing,
    Form.DOSSIER_NOTE: _note,
    Form.ENTRUSTMENT: _entrustment,
    Form.CONSENT_INQUIRY: _consent_inquiry,
    Form.DOCKING_RECEIPT: _receipt,
    Form.DOCKING_REFUSAL: _refusal,
    Form.RESULT_FEEDBACK: _feedback,
    Form.TERMINATION: _termination,
    Form.RECUSAL: _recusal,
    Form.EXTENSION_CONSENT: _extension,
    Form.INTERPRETATION: _interpretation,
}
