"""`accord rules`: check a rules folder before it is used, and list its content."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from accord.rules_place import SHIPPED, every_problem_printed, rules_folder
from casework.clocks.rule import Rule
from casework.clocks.rule_data import to_data
from casework.door.category import Category
from casework.mediation.plan import PlanTemplate
from casework.units import DIGITS
from services.kit.rules import Rules, load_rules

__all__ = ["SHIPPED", "load_or_exit", "rules_app", "rules_folder"]

rules_app = typer.Typer(help="Check and list the rules.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Argument(help="Rules folder; by default ACCORD_RULES or the shipped one.")]


@rules_app.command()
def check(folder: Folder = None) -> None:
    """Check a rules folder: exit 0 and a summary, or exit 1 and every problem with its file and line."""
    path = rules_folder(folder)
    started = time.perf_counter()
    rules = load_or_exit(path)
    seconds = time.perf_counter() - started
    console = Console(soft_wrap=True)
    console.print(f"[bold green]{path}[/]: version {rules.version}, valid, read in {seconds:.2f} s", highlight=False)
    counts = ", ".join(f"{len(rules.units.codes(level)):,} {level}" for level in list(DIGITS)[1:])
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("units", f"{counts}; {len(rules.units.departments)} departments by rule")
    table.add_row("categories", f"{len(rules.categories)} in {len(rules.categories.children())} branches")
    table.add_row("triage", f"{rules.triage.name} {rules.triage.version}, {len(rules.triage.rows)} rows")
    table.add_row("ledger", f"{rules.matters.name} {rules.matters.version}, {len(rules.matters.rows)} rows")
    table.add_row("plans", ", ".join(f"{plan.name} ({len(plan.tasks)})" for plan in rules.plans))
    confirm = sum(rule.to_be_confirmed for rule in rules.clocks)
    table.add_row("limits", f"{len(rules.clocks)} time limit rules, {confirm} of them to be confirmed")
    table.add_row("ladders", ", ".join(f"{ladder.name} {ladder.version}" for ladder in rules.ladders))
    years = sorted(rules.calendars.of().years)
    table.add_row("calendars", f"{years[0]}-{years[-1]}, {len(rules.calendars.layers)} lists")
    languages = ", ".join(sorted(rules.documents.wordings))
    table.add_row("documents", f"{len(rules.documents.templates)} templates in {languages}")
    table.add_row("meetings", ", ".join(f"{each.name} (every {each.every})" for each in rules.rhythms.values()))
    table.add_row("clusters", f"{rules.clusters.version}, {rules.clusters.window_days} days")
    table.add_row("backlog", f"{rules.backlog.version}, from {rules.backlog.over_days} days")
    table.add_row("fields", ", ".join(each.zh for each in rules.fields.fields))
    table.add_row("letters", f"{len(rules.letters.book)} triggers of supervision letters")
    table.add_row("notices", f"{len(rules.notices)} notices to reporters and parties")
    table.add_row("filing", f"{len(rules.filing.numbers)} numbers to call, open at {', '.join(rules.filing.doors)}")
    table.add_row("public", f"{len(rules.public.offered(rules.categories))} kinds of matter")
    table.add_row("likeness", f"{rules.likeness.version}, floor {rules.likeness.least_alike:g}")
    console.print(table)


@rules_app.command("publish")
def publish_plan(
    file: Annotated[Path, typer.Argument(help="A draft of a plan type, in plans/ of its rules folder.")],
) -> None:
    """Publish a draft of a plan type and retire the version before it; services read both when they start."""
    from services.kit.rules.publishing import publish

    with every_problem_printed():
        published, retired = publish(file)
    typer.echo(f"published {published}" + (f", retired {retired}" if retired else ""))


@rules_app.command("list")
def list_rules(
    folder: Folder = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array, one object per time limit rule.")
    ] = False,
) -> None:
    """List the time limit rules; without --json also categories, grading, plans and ladders."""
    rules = load_or_exit(rules_folder(folder))
    if as_json:
        typer.echo(json.dumps([_limit(rule) for rule in rules.clocks], ensure_ascii=False, indent=2))
        return
    console = Console(soft_wrap=True)
    for table in (_categories(rules), _triage(rules), _plans(rules), _ladders(rules), _limits(rules)):
        console.print(table)


@rules_app.command("show")
def show_rules(
    folder: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Show categories, grading and plans; as JSON also units and departments."""
    rules = load_or_exit(rules_folder(folder))
    if as_json:
        typer.echo(json.dumps(_as_data(rules), ensure_ascii=False, indent=2))
        return
    console = Console(soft_wrap=True)
    for table in (_categories(rules), _triage(rules), _plans(rules)):
        console.print(table)


def load_or_exit(path: Path) -> Rules:
    """Return the rules of the folder, or print every problem and end with code 1."""
    with every_problem_printed():
        return load_rules(path)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _categories(rules: Rules) -> Table:
    table = _table("categories", "id", "zh", "en", "department", "plan")
    for each in rules.categories:
        table.add_row(each.id, each.zh, each.en, each.department or "", each.template)
    return table


def _triage(rules: Rules) -> Table:
    table = _table(f"triage {rules.triage.name} {rules.triage.version}", "row", "grade", "zh", "en")
    for number, row in enumerate(rules.triage.rows, start=1):
        table.add_row(str(number), row.grade, row.zh, row.en)
    return table


def _plans(rules: Rules) -> Table:
    table = _table("plans", "name", "version", "state", "categories", "grades", "tasks: unit, days")
    for plan in rules.plans.versions.values():
        tasks = ", ".join(f"{task.key} ({task.unit}, {task.due_days})" for task in plan.tasks)
        categories, grades = " ".join(plan.categories), " ".join(_grades(plan))
        table.add_row(plan.name, plan.version, plan.state, categories, grades, tasks)
    return table


def _ladders(rules: Rules) -> Table:
    table = _table(
        "ladders", "name", "version", "where", "categories", "inside a unit: limit", "levels: seen, dealt with"
    )
    for ladder in rules.ladders:
        offices = ", ".join(f"{office.key}: {office.limit}" for office in ladder.offices)
        steps = ", ".join(f"{step.level} ({step.mode}): {step.acknowledge}, {step.resolve}" for step in ladder.steps)
        marked = f"{ladder.version}{' (to be confirmed)' if ladder.to_be_confirmed else ''}"
        table.add_row(ladder.name, marked, ladder.jurisdiction, " ".join(ladder.categories), offices, steps)
    return table


def _limits(rules: Rules) -> Table:
    table = _table("limits", "name", "n", "roll", "from", "where", "valid", "confidence", "basis")
    for rule in rules.clocks:
        valid = f"{rule.valid_from or ''}..{rule.valid_to or ''}" if rule.valid_from or rule.valid_to else ""
        confidence = f"{rule.confidence}{' (to be confirmed)' if rule.to_be_confirmed else ''}"
        table.add_row(
            rule.name, f"{rule.n} {rule.unit}", "" if rule.roll == "none" else "rolls", rule.trigger,
            rule.jurisdiction, valid, confidence, rule.basis,
        )  # fmt: skip
    return table


def _limit(rule: Rule) -> dict[str, Any]:
    return to_data(rule) | {"consumer": rule.trigger.consumer}


def _grades(plan: PlanTemplate) -> list[str]:
    return [grade for grade in ("low", "medium", "high") if grade in plan.grades]


def _as_data(rules: Rules) -> dict[str, Any]:
    return {
        "version": rules.version,
        "units": {str(level): len(rules.units.codes(level)) for level in DIGITS},
        "departments": {slug: each.zh for slug, each in rules.units.departments.items()},
        "categories": [_category(each) for each in rules.categories],
        "triage": {
            "name": rules.triage.name,
            "version": rules.triage.version,
            "rows": [{"grade": row.grade, "zh": row.zh, "en": row.en} for row in rules.triage.rows],
        },
        "plans": [_plan(each) for each in rules.plans.versions.values()],
    }


def _category(each: Category) -> dict[str, Any]:
    return {"id": each.id, "zh": each.zh, "en": each.en, "department": each.department, "template": each.template}


def _plan(plan: PlanTemplate) -> dict[str, Any]:
    tasks = [
        {"key": task.key, "zh": task.zh, "en": task.en, "unit": task.unit, "due_days": task.due_days}
        | {"evidence_zh": task.evidence_zh, "evidence_en": task.evidence_en, "milestone": task.milestone}
        for task in plan.tasks
    ]
    return {
        "name": plan.name,
        "version": plan.version,
        "state": str(plan.state),
        "zh": plan.zh,
        "en": plan.en,
        "categories": list(plan.categories),
        "grades": _grades(plan),
        "tasks": tasks,
    }
