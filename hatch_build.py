"""What the wheel depends on: the packages of requirements.in, each in the version of requirements.lock."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Pins(MetadataHookInterface):
    """Fills `dependencies`: an installed Accord stands on what its tests ran on."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies; a package without a line in the lock is an error."""
        root = Path(self.root)
        locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (root / "requirements.lock").read_text("utf-8"), re.M))
        asked = re.findall(r"^([\w.-]+)(\[[\w,-]+\])?", (root / "requirements.in").read_text("utf-8"), re.M)
        metadata["dependencies"] = [f"{name}{extra}=={locked[name.lower()]}" for name, extra in asked]
