"""Which entries a ledger accepts: the rule's limits on starting, pausing, resuming, extending and ending a clock."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta, tzinfo

from casework.clocks.calendar import LOCAL, Calendar
from casework.clocks.clock import Projection, extensions, project
from casework.clocks.ledger import (
    Entry,
    Extended,
    ExtensionRevoked,
    Ledger,
    Paused,
    Reopened,
    Restarted,
    Resumed,
    Started,
    ending,
    in_order,
)
from casework.clocks.rule import ExtensionKind, Rule
from casework.clocks.spell import Spell, spells
from casework.errors import CaseError, Reason, field_error


def check(
    rule: Rule,
    ledger: Ledger,
    entry: Entry,
    now: datetime,
    calendar: Calendar,
    parties: Collection[str] = (),
    zone: tzinfo = LOCAL,
) -> None:
    """Raise a CaseError naming the field for an entry that the rule does not allow.

    `parties` are those whose consent an extension by consent needs; if empty, at least one consent must be given.
    """
    _check_state(ledger, entry)
    _check_instant(ledger, entry, now)
    if not isinstance(entry, (Started, Restarted)):
        check_bound(rule, entry.at, now, calendar, zone)
    if isinstance(entry, Paused):
        _check_pause(rule, ledger, entry, calendar, zone)
    elif isinstance(entry, Resumed):
        _check_resumption(ledger, entry)
    elif isinstance(entry, Restarted):
        _check_restart(rule, ledger, entry, calendar, zone)
    elif isinstance(entry, Extended):
        _check_extension(rule, ledger, entry, calendar, parties, zone)
    elif isinstance(entry, ExtensionRevoked) and entry.of not in {each.seq for each in extensions(ledger)}:
        raise field_error("of", Reason.EXTENSION_NOT_FOUND)


def _check_state(ledger: Ledger, entry: Entry) -> None:
    if any(each.seq >= entry.seq for each in ledger):
        raise field_error("seq", Reason.INVALID_FIELD, "numbers must increase")
    if isinstance(entry, Started):
        if ledger:
            raise CaseError(Reason.WRONG_STATE, "started")
    elif not ledger or (ending(ledger) is not None) is not isinstance(entry, Reopened):
        raise CaseError(Reason.CLOCK_NOT_RUNNING)


def _check_instant(ledger: Ledger, entry: Entry, now: datetime) -> None:
    if entry.at > now:
        raise field_error("at", Reason.IN_THE_FUTURE)
    started = next((each.at for each in ledger if isinstance(each, Started)), None)
    if started is not None and entry.at < started:
        raise field_error("at", Reason.BEFORE_START)


def check_bound(rule: Rule, at: datetime, now: datetime, calendar: Calendar, zone: tzinfo = LOCAL) -> None:
    """Refuse an entry recorded later after its effective instant than the rule's limit for backdating.

    This applies to entries only: a start or a restart has the date of an external event, which the office does not set.
    """
    last = last_day_to_enter(rule, at, calendar, zone)
    if now.astimezone(zone).date() > last:
        raise CaseError(
            Reason.BACKDATED_TOO_FAR,
            f"{at.astimezone(zone).date()} + {rule.backdate_days} d = {last}",
            field_error("at", Reason.BACKDATED_TOO_FAR).fields,
            field="at",
            allowed=str(rule.backdate_days),
        )


def last_day_to_enter(rule: Rule, at: datetime, calendar: Calendar, zone: tzinfo = LOCAL) -> date:
    """Return the last day on which something of this instant may be entered; a day off moves it on (民法典 203)."""
    return calendar.next_working(at.astimezone(zone).date() + timedelta(days=rule.backdate_days))


def _check_pause(rule: Rule, ledger: Ledger, entry: Paused, calendar: Calendar, zone: tzinfo) -> None:
    if rule.pause(entry.cause) is None:
        allowed = ", ".join(each.cause for each in rule.pauses)
        fields = field_error("cause", Reason.PAUSE_CAUSE_NOT_ALLOWED).fields
        raise CaseError(Reason.PAUSE_CAUSE_NOT_ALLOWED, entry.cause, fields, field="cause", allowed=allowed)
    if any(each.cause == entry.cause for each in _open_at(ledger, entry.at)):
        raise field_error("cause", Reason.CLOCK_PAUSED, entry.cause)
    # A cap may have ended a pause since: then the due date is known although nobody recorded a resumption.
    due = project(rule, ledger, calendar, zone).due
    if due is not None and entry.at > due:
        raise field_error("at", Reason.PAUSE_AFTER_DUE)


def _check_resumption(ledger: Ledger, entry: Resumed) -> None:
    lasting = _open_at(ledger, entry.at)
    if not lasting or (entry.of is not None and entry.of not in {each.seq for each in lasting}):
        raise field_error("of" if entry.of is not None else "at", Reason.CLOCK_NOT_PAUSED)
    if entry.of is None and len(lasting) > 1:
        raise _ambiguous(lasting)


def pause_ended(ledger: Ledger, at: datetime, of: int = 0, cause: str = "") -> int | None:
    """Return the number of the pause that ends at this instant; None if no such pause is open.

    It is named by number or cause, or is the only open one; a CaseError if several could be meant.
    """
    lasting = [each for each in _open_at(ledger, at) if of in (0, each.seq) and cause in ("", each.cause)]
    if len(lasting) > 1:
        raise _ambiguous(lasting)
    return lasting[0].seq if lasting else None


def _ambiguous(lasting: list[Spell]) -> CaseError:
    named = ", ".join(f"{each.seq} {each.cause}" for each in lasting)
    fields = field_error("of", Reason.PAUSE_AMBIGUOUS).fields
    return CaseError(Reason.PAUSE_AMBIGUOUS, named, fields, field="of", pauses=named)


def _check_restart(rule: Rule, ledger: Ledger, entry: Restarted, calendar: Calendar, zone: tzinfo) -> None:
    if rule.restart(entry.cause) is None:
        allowed = ", ".join(each.cause for each in rule.restarts)
        fields = field_error("cause", Reason.RESTART_CAUSE_NOT_ALLOWED).fields
        raise CaseError(Reason.RESTART_CAUSE_NOT_ALLOWED, entry.cause, fields, field="cause", allowed=allowed)
    if not entry.evidence.strip():
        raise field_error("evidence", Reason.EVIDENCE_REQUIRED)
    due = project(rule, ledger, calendar, zone).due
    if due is not None and entry.at > due:
        raise field_error("at", Reason.RESTART_AFTER_DUE)


def _open_at(ledger: Ledger, at: datetime) -> list[Spell]:
    """Return the pauses that are open at the instant."""
    return [each for each in spells(in_order(ledger)) if each.begin <= at and (each.end is None or at < each.end)]


def _check_extension(
    rule: Rule, ledger: Ledger, entry: Extended, calendar: Calendar, parties: Collection[str], zone: tzinfo
) -> None:
    allowed = rule.extension(entry.how)
    if allowed is None:
        raise field_error("how", Reason.EXTENSION_NOT_ALLOWED, str(entry.how))
    if entry.amount < 1:
        raise field_error("amount", Reason.INVALID_FIELD)
    if allowed.n is not None and entry.amount > allowed.n:
        raise field_error("amount", Reason.EXTENSION_TOO_LONG, f"{entry.amount} > {allowed.n}")
    given = sum(each.how == entry.how for each in extensions(ledger))
    if allowed.times is not None and given >= allowed.times:
        raise field_error("how", Reason.EXTENSION_USED_UP, str(allowed.times))
    approved = entry.how in (ExtensionKind.head_approval, ExtensionKind.superior_approval)
    if approved and not entry.approver.strip():
        raise field_error("approver", Reason.APPROVER_REQUIRED)
    if entry.how is not ExtensionKind.consent_of_all and not entry.reason.strip():
        raise field_error("reason", Reason.REASON_REQUIRED)
    if entry.how is ExtensionKind.consent_of_all and (not entry.consents or set(parties) - set(entry.consents)):
        raise field_error("consents", Reason.CONSENT_MISSING)
    projection: Projection = project(rule, ledger, calendar, zone)
    if projection.due is not None and entry.at > projection.due:
        raise field_error("at", Reason.EXTENSION_AFTER_DUE)
