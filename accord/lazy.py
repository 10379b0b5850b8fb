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
    "demo": ("demo_command", "demo", "Start a stack, play a day of disputes through it, and check the result."),
    "sandbox": ("sandbox_command", "sandbox", "Start a stack, fill a county, print tokens of every role."),
    "import": ("import_command", "import_", "Import reports of another system from a CSV, XLSX or JSON file."),
    "partners": ("partners_command", "partners_app", "Hand on the items of a partner that cannot call by itself."),
    "run": ("run_command", "run", "Run one process in the foreground, from its environment."),
    "keys": ("run_command", "make_keys", "Make the keys of an installation that `accord up` does not run."),
    "namespace": (
        "run_command",
        "prepare_namespace",
        "Make Accord's namespace in Temporal, with its search attributes.",
    ),
    "verify": ("history_command", "verify_history", "Check the chains of events and their seals."),
    "rebuild": ("history_command", "rebuild_workflows", "Start missing workflows again from the facts."),
    "migrate": ("history_command", "migrate_database", "Migrate the database to this version's schema."),
    "backup": ("backup_command", "backup", "Back up the database and the evidence, or check a backup."),
    "restore": ("backup_command", "restore", "Restore a backup into an empty place."),
    "maintenance": ("maintenance_command", "maintenance_app", "Refuse writes for a while, with a reason."),
    "units": ("units_command", "units_app", "Hand what is open at one unit to its successor."),
    "consumers": ("consumers_command", "consumers_app", "How far consumers have read the feeds; read some again."),
    "rekey": ("rekey_command", "rekey_app", "Change the master key while everything runs."),
    "rules": ("rules_command", "rules_app", "Check rules, list and show them."),
    "facts": ("facts_command", "facts_app", "The read model of supervision."),
    "clock": ("clock_command", "clock_app", "Compute deadlines, offline."),
    "clocks": ("clocks_command", "clocks_app", "The clocks of a running stack."),
    "plans": ("plans_command", "plans_app", "Move running cases to another version of a plan type."),
    "case-file": ("case_file_command", "case_file_app", "Check a portable case file, offline; have it taken in."),
    "login": ("login_command", "login", "Sign in, and act as yourself from then on."),
    "logout": ("login_command", "logout", "Forget the stored token."),
    "whoami": ("login_command", "whoami", "Show who is signed in, as the server sees it."),
    "account": ("login_command", "account", "Make a service account of the demo issuer."),
    "people": ("people_command", "people", "Enter posts and absences from a file."),
    "calendar": ("calendar_command", "calendar_app", "Check the calendars, and import lists of holidays."),
}
"""Module of `accord.commands`, the command in it, and its help line, by name."""


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
        found = getattr(import_module(f"accord.commands.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(str(self.name))(found)
            found = alone
        return built(found).make_context(info_name, args, parent=parent, **extra)
