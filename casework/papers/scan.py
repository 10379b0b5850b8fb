"""Scans: which files are taken, told by how they begin and not by what they are called."""

from __future__ import annotations

from casework.errors import Reason, field_error

_BEGINNINGS = {
    b"%PDF-": ("application/pdf", "pdf"),
    b"\x89PNG\r\n\x1a\n": ("image/png", "png"),
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
}
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXTENSIONS = {WORD: "docx", **dict(_BEGINNINGS.values())}
"""File extension by media type, of everything a dossier may hold."""


def media_type_of(content: bytes) -> str:
    """Return the media type of a scan; UNKNOWN_FILE_TYPE where it is none that is taken."""
    for beginning, (media_type, _) in _BEGINNINGS.items():
        if content.startswith(beginning):
            return media_type
    raise field_error("content", Reason.UNKNOWN_FILE_TYPE)
