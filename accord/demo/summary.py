"""The summary: what the services say of the day, for a person to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2
from rich.console import Console
from rich.table import Table

from accord.demo.comparison import Comparison
from accord.demo.partnered import Partnered
from accord.demo.play import Played
from accord.demo.record import Record, Told
from accord.demo.words import Narrator
from casework.clocks.calendar import LOCAL
from casework.names import last
from casework.units import UnitTree, level_of
from services.kit.instants import instant

_GRADES = {report_pb2.GRADE_LOW: "low", report_pb2.GRADE_MEDIUM: "medium", report_pb2.GRADE_HIGH: "high"}
_ANSWERS = ("ReportAccepted", "ReportDeclined", "ReportMerged")
_MOST_LINES = 12


class Summary:
    """Prints one part after the other."""

    def __init__(self, console: Console, record: Record, comparison: Comparison, units: UnitTree) -> None:
        self._console = console
        self._record = record
        self._comparison = comparison
        self._units = units

    def print(
        self, played: Played, speed: float, measures: dict[str, str], partners: Sequence[Partnered] = ()
    ) -> None:  # fmt: skip
        """Print all parts; `measures` word the tasks of the sample case."""
        self._head(played, speed)
        self._sources()
        self._grades()
        self._outcomes()
        self._deadlines()
        self._escalations()
        self._duplicates()
        self._timeline(measures)
        self._checks(played)
        self._partners(partners)

    def say(self, line: str = "", style: str = "") -> None:
        """Print one line."""
        self._console.print(line, style=style or None, markup=False, soft_wrap=True)

    def _head(self, played: Played, speed: float) -> None:
        first = min((instant(each.receive_time) for each in self._record.reports.values()), default=played.began_at)
        last_at = max((event.at for event in self._record.events), default=played.began_at)
        self.say()
        self.say(
            f"{len(self._record.reports)} reports of {first.astimezone(LOCAL):%A %d %B %Y}, followed for "
            f"{(last_at - first).days} business days, until {last_at.astimezone(LOCAL):%d %B}.", "bold"
        )  # fmt: skip
        self.say(f"All times are business time: 1 real second = {pace_in_words(speed)}; {played.seconds:.0f} s passed.")
        self.say("Every number is read back from the services.")

    def _sources(self) -> None:
        table = _table("Where they came from", "reports", "low", "medium", "high", "accepted", "declined", "merged")
        reports = self._record.reports.values()
        names = Counter(_channel(each) for each in reports)
        for name, count in [*names.most_common(), ("all", len(reports))]:
            of = [each for each in reports if name in ("all", _channel(each))]
            grades = Counter(_GRADES[each.triage.grade] for each in of)
            states = Counter(each.state for each in of)
            table.add_row(
                name, *map(_number, (count, *(grades[grade] for grade in _GRADES.values()),
                                     states[report_pb2.REPORT_STATE_ACCEPTED],
                                     states[report_pb2.REPORT_STATE_DECLINED],
                                     states[report_pb2.REPORT_STATE_MERGED])),
                end_section=name == names.most_common()[-1][0], style="bold" if name == "all" else None,
            )  # fmt: skip
        self._show(table)

    def _grades(self) -> None:
        table = _table("By grade", "reports", "first answer", "longest", "cases", "closed", "days open", "longest")
        answers = self._first_answers()
        for grade, name in _GRADES.items():
            reports = [each for each in self._record.reports.values() if each.triage.grade == grade]
            hours = [answers[each.name] for each in reports if each.name in answers]
            cases = [each for each in self._record.cases.values() if each.grade == grade]
            closed = [each for each in cases if each.HasField("close_time")]
            days = [_span(each).total_seconds() / 86400 for each in closed]
            table.add_row(
                name, str(len(reports)), _hours(median(hours) if hours else None), _hours(max(hours, default=None)),
                str(len(cases)), str(len(closed)), _days(median(days) if days else None),
                _days(max(days, default=None)),
            )  # fmt: skip
        self._show(table)

    def _first_answers(self) -> dict[str, float]:
        """Return the hours from receipt to the first answer, by report."""
        found: dict[str, float] = {}
        for event in self._record.of(*_ANSWERS):
            name = f"reports/{last(event.case)}"
            report = self._record.reports.get(name)
            if report is not None and name not in found:
                found[name] = (event.at - instant(report.receive_time)).total_seconds() / 3600
        return found

    def _outcomes(self) -> None:
        table = _table("How they were meant to end", "meant", "came so", "differs")
        for outcome, meant in self._comparison.meant.most_common():
            came = self._comparison.came[outcome]
            table.add_row(outcome.replace("_", " "), str(meant), str(came), _number(meant - came))
        self._show(table)
        closed = Counter(
            case_pb2.Outcome.Name(each.outcome).removeprefix("OUTCOME_").lower().replace("_", " ")
            for each in self._record.cases.values() if each.stage == case_pb2.STAGE_CLOSED
        )  # fmt: skip
        self.say(f"  {sum(closed.values())} of {len(self._record.cases)} cases are closed: {_listed(closed)}.")
        self.say(
            "  'performed', 'agreed' and 'confirmed' all close as agreed; the last task's evidence tells them apart."
        )

    def _deadlines(self) -> None:
        table = _table("Deadlines", "clocks", "met in time", "reminders", "overdue", "met late", "no longer needed")
        reminders = Counter(str(event.payload["rule"]) for event in self._record.of("ClockReminded"))
        overdue = Counter(str(event.payload["rule"]) for event in self._record.of("ClockOverdue"))
        for rule in dict.fromkeys(each.rule for each in self._record.clocks):
            of = [each for each in self._record.clocks if each.rule == rule]
            met = [each for each in of if each.state == 2]
            late = sum(each.overdue for each in met)
            cancelled = sum(each.state == 3 for each in of)
            table.add_row(
                rule, *map(_number, (len(of), len(met) - late, reminders[rule], overdue[rule], late, cancelled))
            )
        self._show(table)

    def _escalations(self) -> None:
        table = _table("Escalations, one level up", "raised", "acknowledged", "resolved", "after")
        found = self._record.escalations
        by_level = Counter(level_of(last(each.to_unit)).name for each in found)
        for level, count in by_level.most_common():
            of = [each for each in found if level_of(last(each.to_unit)).name == level]
            seen = [each for each in of if each.HasField("acknowledge_time")]
            resolved = [each for each in of if each.HasField("resolve_time")]
            hours = [(instant(e.resolve_time) - instant(e.create_time)).total_seconds() / 3600 for e in resolved]
            table.add_row(f"to the {level}", *map(_number, (count, len(seen), len(resolved))),
                          _hours(median(hours) if hours else None))  # fmt: skip
        if found:
            self._show(table)
        else:
            self.say("\n  Nothing was escalated.")

    def _duplicates(self) -> None:
        told_again, merged = self._comparison.meant["merged"], self._comparison.came["merged"]
        events = len(self._record.of("ReportMerged"))
        self.say(
            f"\n  Told twice: {told_again}; suggested by the search and merged by a person: {merged} "
            f"({events} merges in the histories)."
        )

    def _timeline(self, measures: dict[str, str]) -> None:
        case = sample(self._record)
        if case is None:
            return
        narrator = Narrator(self._units, measures)
        self.say()
        self.say(f"The life of {case.name}, as recorded by all three services", "bold")
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="dim")
        table.add_column(no_wrap=True, style="cyan")
        table.add_column(overflow="fold")
        table.add_column(style="dim", overflow="fold")
        for event in sorted(self._record.by_case()[case.name], key=lambda event: event.since):
            style = "red" if event.kind in ("ClockOverdue", "EscalationRaised") else None
            table.add_row(local(event.since), event.service, narrator.tell(event), narrator.who(event), style=style)
        self._console.print(table)

    def _checks(self, played: Played) -> None:
        self.say()
        self.say("What was checked", "bold")
        for verdict in self._record.verdicts:
            checked = f"{verdict.events} events of {verdict.cases} cases, {verdict.seals} seals"
            state = f"BROKEN: {verdict.broken}" if verdict.broken else "sound"
            self.say(f"  history of {verdict.service:<11} {state}   ({checked})", "red" if verdict.broken else "")
        stand = ", ".join(f"{count} {name.lower()}" for name, count in sorted(self._record.workflows.items()))
        open_cases = sum(each.stage != case_pb2.STAGE_CLOSED for each in self._record.cases.values())
        self.say(f"  workflows in Temporal   {stand or 'none'}; open cases in mediation: {open_cases}")
        self._unmeant(played)
        self._lines("cases in an order that cannot be", self._comparison.odd, "red")
        self._lines("lost", self._comparison.lost, "red")
        self._lines("different from what was meant", self._comparison.differences, "yellow")
        self._lines("calls that were refused", played.trouble, "yellow")
        if not self._comparison.lost:
            self.say(f"  nothing that was received is lost ({len(self._record.reports)} reports)", "green")
        if self._comparison.open:
            self.say(f"  cases left unfinished   {self._comparison.open}", "red")
        elif not self._comparison.odd:
            self.say("  every case was carried to its end, each event in an order that can be", "green")

    def _partners(self, partners: Sequence[Partnered]) -> None:
        """Say what came of the items of partners, whose systems lose, repeat and lie."""
        table = _table(
            "Partners, whose systems lose, repeat and lie", "items", "wrong", "taken in", "lies", "refused", "attached",
            "compared", "returned and told", "letters back",
        )  # fmt: skip
        for each in partners:
            day = each.day
            table.add_row(
                self._units.known(day.unit).name,
                *map(_number, (day.items, day.wrong, len(day.taken), day.lies, day.lies_refused, len(day.attached),
                               day.rounds, each.told, len(day.dockings))),
            )  # fmt: skip
        if not partners:
            return
        self._show(table)
        uneven = [self._units.known(each.day.unit).name for each in partners if not each.even]
        if uneven:
            self.say(f"  lost, twice or not told: {', '.join(uneven)}", "red")
        else:
            self.say("  no item is lost and none is there twice; every partner was told of every one", "green")
            self.say("  receipt and term of every letter came back to the court and to the police", "green")

    def _unmeant(self, played: Played) -> None:
        """Say which deadlines passed that nobody had meant to let pass."""
        meant = {
            f"cases/{last(played.names[number])}" for number, told in played.arrivals.by_number.items()
            if told.outcome == "overdue" and number in played.names
        }  # fmt: skip
        overdue = self._record.of("ClockOverdue")
        rest = [event for event in overdue if event.case not in meant and event.case.startswith("cases/")]
        drafts = {event.case for event in overdue if event.case.startswith("letters/")}
        cases = len({event.case for event in overdue} & meant)
        passed = sum(event.case in meant for event in overdue)
        self.say(f"  deadlines that passed   {passed}, in cases that were left undone: {cases}")
        if drafts:
            self.say(
                f"                          letters drafted, and left for people to sign or discard: {len(drafts)}"
            )
        if rest:
            self.say(
                f"                          {len(rest)} elsewhere: people or machine were too slow for them", "yellow"
            )

    def _lines(self, title: str, lines: list[str], style: str) -> None:
        if not lines:
            return
        self.say(f"  {title}: {len(lines)}", style)
        for line in lines[:_MOST_LINES]:
            self.say(f"    {line}")
        if len(lines) > _MOST_LINES:
            self.say(f"    and {len(lines) - _MOST_LINES} more")

    def _show(self, table: Table) -> None:
        self._console.print()
        self._console.print(table)


def sample(record: Record) -> case_pb2.Case | None:
    """Return the case that shows most in fewest lines: one that was escalated and is closed, if there is one."""
    lives = record.by_case()

    def rank(case: case_pb2.Case) -> tuple[int, int, int, int]:
        services = {event.service for event in lives[case.name]}
        kinds = {event.kind for event in lives[case.name]}
        return (
            -len(services),
            after_the_end(lives[case.name]),
            -len(kinds & {"ClockReminded", "ClockOverdue", "EscalationResolved"}),
            len(lives[case.name]),
        )

    closed = [each for each in record.cases.values() if each.stage == case_pb2.STAGE_CLOSED]
    return min(closed or record.cases.values(), key=rank, default=None)


def after_the_end(events: list[Told]) -> int:
    """Return how much is told after the case was closed: on a slow machine what was on its way comes late."""
    kinds = [event.kind for event in events]
    return len(kinds) - 1 - kinds.index("CaseClosed") if "CaseClosed" in kinds else 0


def pace_in_words(speed: float) -> str:
    """Return how much business time a real second holds."""
    if speed < 120:
        return f"{speed:g} business seconds"
    return f"{speed / 60:.0f} business minutes" + (f" ({speed / 3600:.1f} hours)" if speed >= 7200 else "")


def local(at: datetime) -> str:
    """Return a business instant as people write it."""
    return f"{at.astimezone(LOCAL):%a %d %b %H:%M}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", min_width=12)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _channel(report: report_pb2.Report) -> str:
    return report_pb2.Channel.Name(report.channel).removeprefix("CHANNEL_").lower()


def _span(case: case_pb2.Case) -> timedelta:
    return instant(case.close_time) - instant(case.open_time)


def _number(value: int) -> str:
    return str(value) if value else "·"


def _hours(value: float | None) -> str:
    return "·" if value is None else f"{value:.1f} h"


def _days(value: float | None) -> str:
    return "·" if value is None else f"{value:.1f}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


__all__ = ["Summary", "Told", "local", "pace_in_words", "sample"]
