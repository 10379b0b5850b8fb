"""Where a command reads its rules from, and how it ends if they do not load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from accord.places import RULES
from services.kit.rules import RulesError

SHIPPED = RULES


def rules_folder(given: Path | None) -> Path:
    """Return the given folder, else that of ACCORD_RULES, else the shipped one."""
    return given or Path(os.environ.get("ACCORD_RULES") or SHIPPED)


@contextmanager
def every_problem_printed() -> Iterator[None]:
    """Print every problem of rules that do not load, and exit with code 1."""
    try:
        yield
    except RulesError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        count = len(error.problems)
        typer.echo(f"{count} problem{'s' if count > 1 else ''}: these rules do not load", err=True)
        raise typer.Exit(1) from None
