"""Page tokens and subtree patterns of lists."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from casework.errors import Reason, field_error
from casework.units import prefix


def token(kind: str, *mark: Any) -> str:
    """Return the token of the page that begins behind this mark."""
    return base64.urlsafe_b64encode(json.dumps([kind, *mark], default=str).encode()).decode().rstrip("=")


def read(page_token: str, kind: str, count: int = 1) -> Any:
    """Return the mark in a token: a value, or a list of `count`; None for an empty token. INVALID_PAGE_TOKEN else."""
    if not page_token:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(page_token + "=" * (-len(page_token) % 4)))
    except (ValueError, binascii.Error):
        found = None
    if not (isinstance(found, list) and len(found) == count + 1 and found[0] == kind):
        raise field_error("page_token", Reason.INVALID_PAGE_TOKEN)
    if any(not isinstance(value, (str, int)) for value in found[1:]):
        raise field_error("page_token", Reason.INVALID_PAGE_TOKEN)
    return found[1] if count == 1 else found[1:]


def instant(mark: Any) -> datetime:
    """Return the instant in a mark; INVALID_PAGE_TOKEN where it is none."""
    try:
        return datetime.fromisoformat(mark)
    except (TypeError, ValueError):
        raise field_error("page_token", Reason.INVALID_PAGE_TOKEN) from None


def subtree(unit: str) -> str:
    """Return the LIKE pattern of a unit's subtree; a department's is the department alone."""
    return unit if "-" in unit else f"{prefix(unit)}%"
