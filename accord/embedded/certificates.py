"""Where the certificates of a stack lie: `ca.pem`, and for each process `NAME.pem` and `NAME.key`, in one folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accord.embedded.folder import StackError
from services.kit.serving.tls import Tls

FOLDER = "ACCORD_TLS_FOLDER"
OWN = "cli"
"""The name under which the command line and the supervisor call the services."""


def environment(name: str, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that give a process its certificate; none where no folder of certificates is set."""
    folder = (settings or {}).get(FOLDER) or os.environ.get(FOLDER)
    if not folder:
        return {}
    files = {"CERT": f"{name}.pem", "KEY": f"{name}.key", "CA": "ca.pem"}
    return {f"ACCORD_TLS_{each}_FILE": str(Path(folder).resolve() / file) for each, file in files.items()}


def settings() -> dict[str, Any]:
    """Return the settings that give the command line its certificate, by name; none for plain or what is set anyway."""
    return {name.removeprefix("ACCORD_").lower(): Path(file) for name, file in environment(OWN).items()}


def own(settings: Mapping[str, str] | None = None) -> Tls | None:
    """Return what this process calls the services with, None for plain. Raises StackError for a missing file."""
    named = environment(OWN, settings) or os.environ
    files = [named.get(f"ACCORD_TLS_{each}_FILE") for each in ("CERT", "KEY", "CA")]
    if not all(files):
        return None
    try:
        return Tls.read(*(Path(file) for file in files if file))
    except OSError as error:
        raise StackError(f"{error.filename}: {error.strerror}") from None
