"""`accord calendar`: shows which years are known and which list is missing, and imports a new one."""

from __future__ import annotations

import json
import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from accord.calendar_file import read_file
from accord.commands.rules_command import load_or_exit, rules_folder
from casework.clocks.calendar import LOCAL, Calendar, CalendarBook, DayKind, Layer
from casework.units import UnknownUnit, level_of

calendar_app = typer.Typer(help="Check the calendars, and import lists of holidays.", no_args_is_help=True)

Region = Annotated[str | None, typer.Option(help="Code of a unit or area; by default the nation.")]
RulesOption = Annotated[
    Path | None, typer.Option("--rules", help="Rules folder; by default ACCORD_RULES or the shipped one.")
]


@calendar_app.command()
def check(
    year: Annotated[int | None, typer.Option(min=1949, max=2200, help="Show only this year, day by day.")] = None,
    region: Region = None,
    rules: RulesOption = None,
    today: Annotated[str | None, typer.Option(help="Check as of this date instead of today's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print the years of the calendar. Exit code 1: a list is missing, this year's or from November on the next."""
    _known_area(region)
    book = load_or_exit(rules_folder(rules)).calendars
    calendar = book.of(region or "")
    missing = book.missing_year(_today(today))
    years = [year] if year is not None else sorted(calendar.years)
    rows = [_year(calendar, each) for each in years]
    if as_json:
        days = [_day(calendar, each) for each in years] if year is not None else None
        data = {"region": calendar.region or "cn", "version": calendar.version, "missing_year": missing, "years": rows}
        typer.echo(json.dumps(data | ({"days": days[0]} if days else {}), ensure_ascii=False, indent=2))
    else:
        _show(calendar, rows, year)
    if missing is not None:
        typer.echo(
            f"ALARM: there is no list of holidays for {missing}; dates in it are provisional. "
            "Import the notice: accord calendar import FILE",
            err=True,
        )
        raise typer.Exit(1)


@calendar_app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="A list as YAML, JSON in the form of holiday-cn, or iCal.")],
    region: Region = None,
    rules: RulesOption = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what it would change, and change nothing.")] = False,
) -> None:
    """Check a list and add it to rules/calendars, for the nation or an area; show which days it changes."""
    _known_area(region)
    folder = rules_folder(rules)
    book = load_or_exit(folder).calendars
    place = "" if region in (None, "cn") else str(region)
    layer, content = read_file(file, place)
    target = folder / "calendars" / layer.name
    for line in changes(book, layer):
        typer.echo(line)
    if preview:
        typer.echo(f"preview: {target} was not written")
        return
    replaced = target.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written to another file and moved, so that a service that starts meanwhile never reads half a list.
    aside = target.with_name(f".{target.name}")
    aside.write_bytes(content)
    os.replace(aside, target)
    typer.echo(f"{'replaced' if replaced else 'wrote'} {target}; services read it when they start")


def changes(book: CalendarBook, layer: Layer) -> list[str]:
    """Return in words what the layer changes: years published, and days that become days off or working days."""
    before, after = book.of(layer.region), book.with_layer(layer).of(layer.region)
    lines = [f"publishes {year}" for year in sorted(after.years - before.years)]
    said = {*layer.closed, *layer.open}
    said |= {day.date for year in layer.years for each in (before, after) for day in each.days_of(year)}
    for day in sorted(said):
        old, new = before.day(day), after.day(day)
        if old.working != new.working:
            lines.append(f"{day} {day:%a}: {'working day' if new.working else 'day off'} ({new.name} {new.name_en})")
    return lines or ["changes no day"]


def _known_area(region: str | None) -> None:
    try:
        level_of(region or "cn")
    except UnknownUnit:
        typer.echo(f"accord calendar: {region!r} is not the code of a unit or an area", err=True)
        raise typer.Exit(2) from None


def _today(text: str | None) -> date:
    if text is None:
        return datetime.now(LOCAL).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        typer.echo(f"accord calendar: {text!r} is not a date", err=True)
        raise typer.Exit(2) from None


def _year(calendar: Calendar, year: int) -> dict[str, Any]:
    days = calendar.days_of(year)
    layers = sorted({layer.name for layer in calendar.layers if year in layer.years} | {day.layer for day in days})
    return {
        "year": year,
        "published": calendar.published(year),
        "working_days": calendar.working_days(year),
        "holidays": sum(day.kind is DayKind.holiday for day in days),
        "makeup_days": sum(day.kind is DayKind.makeup for day in days),
        "sources": layers,
    }


def _day(calendar: Calendar, year: int) -> list[dict[str, Any]]:
    return [
        {"date": day.date.isoformat(), "working": day.working, "kind": day.kind, "zh": day.name, "en": day.name_en}
        | {"layer": day.layer, "provisional": day.provisional}
        for day in calendar.days_of(year)
    ]


def _show(calendar: Calendar, rows: list[dict[str, Any]], year: int | None) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"calendar of {calendar.region or 'cn'}, version {calendar.version}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("year", "working days", "days off listed", "make-up days", "source"):
        table.add_column(column)
    for row in rows:
        source = ", ".join(row["sources"]) + ("" if row["published"] else " (provisional: no list)")
        table.add_row(str(row["year"]), str(row["working_days"]), str(row["holidays"]), str(row["makeup_days"]), source)
    console.print(table)
    if year is not None:
        for day in calendar.days_of(year):
            console.print(f"{day.date} {day.date:%a} {day.kind:<8} {day.name} {day.name_en} ({day.layer})")


def _add_moves() -> None:
    """Add the commands that move the clocks of a running stack, from the module that imports this one."""
    from accord.commands.clocks_command import apply_calendar, preview_calendar

    calendar_app.command("preview")(preview_calendar)
    calendar_app.command("apply")(apply_calendar)


_add_moves()
