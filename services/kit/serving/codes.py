"""Tokens for people without an account: whoever holds a receipt or an invitation gets one for its matter.

The service that checked the code signs the token. It names one matter and is good for no other, however wide a policy.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import jwt

from casework.errors import CaseError, Reason

ISSUER = "accord-codes"
HOLDER = "holder"
"""Role of whoever holds a receipt: reads how far the matter is."""
REPORTER = "reporter"
"""Role of a holder who said the second factor: acts for the reporter."""
INVITED = "invited"
"""Role of a party that came by its invitation."""


class CodeMint:
    """Signs such tokens. Without a key nobody can sign in by a code."""

    def __init__(self, key_file: Path | None, audience: str = "accord") -> None:
        self._key = key_file.read_bytes() if key_file else b""
        self._audience = audience

    def token(self, role: str, matter: str, case: str, seconds: int) -> tuple[str, datetime]:
        """Return a token for a matter, `reports/…` or `cases/…/parties/…`, of a case, and when it expires."""
        if not self._key:
            raise CaseError(Reason.SERVICE_UNAVAILABLE)
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": self._audience, "sub": matter, "iat": now, "exp": now + seconds, "roles": [role],
            "case": case,
        }  # fmt: skip
        return jwt.encode(claims, self._key, algorithm="ES256"), datetime.fromtimestamp(now + seconds, UTC)
