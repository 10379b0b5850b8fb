"""A list of holidays in a file of the operator's: read as a layer of the calendar, or refused with every fault."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

import typer

from casework.clocks.calendar import Layer
from services.kit.rules.calendar_lists import FORMS, read_list
from services.kit.rules.problem import Problem

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def read_file(file: Path, region: str) -> tuple[Layer, bytes]:
    """Return a list as a layer, with its bytes; if it is invalid, end the command and name every line at fault."""
    problems: list[Problem] = []
    try:
        content = file.read_bytes()
    except OSError as error:
        _refuse([Problem(str(file), 1, f"cannot be read: {error.strerror}")])
    if file.suffix not in FORMS:
        _refuse([Problem(str(file), 1, f"must be one of {', '.join(FORMS)}")])
    if not _FILE_NAME.fullmatch(file.name) or file.name == "sources.yaml":
        _refuse([Problem(str(file), 1, "needs a name of ASCII letters, digits, dots and hyphens, not sources.yaml")])
    layer = read_list(str(file), content, file.suffix, region, f"{region}/{file.name}".lstrip("/"), problems)
    if layer is None:
        _refuse(problems)
    return layer, content


def _refuse(problems: list[Problem]) -> NoReturn:
    for problem in problems:
        typer.echo(str(problem), err=True)
    raise typer.Exit(1)
