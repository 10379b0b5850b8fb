"""Following a runbook: its commands are run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from accord.embedded.engines.postgres import wheel_binaries

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = ROOT / "docs" / "runbooks.md"


def blocks(page: str) -> list[str]:
    """Return the blocks of commands on a page of the runbooks."""
    (section,) = re.findall(
        rf"^## {re.escape(page)}\n(.*?)(?=^## |\Z)", RUNBOOKS.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    found = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    assert found, f"no commands under {page}"
    return found


async def follow(page: str, step: int = 0, **variables: str | Path) -> str:
    """Run one block of a page, with these shell variables; return what it wrote. AssertionError where it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(wheel_binaries()), os.environ["PATH"]])
    ran = await asyncio.to_thread(
        subprocess.run, ["bash", "-euo", "pipefail", "-c", blocks(page)[step]],
        env={**os.environ, **{name: str(each) for name, each in variables.items()}, "PATH": path},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, f"{page}:\n{blocks(page)[step]}\n{ran.stdout[-3000:]}"
    return str(ran.stdout)
