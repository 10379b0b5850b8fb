"""A file's type, detected from its content: a name or a declared type is only a claim."""

from __future__ import annotations

import io
import zipfile
from enum import IntEnum

from casework.errors import Reason, field_error

LARGEST = 20 * 1024 * 1024
_ENTRIES = 10_000


class FileType(IntEnum):
    """Types a file of evidence may have; the numbers match the contract."""

    PDF = 1
    JPEG = 2
    PNG = 3
    DOCX = 4
    XLSX = 5
    TEXT = 6
    MP3 = 7
    MP4 = 8
    M4A = 9


_OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES = {
    FileType.PDF: "application/pdf", FileType.JPEG: "image/jpeg", FileType.PNG: "image/png",
    FileType.DOCX: f"{_OFFICE}.wordprocessingml.document", FileType.XLSX: f"{_OFFICE}.spreadsheetml.sheet",
    FileType.TEXT: "text/plain", FileType.MP3: "audio/mpeg", FileType.MP4: "video/mp4", FileType.M4A: "audio/mp4",
}  # fmt: skip


_FILMS = frozenset(
    {b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash"}
)
_SOUNDS = frozenset({b"M4A ", b"M4B "})
_OTHERS = {
    b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"heis": "HEIC", b"hevc": "HEIC", b"hevx": "HEIC",
    b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF", b"avis": "AVIF", b"qt  ": "QuickTime", b"M4P ": "M4P",
    b"crx ": "CR3", b"jp2 ": "JPEG 2000",
}  # fmt: skip
"""Brands of ISO 14496-12: the first box names the type of the rest. Photos and videos share this container."""


_BEGINNINGS = (
    (b"GIF8", "GIF"), (b"MZ", "a Windows program"), (b"\x7fELF", "a program"), (b"PK", "ZIP"), (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7z"), (b"\xd0\xcf\x11\xe0", "Office 97-2003"), (b"BM", "BMP"), (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"), (b"OggS", "Ogg"), (b"#!AMR", "AMR"), (b"fLaC", "FLAC"), (b"\x1f\x8b", "gzip"),
    (b"%PDF-", "PDF"), (b"{\\rtf", "RTF"), (b"<", "a web page"),
)  # fmt: skip


def check_file(declared: FileType, content: bytes, field: str = "evidence.type") -> None:
    """Raise INVALID_FIELD naming `content`, or FILE_REFUSED naming the field of its declared type."""
    if not content:
        raise field_error("content", Reason.INVALID_FIELD, "empty")
    if len(content) > LARGEST:
        raise field_error("content", Reason.INVALID_FIELD, "more than 20 MiB")
    found = type_of(content)
    if found is not declared:
        raise field_error(field, Reason.FILE_REFUSED, found.name if found else other_type(content))


def type_of(content: bytes) -> FileType | None:
    """Return a file's type by its content; None if it is not accepted."""
    if content.startswith((b"%PDF-1.", b"%PDF-2.")):
        return FileType.PDF
    if content.startswith(b"\xff\xd8\xff"):
        return FileType.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return FileType.PNG
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    if content[4:8] == b"ftyp":
        return _boxed(content)
    if content.startswith(b"ID3") or _is_mp3_frame(content):
        return FileType.MP3
    return FileType.TEXT if _is_text(content) else None


def _boxed(content: bytes) -> FileType | None:
    """Return the type of a container file by its brand; a generic brand is checked against the others it names."""
    brand = content[8:12]
    if brand in _SOUNDS:
        return FileType.M4A
    return FileType.MP4 if brand in _FILMS and not _other_brand(content) else None


def _other_brand(content: bytes) -> str:
    length = int.from_bytes(content[:4], "big")
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, min(length, 256, len(content)), 4))]
    return next((_OTHERS[brand] for brand in brands if brand in _OTHERS), "")


def other_type(content: bytes) -> str:
    """Return the name of a file type that is not accepted, if the first bytes show it."""
    if content[4:8] == b"ftyp" and (brand := _other_brand(content)):
        return brand
    for beginning, name in _BEGINNINGS:
        if content.startswith(beginning):
            return name
    if content.startswith(b"RIFF"):
        return content[8:12].decode("ascii", "replace").strip() or "RIFF"
    return "unknown"


def _office(content: bytes) -> FileType | None:
    """Return which Office document a ZIP is; None for any other ZIP, one with macros, or one that does not open."""
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
    """Return whether an MPEG audio layer III frame begins here, with a valid bit rate and sampling rate."""
    if len(content) < 4 or content[0] != 0xFF or content[1] & 0xE6 != 0xE2:
        return False
    return content[2] >> 4 not in (0, 15) and (content[2] >> 2) & 3 != 3


def _is_text(content: bytes) -> bool:
    """Return whether it is human-readable text: UTF-8 or GB 18030, no control characters, no markup, no PDF."""
    # Content that a viewer would treat as a web page or a PDF although it is declared as text.
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or b"%PDF-" in content[:1024]:
        return False
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return not any((character < " " and character not in "\t\r\n\f") or character == "\x7f" for character in text)
    return False
