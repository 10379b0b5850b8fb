"""`accord clock due`: a due date and how every day counts towards it, without a server."""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from accord.rules_place import every_problem_printed, rules_folder
from casework.clocks.calendar import LOCAL, Calendar
from casework.clocks.clock import Projection, project
from casework.clocks.explanation import ExplainedDay, Verdict, explain
from casework.clocks.ledger import Entry, Extended, Paused, Restarted, Resumed, Started
from casework.clocks.rule import ExtensionKind, Rule
from casework.clocks.rule_book import RuleBook, UnknownRule
from casework.units import UnknownUnit, level_of
from services.kit.rules.counting import load_counting

clock_app = typer.Typer(help="Compute deadlines, offline.", no_args_is_help=True)

_PAUSE = re.compile(r"(?P<begin>.+?)\.\.(?P<end>.*?)(?::(?P<cause>[A-Za-z_][\w-]*))?")
_WIDE = 170
_STYLES = {
    Verdict.counted: "bold", Verdict.extended: "bold cyan", Verdict.paused: "yellow",
    Verdict.interrupted: "dim yellow", Verdict.rolled_over: "magenta", Verdict.rolled_to: "bold magenta",
}  # fmt: skip


class Refused(Exception):
    """The question cannot be answered."""


@dataclass
class Question:
    """The question: the rule and its place, the resulting ledger, and warnings."""

    rule: Rule
    calendar: Calendar
    ledger: list[Entry]
    warnings: list[str] = field(default_factory=list)


@clock_app.callback()
def clocks() -> None:
    """Compute deadlines, offline."""


@clock_app.command()
def due(
    rule: Annotated[str, typer.Option(help="Name of a rule: `accord rules list` has them.")],
    start: Annotated[str, typer.Option(help="Date or ISO time; without an offset, time in China.")],
    pause: Annotated[
        list[str] | None,
        typer.Option(help="FROM..TO:CAUSE, repeatable: the clock is paused from FROM and resumes on the day TO."),
    ] = None,
    extend: Annotated[list[int] | None, typer.Option(help="More time in the rule's unit, repeatable.")] = None,
    restart: Annotated[
        list[str] | None, typer.Option(help="ON:CAUSE, repeatable: the whole time starts again on that day (中断).")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Code of a unit or area, for its holidays and rules.")] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Rules folder; by default ACCORD_RULES or the shipped one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print when it is due, and what was done with every day: counted, skipped, paused or rolled."""
    with every_problem_printed():
        loaded = load_counting(rules_folder(rules))
    try:
        began = instant(start)
        found, warnings = choose(loaded.clocks, rule, region, began.date())
        place = region if region is not None else found.jurisdiction
        question = Question(found, loaded.calendars.of(place), [_started(began)], warnings)
        for text in pause or ():
            _add_pause(question, text)
        for amount in extend or ():
            _add_extension(question, amount)
        for text in restart or ():
            _add_restart(question, text)
        projection = project(question.rule, question.ledger, question.calendar)
        explanation = explain(question.rule, question.ledger, question.calendar)
    except (Refused, UnknownRule) as error:
        _end(str(error))
    except (OverflowError, ValueError):
        _end("a date of this count is beyond the calendar")
    if projection.provisional:
        question.warnings.append("provisional: it depends on a year without a published list of holidays")
    if as_json:
        typer.echo(json.dumps(_as_data(question, projection, explanation), ensure_ascii=False, indent=2))
    else:
        _show(question, projection, explanation)


def instant(text: str) -> datetime:
    """Return the local instant that a date or an ISO time names; Refused if it is neither."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"{text!r} is neither a date (2026-09-03) nor a time (2026-09-03T14:30)") from None
    return at.replace(tzinfo=LOCAL) if at.tzinfo is None else at.astimezone(LOCAL)


def choose(book: RuleBook, name: str, region: str | None, day: date) -> tuple[Rule, list[str]]:
    """Return the rule for the place and the day, and warnings; UnknownRule or Refused if there is none."""
    if name not in book.names():
        near = ", ".join(difflib.get_close_matches(name, book.names(), n=4)) or "see `accord rules list`"
        raise Refused(f"there is no rule {name!r}; perhaps: {near}")
    warnings = []
    if region is not None:
        try:
            level_of(region)
        except UnknownUnit:
            raise Refused(f"{region!r} is not the code of a unit or an area") from None
    try:
        rule = book.get(name, region, day)
    except UnknownRule:
        rule = book.get(name, None, day)
        warnings.append(f"{name} applies in {rule.jurisdiction}, not in {region}")
    if not rule.valid_on(day):
        early = rule.valid_from is not None and day < rule.valid_from
        bound = (
            f"not yet in force: valid from {rule.valid_from}"
            if early
            else f"valid to {rule.valid_to} only, starts no clock"
        )
        since = f"; since then it is {rule.successor}" if rule.is_over(day) and rule.successor else ""
        warnings.append(f"{name} is not in force on {day}: {bound}{since}")
    if rule.to_be_confirmed:
        warnings.append(f"{name} is to be confirmed: {rule.note or rule.basis}")
    return rule, warnings


def _started(at: datetime) -> Started:
    return Started(seq=1, at=at, recorded_at=at)


def _add_pause(question: Question, text: str) -> None:
    match = _PAUSE.fullmatch(text.strip())
    if match is None:
        raise Refused(f"{text!r} is not FROM..TO:CAUSE")
    allowed = [each.cause for each in question.rule.pauses]
    cause = match["cause"] or (allowed[0] if len(allowed) == 1 else None)
    listed = (
        f"{question.rule.name} pauses for {', '.join(allowed)}" if allowed else f"{question.rule.name} never pauses"
    )
    if cause is None:
        raise Refused(f"{text!r} names no cause; {listed}")
    if cause not in allowed:
        raise Refused(f"{cause!r} is not a cause to pause: {listed}")
    begin = instant(match["begin"])
    # A date is the whole day; the start may have been later on the same day.
    started = question.ledger[0].at
    if begin.date() < started.date():
        raise Refused(f"the pause from {match['begin']} begins before the start")
    begin = max(begin, started)
    seq = len(question.ledger) + 1
    question.ledger.append(Paused(seq=seq, at=begin, recorded_at=begin, cause=cause))
    if match["end"]:
        end = instant(match["end"])
        if end < begin and end.date() != begin.date():
            raise Refused(f"the pause {text!r} ends before it begins")
        end = max(end, begin)
        question.ledger.append(Resumed(seq=seq + 1, at=end, recorded_at=end, of=seq))


def _add_extension(question: Question, amount: int) -> None:
    if amount < 1:
        raise Refused("an extension must be at least 1")
    rule = question.rule
    allowed = rule.extensions[0] if rule.extensions else None
    given = sum(isinstance(entry, Extended) for entry in question.ledger)
    if allowed is None:
        question.warnings.append(f"{rule.name} allows no extension")
    elif allowed.n is not None and amount > allowed.n:
        question.warnings.append(f"{rule.name} allows an extension of {allowed.n} {rule.unit} at most")
    elif allowed.times is not None and given >= allowed.times:
        question.warnings.append(f"{rule.name} allows {allowed.times} extension(s)")
    started = question.ledger[0].at
    kind = allowed.kind if allowed else ExtensionKind.once
    entry = Extended(seq=len(question.ledger) + 1, at=started, recorded_at=started, amount=amount, how=kind)
    question.ledger.append(entry)


def _add_restart(question: Question, text: str) -> None:
    on, _, cause = text.strip().partition(":") if "T" not in text else text.strip().rpartition(":")
    rule = question.rule
    allowed = ", ".join(each.cause for each in rule.restarts)
    if rule.restart(cause) is None:
        raise Refused(f"{rule.name} restarts for {allowed}" if allowed else f"{rule.name} never restarts")
    at = max(instant(on), question.ledger[0].at)
    if instant(on).date() < question.ledger[0].at.date():
        raise Refused(f"the restart on {on} is before the start")
    due = project(rule, question.ledger, question.calendar).due
    if due is not None and at > due:
        raise Refused(f"the deadline passed on {due:%Y-%m-%d}: the clock cannot restart on {on}")
    seq = len(question.ledger) + 1
    question.ledger.append(Restarted(seq=seq, at=at, recorded_at=at, cause=cause, evidence="asked"))


def _as_data(question: Question, projection: Projection, explanation: tuple[ExplainedDay, ...]) -> dict[str, Any]:
    rule = question.rule
    return {
        "rule": rule.name,
        "version": rule.version,
        "n": rule.n,
        "unit": rule.unit,
        "basis": rule.basis,
        "confidence": rule.confidence,
        "jurisdiction": rule.jurisdiction,
        "region": question.calendar.region or "cn",
        "calendar_version": question.calendar.version,
        "start": projection.started_at.isoformat(),
        "state": projection.state,
        "raw_due": projection.raw_due.isoformat() if projection.raw_due else None,
        "due": projection.due.isoformat() if projection.due else None,
        "provisional": projection.provisional,
        "rungs": [
            {"name": rung.name, "at": rung.at.isoformat(), "kind": rung.kind, "consequence": rung.consequence}
            for rung in projection.rungs
        ],
        "explanation": [_day(day) for day in explanation],
        "warnings": question.warnings,
    }


def _day(day: ExplainedDay) -> dict[str, Any]:
    data: dict[str, Any] = {
        "date": day.date.isoformat(),
        "weekday": day.weekday,
        "verdict": day.verdict,
        "count": day.number,
        "of": day.of,
        "why_zh": day.why_zh,
        "why_en": day.why_en,
        "day_kind": day.kind,
        "name_zh": day.name,
        "name_en": day.name_en,
        "layer": day.layer,
        "cause": day.cause,
        "provisional": day.provisional,
    }
    if day.spans:
        data["spans"] = [[begin.isoformat(), end.isoformat()] for begin, end in day.spans]
    return data


def _show(question: Question, projection: Projection, explanation: tuple[ExplainedDay, ...]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    rule = question.rule
    console.print(f"[bold]{rule.name}[/] {rule.zh} · {rule.en}")
    console.print(f"{rule.n} {rule.unit}, {rule.basis} ({rule.confidence})")
    for warning in question.warnings:
        console.print(f"[yellow]warning:[/] {warning}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    # Both languages if there is room, else the terminal's.
    chinese = os.environ.get("LANG", "").startswith("zh")
    reasons = ("why", "中文") if console.width >= _WIDE else ("中文",) if chinese else ("why",)
    for column, width in (("day", 12), ("", 3), ("count", 5), ("verdict", 14)):
        table.add_column(column, no_wrap=True, min_width=width)
    for column in reasons:
        table.add_column(column, overflow="fold")
    for day in explanation:
        number = "" if day.number is None else f"{day.number}/{day.of}"
        doubt = " ?" if day.provisional else ""
        table.add_row(
            f"{day.date}{doubt}", day.weekday, number, str(day.verdict),
            *({"why": day.why_en, "中文": day.why_zh}[column] for column in reasons),
            style=_STYLES.get(day.verdict, "dim"),
        )  # fmt: skip
    console.print(table)
    summary = Table(box=None, show_header=False, pad_edge=False)
    summary.add_row("start", _said(projection.started_at))
    summary.add_row("raw due", _said(projection.raw_due))
    summary.add_row(
        "[bold]due[/]", f"[bold]{_said(projection.due)}[/]{' provisional' if projection.provisional else ''}"
    )
    for rung in projection.rungs:
        summary.add_row(rung.name, f"{_said(rung.at)}  {rung.consequence}")
    console.print(summary)


def _said(at: datetime | None) -> str:
    return "none while it is paused" if at is None else f"{at:%Y-%m-%d %a %H:%M:%S}"


def _end(message: str) -> NoReturn:
    typer.echo(f"accord clock: {message}", err=True)
    raise typer.Exit(2)
