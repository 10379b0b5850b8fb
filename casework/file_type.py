"""What a file is, told by its content: a name or a declared type is only a claim."""

from __future__ import annotations

import io
import zipfile
from enum import IntEnum

from casework.errors import Reason, field_error

LARGEST = 20 * 1024 * 1024
_ENTRIES = 10_000


class FileType(IntEnum):
    """Types a file of evidence may have; the numbers are those of the contract."""

    PDF = 1
    JPEG = 2
    PNG = 3
    DOCX = 4
    XLSX = 5
    TEXT = 6
    MP3 = 7
    MP4 = 8


def check_file(declared: FileType, content: bytes) -> None:
    """Raise INVALID_FIELD naming `content` or `evidence.type` unless the file is what it is said to be."""
    if not content:
        raise field_error("content", Reason.INVALID_FIELD, "empty")
    if len(content) > LARGEST:
        raise field_error("content", Reason.INVALID_FIELD, "more than 20 MiB")
    if type_of(content) is not declared:
        raise field_error("evidence.type", Reason.FILE_REFUSED)


def type_of(content: bytes) -> FileType | None:
    """Return what a file is by its content; None for what is not taken."""
    if content.startswith((b"%PDF-1.", b"%PDF-2.")):
        return FileType.PDF
    if content.startswith(b"\xff\xd8\xff"):
        return FileType.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return FileType.PNG
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    if content[4:8] == b"ftyp":
        return FileType.MP4
    if content.startswith(b"ID3") or _is_mp3_frame(content):
        return FileType.MP3
    return FileType.TEXT if _is_text(content) else None


def _office(content: bytes) -> FileType | None:
    """Return which Office document a ZIP is; None for another one, one with macros, and one that does not open."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {entry.filename for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return None
    if "[Content_Types].xml" not in names or len(names) > _ENTRIES:
        return None
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    if "word/document.xml" in names:
        return FileType.DOCX
    return FileType.XLSX if "xl/workbook.xml" in names else None


def _is_mp3_frame(content: bytes) -> bool:
    """Return whether an MPEG audio layer III frame begins here, with a bit rate and a sampling rate there are."""
    if len(content) < 4 or content[0] != 0xFF or content[1] & 0xE6 != 0xE2:
        return False
    return content[2] >> 4 not in (0, 15) and (content[2] >> 2) & 3 != 3


def _is_text(content: bytes) -> bool:
    """Return whether it reads as text of people: UTF-8 or GB 18030, without control characters, no markup, no PDF."""
    # What a viewer would take for a page or a PDF although it is said to be text.
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or b"%PDF-" in content[:1024]:
        return False
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return not any((character < " " and character not in "\t\r\n\f") or character == "\x7f" for character in text)
    return False
