"""The container: a ZIP file of which every byte follows from the names and contents of its files.

Files are stored as they are, not compressed; nothing says when or by whom it was packed. So the same files give the
same bytes, whatever is not written here is a change, and no file can unpack to more than what was sent.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MOST_FILES, MOST_BYTES = 60_000, 4_000_000_000
"""What a ZIP file without extensions has room for, with some to spare."""
_MOST_LISTED, _LARGEST = 0xFFFF, 0xFFFFFFFF
"""What its fields can count at all."""
_BLOCK = 1024 * 1024
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_VERSION, _UTF8, _STORED = 20, 0x800, 0
_MIDNIGHT, _IN_1980 = 0, 33
_ON_UNIX, _READABLE = 3 << 8, 0o100600 << 16
_PART = r"[a-z0-9][a-z0-9._-]{0,60}"
NAME = re.compile(rf"([0-9]{{6}}-[0-9]{{4}}-[0-9]{{6,9}})/({_PART}(?:/{_PART}){{0,2}})", re.ASCII)
"""A file's name: in the folder of its case, at most two folders deeper, of plain characters. None leads out of it."""


class ContainerError(Exception):
    """The file is not a container as it is written here; `name` is the file in it where that shows."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in a container: where its content is, and its hash."""

    name: str
    offset: int
    size: int
    sha256: str


class Container:
    """Writes a container, one file after the other."""

    def __init__(self) -> None:
        self._directory = bytearray()
        self._offset = self._files = 0

    def begin(self, name: str, checksum: int, size: int) -> bytes:
        """Return what stands before the content of the next file."""
        path = name.encode()
        about = (_UTF8, _STORED, _MIDNIGHT, _IN_1980, checksum, size, size, len(path), 0)
        head = _LOCAL.pack(b"PK\3\4", _VERSION, *about) + path
        self._directory += _CENTRAL.pack(
            b"PK\1\2", _ON_UNIX | _VERSION, _VERSION, *about, 0, 0, 0, _READABLE, self._offset
        )
        self._directory += path
        self._offset += len(head) + size
        self._files += 1
        return head

    def end(self) -> bytes:
        """Return what stands after the last file."""
        ending = _END.pack(b"PK\5\6", 0, 0, self._files, self._files, len(self._directory), self._offset, 0)
        return bytes(self._directory) + ending


def stored(file: BinaryIO) -> list[Stored]:
    """Return the files of a container in order; ContainerError where a byte between them is not what it must be.

    One of more files or bytes than its fields can count is none, and is not read to its end.
    """
    size, again, found = file.seek(0, os.SEEK_END), Container(), list[Stored]()
    if size > _LARGEST:
        raise ContainerError
    file.seek(0)
    head = file.read(_LOCAL.size)
    while head.startswith(b"PK\3\4"):
        if len(found) == _MOST_LISTED:
            raise ContainerError
        found.append(_next(file, head, again, size))
        head = file.read(_LOCAL.size)
    rest = again.end()
    if not found or head + file.read(len(rest) + 1 - len(head)) != rest:
        raise ContainerError
    return found


def content(file: BinaryIO, of: Stored, most: int) -> bytes:
    """Return the content of a stored file; ContainerError where it has more bytes than that, or changed meanwhile."""
    if of.size > most:
        raise ContainerError(of.name)
    file.seek(of.offset)
    data = file.read(of.size)
    if hashlib.sha256(data).hexdigest() != of.sha256:
        raise ContainerError(of.name)
    return data


def _next(file: BinaryIO, head: bytes, again: Container, whole: int) -> Stored:
    """Return the file that begins here, and go on to the next."""
    if len(head) < _LOCAL.size:
        raise ContainerError
    *_, checksum, _, size, length, _ = _LOCAL.unpack(head)
    path = file.read(length)
    try:
        name = path.decode()
    except UnicodeDecodeError:
        raise ContainerError from None
    if again.begin(name, checksum, size) != head + path:
        raise ContainerError(name)
    offset = file.tell()
    if offset + size > whole:
        raise ContainerError(name)
    digest, found = hashlib.sha256(), 0
    for block in _blocks(file, size):
        digest.update(block)
        found = zlib.crc32(block, found)
    if found != checksum:
        raise ContainerError(name)
    return Stored(name, offset, size, digest.hexdigest())


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        block = file.read(min(size, _BLOCK))
        if not block:
            raise ContainerError
        size -= len(block)
        yield block
