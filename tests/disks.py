"""Disks that a test may fill: in memory, mounted while they are used. Mounting needs root rights."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def a_disk(at: Path, size: str) -> Iterator[Path]:
    """Mount a disk of this size and return its folder."""
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte and return what fills it."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (64 << 20, 1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
        with contextlib.suppress(OSError):
            while file.write(b"0"):
                pass
    return filler
