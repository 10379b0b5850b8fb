"""Why a clock has its date, in one sentence, and what moved it: for people who do not need a table of days."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from casework.clocks.calendar import LOCAL, Calendar
from casework.clocks.clock import read
from casework.clocks.explanation import COUNTED, Verdict, explain
from casework.clocks.ledger import Extended, ExtensionRevoked, Ledger, Paused, Restarted, Resumed
from casework.clocks.rule import ExtensionKind, Rule, Unit

_UNITS = {
    Unit.hour: ("小时", "hour", "hours"),
    Unit.calendar: ("天", "day", "days"),
    Unit.working: ("个工作日", "working day", "working days"),
    Unit.month: ("个月", "month", "months"),
}
_HOW = {
    ExtensionKind.head_approval: ("经负责人批准", "approved by the head of the unit"),
    ExtensionKind.superior_approval: ("经上一级批准", "approved one level up"),
    ExtensionKind.once: ("经告知", "with notice"),
    ExtensionKind.consent_of_all: ("经各方同意", "by consent of all parties"),
}


class Change(NamedTuple):
    """What moved a date: words in Chinese and in English, since when, and until when for a pause that ended."""

    zh: str
    en: str
    since: datetime
    until: datetime | None


def amount(n: int, unit: Unit, language: str) -> str:
    """Return `3个工作日` or `3 working days`."""
    zh, one, many = _UNITS[unit]
    return f"{n} {one if n == 1 else many}" if language == "en" else f"{n}{zh}"


def sentence(rule: Rule, ledger: Ledger, calendar: Calendar, language: str) -> str:
    """Return how a date is counted: `3个工作日，自2026年11月2日起；其中2天休息日不计…`."""
    whole = read(ledger)
    start = (whole.restarts[-1].at if whole.restarts else whole.started).astimezone(LOCAL).date()
    if whole.until is not None:
        return "the date promised before it came here" if language == "en" else "转来以前已经承诺的日期"
    days = Counter(each.verdict for each in explain(rule, ledger, calendar))
    off = days[Verdict.day_off] + days[Verdict.rolled_over]
    extra = sum(each.amount for each in _in_force(ledger))
    counted = sum(days[each] for each in COUNTED)
    if language == "en":
        parts = [f"{amount(rule.n, rule.unit, language)} from {start.isoformat()}"]
        parts += [f"extended by {amount(extra, rule.unit, language)}"] if extra else []
        parts += [f"{amount(off, Unit.calendar, language)} off not counted"] if off else []
        parts += [f"{amount(days[Verdict.paused], Unit.calendar, language)} paused"] if days[Verdict.paused] else []
        parts += [f"{counted} counted in all"] if rule.unit is Unit.working else []
        return "; ".join(parts)
    parts = [f"{amount(rule.n, rule.unit, language)}，自{start.year}年{start.month}月{start.day}日起"]
    parts += [f"延长{amount(extra, rule.unit, language)}"] if extra else []
    parts += [f"其间{off}天休息日不计"] if off else []
    parts += [f"中止{days[Verdict.paused]}天不计"] if days[Verdict.paused] else []
    parts += [f"共计{counted}个工作日"] if rule.unit is Unit.working else []
    return "；".join(parts)


def changes(rule: Rule, ledger: Ledger) -> list[Change]:
    """Return the pauses, extensions in force and restarts of a clock, in the order of the ledger."""
    ended = {each.of: each.at for each in ledger if isinstance(each, Resumed)}
    found = [_pause(rule, each, ended) for each in ledger if isinstance(each, Paused)]
    for each in _in_force(ledger):
        zh, en = _HOW[each.how]
        more_zh, more_en = amount(each.amount, rule.unit, "zh"), amount(each.amount, rule.unit, "en")
        found.append(Change(f"延长{more_zh}，{zh}", f"extended by {more_en}, {en}", each.at, None))
    for again in ledger:
        if isinstance(again, Restarted):
            cause = rule.restart(again.cause)
            zh, en = (cause.zh, cause.en) if cause else (again.cause, again.cause)
            found.append(Change(f"因{zh}重新起算", f"counted anew because of {en}", again.at, None))
    return sorted(found, key=lambda change: change.since)


def _pause(rule: Rule, paused: Paused, ended: dict[int | None, datetime]) -> Change:
    cause = rule.pause(paused.cause)
    zh, en = (cause.zh, cause.en) if cause else (paused.cause, paused.cause)
    return Change(f"因{zh}中止", f"paused because of {en}", paused.at, ended.get(paused.seq, ended.get(None)))


def _in_force(ledger: Ledger) -> list[Extended]:
    revoked = {each.of for each in ledger if isinstance(each, ExtensionRevoked)}
    return [each for each in ledger if isinstance(each, Extended) and each.seq not in revoked]
