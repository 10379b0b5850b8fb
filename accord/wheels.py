"""Builds the wheels: `accord`, and `accord-protos` and `accord-client` for those who only call it.

Run as `python -m accord.wheels FOLDER`; `make wheel` does. The same tree and the same SOURCE_DATE_EPOCH (by default the
time of the last commit) give the same bytes.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from accord import stubs
from accord.places import ROOT

PROTOS = ROOT / "build" / "protos"
"""Where proto/pyproject.toml finds the stubs."""
PROJECTS = (ROOT, stubs.PROTO, stubs.CLIENT)
"""What a wheel is built of each."""


def build(folder: Path, projects: tuple[Path, ...] = PROJECTS) -> None:
    """Write the wheels into a folder; who builds at the same time in this tree waits."""
    environment = {"SOURCE_DATE_EPOCH": commit_time()} | os.environ
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder.resolve())]
    PROTOS.parent.mkdir(exist_ok=True)
    with (PROTOS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stubs.package(PROTOS)
        stubs.calls(stubs.CALLS)
        for project in projects:
            subprocess.run(command, cwd=project, env=environment, check=True)


def commit_time() -> str:
    """Return SOURCE_DATE_EPOCH, or the time of the last commit, in seconds since 1970.

    Where there is no git, as in an unpacked archive, it is that of no day in particular.
    """
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    told = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "1577836800"


if __name__ == "__main__":
    build(Path(sys.argv[1]))
