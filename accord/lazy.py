"""Commands that are loaded when called: `--help`, which only names them, imports none of their modules."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from typer.main import get_command as built

if TYPE_CHECKING:
    from typer._click import Command, Context

COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "demo": ("accord.demo_command", "demo", "Start a stack, play a day of disputes through it, and check the result."),
    "import": ("accord.import_command", "import_", "Import reports of another system from a CSV, XLSX or JSON file."),
    "verify": ("accord.history_command", "verify_history", "Check the chains of events and their seals."),
    "rebuild": ("accord.history_command", "rebuild_workflows", "Start missing workflows again from the facts."),
    "migrate": ("accord.history_command", "migrate_database", "Migrate the database to this version's schema."),
    "rules": ("accord.rules_command", "rules_app", "Check rules, list and show them."),
    "facts": ("accord.facts_command", "facts_app", "The read model of supervision."),
    "clock": ("accord.clock_command", "clock_app", "Compute deadlines, offline."),
    "clocks": ("accord.clocks_command", "clocks_app", "The clocks of a running stack."),
    "plans": ("accord.plans_command", "plans_app", "Move running cases to another version of a plan type."),
    "calendar": ("accord.calendar_command", "calendar_app", "Check the calendars, and import lists of holidays."),
}
"""Module, the command in it, and its help line, by name."""


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and help line, and imports one when it is run."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of all commands."""
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a command, a stand-in where it is not yet loaded."""
        return Later(cmd_name) if cmd_name in COMMANDS else super().get_command(ctx, cmd_name)


class Later(typer.core.TyperCommand):
    """A placeholder for a command until it is run."""

    def __init__(self, name: str) -> None:
        super().__init__(name, help=COMMANDS[name][2], rich_markup_mode=None)

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: object
    ) -> Context:
        """Load the command and continue with it."""
        module, attribute, _ = COMMANDS[str(self.name)]
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(str(self.name))(found)
            found = alone
        return built(found).make_context(info_name, args, parent=parent, **extra)
