"""Start a stack in the background and come back when it serves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from accord.embedded.folder import StackError, StateFolder, read_json
from accord.embedded.supervisor import last_lines

_STOP_SECONDS = 60.0


def start_detached(folder: StateFolder, arguments: Sequence[str]) -> int:
    """Run `accord up` with these arguments in a session of its own; answers its pid once the stack is ready.

    Raises StackError with its last words if it ends before. The stack itself bounds how long its start may take.
    """
    folder.create()
    log = folder.log("up")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "accord.cli", "up", "--state", str(folder.root), *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        while process.poll() is None:
            facts = read_json(folder.stack)
            if facts.get("pid") == process.pid and facts.get("ready"):
                process.returncode = 0  # it stays; without this Popen would warn of a child it has lost sight of
                return process.pid
            time.sleep(0.1)
    except KeyboardInterrupt:
        process.terminate()
        process.wait(_STOP_SECONDS)
        raise
    raise StackError("\n".join(last_lines(log, 15)) or f"the stack ended with code {process.returncode}; see {log}")
