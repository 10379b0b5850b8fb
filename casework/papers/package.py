"""Reproducible ZIP packages: Word files, the dossier; and one that is made while it is sent."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer

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


MANIFEST = "manifest.json"


class _Sink(io.RawIOBase):
    """Holds what was written until it is taken; it cannot be gone back in."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        """Hold some bytes."""
        self._held += data
        return memoryview(data).nbytes

    def take(self) -> bytes:
        """Return what is held."""
        taken, self._held = bytes(self._held), bytearray()
        return taken


class Parcel:
    """A ZIP of files that come in parts, of which no more is held than a part; it ends with a manifest of hashes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)
        self._open: IO[bytes] | None = None
        self._files: list[dict[str, Any]] = []
        self._hash = hashlib.sha256()
        self._size = 0

    def begin(self, name: str) -> None:
        """Begin the next file."""
        self._finish()
        entry = zipfile.ZipInfo(name, _BEGINNING)
        entry.external_attr = 0o600 << 16
        self._open, self._hash, self._size = self._zip.open(entry, "w"), hashlib.sha256(), 0
        self._files.append({"file": name})

    def add(self, chunk: bytes) -> bytes:
        """Add a part to the file that was begun; return what is ready of the package."""
        assert self._open is not None, "a file was begun"
        self._open.write(chunk)
        self._hash.update(chunk)
        self._size += len(chunk)
        return self._sink.take()

    def missing(self, name: str) -> None:
        """Note that a file is damaged or gone."""
        self._finish()
        self._files.append({"file": name, "missing": True})

    def end(self) -> bytes:
        """Return the rest of the package, with the manifest in it."""
        self._finish()
        told = json.dumps({"name": self._name, "files": self._files}, ensure_ascii=False, indent=2)
        self._zip.writestr(zipfile.ZipInfo(MANIFEST, _BEGINNING), told.encode())
        self._zip.close()
        return self._sink.take()

    def _finish(self) -> None:
        if self._open is not None:
            self._open.close()
            self._files[-1] |= {"size": self._size, "sha256": self._hash.hexdigest()}
            self._open = None
