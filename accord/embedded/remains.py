"""What a dead supervisor left running in its state folder."""

from __future__ import annotations

import signal

from accord.embedded.engines.postgres import remains
from accord.embedded.folder import StateFolder, read_json
from accord.embedded.process import end, is_same


def end_remains(folder: StateFolder) -> list[str]:
    """End every process a dead supervisor left in this folder; answers a line for each kind that was found."""
    lines = []
    recorded = {name: (entry["pid"], entry["mark"]) for name, entry in read_json(folder.processes).items()}
    living = {name: who for name, who in recorded.items() if is_same(*who) and name != "postgres"}
    if living:
        who = ", ".join(f"{name} (pid {pid})" for name, (pid, _) in living.items())
        lines.append(f"stopping what it left running: {who}")
        end(dict(living.values()), signal.SIGTERM, 10)
    servers = remains(folder.postgres)
    if servers:
        lines.append(f"stopping the PostgreSQL it left running ({len(servers)} processes)")
        end(servers, signal.SIGQUIT, 10)
    folder.processes.unlink(missing_ok=True)
    return lines
