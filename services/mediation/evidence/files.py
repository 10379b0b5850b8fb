"""The folder of evidence files: each is stored encrypted under its own SHA-256, completely or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from casework.errors import CaseError, Reason

_YOUNG = 3600.0
"""Seconds for which a file nobody refers to may belong to a command that has not committed."""


class Files:
    """Stores and returns encrypted files, without knowing cases or keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> bytes:
        """Store encrypted data and return its SHA-256, which identifies it; safe to repeat."""
        digest = hashlib.sha256(data)
        target = self._path(digest.digest())
        if target.exists():
            return digest.digest()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        self._sync(target.parent)
        return digest.digest()

    def get(self, stored_hash: bytes) -> bytes:
        """Return a stored file; FILE_DAMAGED where it is missing or not what was stored."""
        try:
            data = self._path(stored_hash).read_bytes()
        except FileNotFoundError:
            raise CaseError(Reason.FILE_DAMAGED) from None
        if hashlib.sha256(data).digest() != stored_hash:
            raise CaseError(Reason.FILE_DAMAGED)
        return data

    def remove(self, hashes: Iterable[bytes]) -> None:
        """Remove stored files for good; missing ones are ignored. Their key is destroyed."""
        for digest in hashes:
            path = self._path(digest)
            path.unlink(missing_ok=True)
            self._sync(path.parent)

    def old(self) -> list[bytes]:
        """Return the hashes of files too old to belong to a running command: an hour old."""
        return [bytes.fromhex(path.name) for path in self._stored(old=True)]

    def clean(self, kept: Collection[bytes], candidates: Collection[bytes]) -> int:
        """Remove leftover drafts and those of the candidates that nothing refers to; return how many."""
        removed = 0
        for digest in set(candidates) - set(kept):
            self._path(digest).unlink(missing_ok=True)
            removed += 1
        for draft in self._folder.glob("??/.*"):
            if self._is_old(draft):
                draft.unlink(missing_ok=True)
                removed += 1
        return removed

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name

    def _stored(self, *, old: bool) -> Iterator[Path]:
        for path in self._folder.glob("??/[0-9a-f]*"):
            if len(path.name) == 64 and (not old or self._is_old(path)):
                yield path

    @staticmethod
    def _is_old(path: Path, clock: Callable[[], float] = time.time) -> bool:
        try:
            return clock() - path.stat().st_mtime > _YOUNG
        except OSError:
            return False

    @staticmethod
    def _sync(folder: Path) -> None:
        """Make a rename last through a loss of power."""
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
