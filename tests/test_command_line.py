"""The command line: simple commands load little, and errors are one line."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from accord.cli import app
from accord.lazy import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "grpc", "sqlalchemy", "temporalio", "yaml", "protovalidate", "google.protobuf", "cryptography", "jwt",
    "openpyxl", "lxml", "asyncpg", "alembic", "icalendar", "httpx", "cedarpy", "docx", "fastapi", "jinja2", "services",
)  # fmt: skip


def imported_by(*words: str) -> set[str]:
    """Return what of the heavy modules a command imports, run in a process of its own."""
    told = (
        "import sys; sys.argv = ['accord', *sys.argv[1:]]\n"
        "from accord.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('IMPORTED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", told, *words], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    return set(found.stdout.rpartition("IMPORTED")[2].split())


@pytest.mark.fault("E10")
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("token", "--help"), ("status", "--help")])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    assert imported_by(*words) == set()


@pytest.mark.fault("E10")
def test_a_date_is_counted_without_server_engine_and_database() -> None:
    found = imported_by("clock", "due", "--rule", "accept", "--start", "2026-09-30")
    assert not found & {
        "grpc",
        "sqlalchemy",
        "temporalio",
        "asyncpg",
        "alembic",
        "openpyxl",
        "lxml",
        "httpx",
        "docx",
        "icalendar",
        "jinja2",
    }


@pytest.mark.fault("E10")
def test_a_date_is_counted_with_limits_and_calendars_and_nothing_else_of_the_rules() -> None:
    told = (
        "import pathlib, sys; from accord.cli import main; opened = set(); read = pathlib.Path.read_bytes\n"
        "pathlib.Path.read_bytes = lambda path: (opened.add(path.parts[-2]), read(path))[1]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('READ', *opened, *(name for name in sys.modules if name.startswith('services.kit.rules.')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", told, "clock", "due", "--rule", "accept", "--start", "2026-09-30"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    read = set(found.stdout.rpartition("READ")[2].split())
    folders = {each for each in read if not each.startswith("services")}
    assert folders == {"limits", "calendars"}
    modules = {each.rpartition(".")[2] for each in read - folders}
    assert modules == {
        "counting", "limits", "calendars", "calendar_lists", "folder", "document", "models", "problem",
    }  # fmt: skip


@pytest.mark.fault("E10")
@pytest.mark.parametrize("name", [*COMMANDS])
def test_every_command_that_is_loaded_late_has_the_help_of_its_own(name: str) -> None:
    found = CliRunner().invoke(app, [name, "--help"])
    assert found.exit_code == 0
    assert f"accord {name}" in found.output or f" {name} " in found.output


@pytest.mark.fault("E10")
def test_the_version_is_printed_either_way() -> None:
    asked = CliRunner().invoke(app, ["--version"])
    assert (asked.exit_code, asked.output) == (0, CliRunner().invoke(app, ["version"]).output)


@pytest.mark.fault("E10")
@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://somebody:secret@127.0.0.1:1/none"])
def test_migrate_without_a_database_says_so_in_one_line(url: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "accord.cli", "migrate"], capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "ACCORD_DATABASE_URL": url},
    )  # fmt: skip
    assert found.returncode == 2
    assert found.stderr.startswith("accord: ")
    assert len(found.stderr.splitlines()) == 1
    assert "secret" not in found.stderr


# --- docs that can be typed -------------------------------------------------------------------------------------------


def commands_in_docs() -> list[tuple[str, list[str]]]:
    """Return every `accord ...` that stands in a block or in the text of README and docs, with its page."""
    found: list[tuple[str, list[str]]] = []
    pages = [*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")]
    for page in (each for each in pages if "transcript" not in each.name):
        text = page.read_text("utf-8")
        lines = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", text)
        for line in lines:
            typed = re.match(r"\s*(?:\$ )?(?:\.venv/bin/)?accord ([a-z].*)", line)
            if typed and not re.search(r"[一-龥]", typed[1].split("#")[0]):
                words = shlex.split(typed[1].split("|")[0], comments=True)
                found.append((page.name, words))
    return found


def options_of(words: list[str]) -> tuple[str, list[str]]:
    """Return the help of the command that some words name, which says what options exist, and the options named."""
    path: list[str] = []
    for word in words:
        if word.startswith("-") or not re.fullmatch(r"[a-z][a-z-]*", word) or len(path) == 2:
            break
        path.append(word)
    for length in (len(path), 1):
        found = CliRunner().invoke(app, [*path[:length], "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"})
        if found.exit_code == 0:
            break
    assert found.exit_code == 0, f"there is no command accord {' '.join(words)}"
    return found.output, [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]


@pytest.mark.fault("E10")
def test_every_command_in_the_docs_can_be_typed() -> None:
    commands = commands_in_docs()
    assert len(commands) > 20
    for page, words in commands:
        help_text, options = options_of(words)
        for option in options:
            assert option in help_text, f"{page}: accord {' '.join(words)}: there is no {option}"


@pytest.mark.fault("E10")
def test_what_the_docs_type_without_a_stack_runs() -> None:
    offline = [words for _, words in commands_in_docs() if words[:2] in (["clock", "due"], ["rules", "list"])]
    for words in (each for each in offline if ("--rule" in each and "--start" in each) or "list" in each):
        found = CliRunner().invoke(app, words)
        assert found.exit_code == 0, f"accord {' '.join(words)}: {found.output}"
