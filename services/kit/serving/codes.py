"""Tokens for people without an account: whoever holds a receipt or an invitation gets one for its matter.

The service that checked the code signs the token. It names one matter and is good for no other, however wide a policy.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from casework.errors import CaseError, Reason

ISSUER = "accord-codes"
HOLDER = "holder"
"""Role of whoever holds a receipt: reads how far the matter is."""
REPORTER = "reporter"
"""Role of a holder who said the second factor: acts for the reporter."""
INFORMANT = "informant"
"""Role of who gave a clue and came by its code."""
_GIVEN = 10_000
INVITED = "invited"
"""Role of a party that came by its invitation."""
AGENT = "agent"
"""Role of an agent or a representative of a group that came by its own invitation: acts within its powers."""
CALENDAR = "calendar"
"""Role of whoever reads a calendar by its secret address: reads the deadlines of one account, and nothing else."""


class CodeMint:
    """Signs such tokens. Without a key nobody can sign in by a code."""

    def __init__(self, key_file: Path | None, audience: str = "accord") -> None:
        key = load_pem_private_key(key_file.read_bytes(), None) if key_file else None
        if key is not None and not isinstance(key, EllipticCurvePrivateKey):
            raise ValueError(f"{key_file}: must be a P-256 private key")
        self._key = key
        self._audience = audience
        self._given: OrderedDict[tuple[str, str, str], tuple[str, datetime, float]] = OrderedDict()

    def token(self, role: str, matter: str, case: str, seconds: int) -> tuple[str, datetime]:
        """Return a token for a matter of a case, and when it expires.

        The matter is `reports/…`, `cases/…/parties/…`, of an agent `cases/…/companions/…`, or `clues/…`.
        Whoever asks again soon gets the same one, which the services have checked already.
        """
        return self._signed((role, matter, case), {"sub": matter, "roles": [role], "case": case}, seconds)

    def calendar(self, account: str, unit: str, seconds: int) -> str:
        """Return a token that reads the deadlines of an account, of its own and of what it holds in this unit."""
        claims = {"sub": account, "roles": [CALENDAR], "unit": unit}
        return self._signed((CALENDAR, account, unit), claims, seconds)[0]

    def _signed(self, key: tuple[str, str, str], own: Mapping[str, Any], seconds: int) -> tuple[str, datetime]:
        if self._key is None:
            raise CaseError(Reason.SERVICE_UNAVAILABLE)
        now = int(time.time())
        known = self._given.get(key)
        if known and now < known[2]:
            return known[0], known[1]
        claims = {"iss": ISSUER, "aud": self._audience, "iat": now, "exp": now + seconds, **own}
        token, until = jwt.encode(claims, self._key, algorithm="ES256"), datetime.fromtimestamp(now + seconds, UTC)
        self._given[key] = token, until, now + seconds / 2
        self._given.move_to_end(key)
        if len(self._given) > _GIVEN:
            self._given.popitem(last=False)
        return token, until
