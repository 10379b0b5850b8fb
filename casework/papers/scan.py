"""Scans: accepted file types, detected from their first bytes, not from their names."""

from __future__ import annotations

from casework.errors import Reason, field_error

_BEGINNINGS = {
    b"%PDF-": ("application/pdf", "pdf"),
    b"\x89PNG\r\n\x1a\n": ("image/png", "png"),
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
}
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXTENSIONS = {WORD: "docx", **dict(_BEGINNINGS.values())}
"""File extension by media type, for everything a dossier may contain."""


def media_type_of(content: bytes) -> str:
    """Return the media type of a scan; UNKNOWN_FILE_TYPE if it is not accepted."""
    for beginning, (media_type, _) in _BEGINNINGS.items():
        if content.startswith(beginning):
            return media_type
    raise field_error("content", Reason.UNKNOWN_FILE_TYPE)
