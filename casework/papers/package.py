"""Reproducible ZIP packages: Word files, the dossier."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

_BEGINNING = (1980, 1, 1, 0, 0, 0)


def package(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a ZIP of the files, in this order; the same files always give the same bytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _BEGINNING)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            target.writestr(entry, content)
    return held.getvalue()


def packed(content: bytes) -> bytes:
    """Return a package with its parts unchanged and without any timestamps."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return package((name, source.read(name)) for name in source.namelist())
