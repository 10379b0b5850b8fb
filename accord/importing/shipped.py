"""The mappings that come with Accord. Imports nothing heavy: the command line names them in its help."""

from __future__ import annotations

from accord.places import RULES

SHIPPED = RULES / "imports"


def shipped() -> list[str]:
    """Return the names of the shipped mappings."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))
