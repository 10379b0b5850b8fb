"""The programs of Accord's six processes, by name, and how Python is told to run one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from accord.places import search_path

PROGRAMS: Mapping[str, str] = {
    "intake": "services.intake.main",
    "mediation": "services.mediation.main",
    "escalation": "services.escalation.main",
    "worker": "workflows.worker",
    "relay": "workflows.relay",
    "gateway": "services.gateway.main",
}


def command(name: str) -> tuple[str, ...]:
    """Return the command line of a process."""
    return (sys.executable, "-P", "-m", PROGRAMS[name])  # -P: not from the folder the command was called in


def python_path() -> str:
    """Return the value of PYTHONPATH that it needs."""
    # Before the environment's own: a package there may be called `services` as well.
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([*search_path(), inherited] if inherited else search_path())
