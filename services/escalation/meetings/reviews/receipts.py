"""The receipt code of a review, with which the person follows it and requests reviews. It is derived, never stored."""

from __future__ import annotations

import hmac

from casework.door import receipt
from services.kit.storage.sealing import Sealer


class Receipts:
    """Codes of reviews, and the keyed hashes that identify them."""

    def __init__(self, sealer: Sealer) -> None:
        self._codes = sealer.derive("codes of review receipts")
        self._index = sealer.derive("index of review receipts")

    def code(self, number: str) -> str:
        """Return the receipt code of a review, the same every time."""
        return receipt.receipt_code(hmac.digest(self._codes, number.encode(), "sha256"))

    def index(self, code: str) -> bytes:
        """Return the keyed hash of a code; for a text that is not well-formed, one that matches nothing."""
        return hmac.digest(self._index, (receipt.normal_form(code) or "").encode(), "sha256")
