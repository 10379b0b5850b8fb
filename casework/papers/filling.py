"""Filling: from the facts of a case to the text of a form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from casework.case import Side
from casework.papers import letters, sheets
from casework.papers.documents import DossierSource
from casework.papers.forms import Form, FormRule, subjects
from casework.papers.sheet_parts import (
    SIDES,
    Filling,
    clause_lines,
    companion,
    docking_of,
    legible_sheet,
    party_line,
    party_lines,
    proof_lines,
)
from casework.papers.sheets import Sheet

__all__ = ["Filling", "fill", "lacks"]
_MATCHES = {True: "identity_matches", False: "identity_differs", None: ""}


def lacks(rule: FormRule, source: DossierSource, subject: int) -> tuple[str, ...]:
    """Return the required facts that the case lacks for the form; empty if it can be filled."""
    if subject not in subjects(rule, source):
        return (str(rule.about),)
    needed = _NEEDED.get(rule.form)
    return needed(source, subject) if needed else ()


def fill(rule: FormRule, filling: Filling) -> Sheet:
    """Return the form's text. The facts that `lacks` checks must be present."""
    return legible_sheet(_FILLERS[rule.form](filling))


def _need(**there: object) -> tuple[str, ...]:
    return tuple(name for name, value in there.items() if not value)


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
    Form.DOCKING_RECEIPT: lambda s, n: _need(signed_at=docking_of(s, n).signed_at),
    Form.DOCKING_REFUSAL: lambda s, n: _need(out_of_scope=docking_of(s, n).out_of_scope is not None),
    Form.RESULT_FEEDBACK: lambda s, n: _need(agreed=docking_of(s, n).agreed is not None),
}


# --- one function a form ----------------------------------------------------------------------------------------------


def _application(f: Filling) -> Sheet:
    return sheets.Application(
        **f.common(),
        applicants=party_lines(f, Side.APPLICANT, ethnic_group=True),
        respondents=party_lines(f, Side.RESPONDENT, Side.THIRD, ethnic_group=True),
        facts=f.source.facts,
        claims=f.source.claims,
        proofs=proof_lines(f, [each.party for each in f.source.of_side(Side.APPLICANT)]),
    )


def _register(f: Filling) -> Sheet:
    source, words = f.source, f.words
    return sheets.Register(
        **f.common(),
        parties=party_lines(f, ethnic_group=True),
        channel=words.of("channel", source.channel),
        received=words.moment(source.received_at),
        accepted=words.moment(source.accepted_at),
        place=source.place,
        facts=source.facts,
        claims=source.claims,
        proofs=proof_lines(f, [0, *(each.party for each in source.parties)]),
        registrar=source.registrar,
    )


def _rights(f: Filling) -> Sheet:
    return sheets.RightsNotice(**f.common(), parties=party_lines(f))


def _identity(f: Filling) -> Sheet:
    words = f.words
    checks = tuple(
        sheets.IdentityLine(
            role=words.word(SIDES[each.side]),
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
        principals=tuple(party_line(each, f.words) for each in principals),
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
    confirmed = [words.word("read_back" if found.read_back else "not_read_back")]
    if found.refused:
        confirmed.append(words.word("refused_record", who=words.listed(found.refused)))
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
        read_back="\n".join(filter(None, confirmed)),
        parties=party_lines(f),
    )


def _agreement(f: Filling) -> Sheet:
    agreement, words = f.source.agreement, f.words
    assert agreement is not None
    # Who left before is no party to it.
    parties = party_lines(f, staying=True)
    return sheets.Agreement(
        **f.common(),
        parties=parties,
        extent=words.word("agreed_part" if agreement.partial else "agreed_full"),
        facts=companion(agreement.facts, agreement.facts_companion, words),
        points=companion(agreement.points, agreement.points_companion, words),
        responsibility=companion(agreement.responsibility, agreement.responsibility_companion, words),
        clauses=clause_lines(agreement, words),
        made=words.day(agreement.made_on),
        effective=words.day(agreement.effective_at),
        # Each party and the committee keep one (人民调解法 art. 29).
        copies=words.word("count", n=len(parties) + 1),
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
        # They apply together: both are applicants (民事诉讼法 art. 205).
        parties=tuple(replace(each, role=words.word("side_applicant")) for each in party_lines(f, staying=True)),
        clauses=clause_lines(agreement, words),
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
    **letters.FILLERS,
}
