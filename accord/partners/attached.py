"""Files that lie beside a partner's items: found by the names that the items give, each sent or refused on its own."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import orjson

from accord.partners.door import Attached
from casework.errors import Reason
from casework.papers.file_type import LARGEST, MEDIA_TYPES, FileType

FOLDER = "attachments"
"""Where they lie, in the folder of the items."""
_SPLIT = re.compile(r"[;；\n]")
_ENDINGS = {f".{kind.name.lower()}": MEDIA_TYPES[kind] for kind in FileType} | {
    ".jpg": MEDIA_TYPES[FileType.JPEG], ".txt": MEDIA_TYPES[FileType.TEXT],
}  # fmt: skip
MISSING = ("没有这个文件：{}", "there is no such file: {}")
TYPE = ("附件类型不在允许之列：{}", "is of a type that is not taken: {}")
LARGE = ("超过 20 MiB：{}", "has more than 20 MiB: {}")


@dataclass(frozen=True, slots=True)
class NotAttached:
    """Why a file cannot be sent."""

    reason: Reason
    words: tuple[str, str]
    name: str

    def message(self, language: str) -> str:
        """Return it in words."""
        return self.words[language == "en"].format(self.name)


def named(cell: str) -> list[str]:
    """Return the names of files in a cell, each once, in order; a list of JSON is one as well."""
    found: list[str] = _SPLIT.split(cell)
    if cell.startswith("["):
        with contextlib.suppress(orjson.JSONDecodeError):
            found = [str(each) for each in orjson.loads(cell)]
    return list(dict.fromkeys(each.strip() for each in found if each.strip()))


def media_type_of(name: str) -> str:
    """Return the media type of a file by its ending; empty if it is none that is taken."""
    return _ENDINGS.get(Path(name).suffix.lower(), "")


def read(folder: Path, name: str) -> Attached | NotAttached:
    """Return a file of the folder for attachments; links and other folders are not followed."""
    media_type = media_type_of(name)
    if not media_type:
        return NotAttached(Reason.FILE_REFUSED, TYPE, name)
    place = folder / FOLDER
    if name != Path(name).name or name.startswith(".") or place.is_symlink():
        return NotAttached(Reason.NOT_FOUND, MISSING, name)
    try:
        with os.fdopen(os.open(place / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError):
        return NotAttached(Reason.NOT_FOUND, MISSING, name)
    if len(content) > LARGEST:
        return NotAttached(Reason.FILE_REFUSED, LARGE, name)
    return Attached(name, media_type, content, file_name=name)
