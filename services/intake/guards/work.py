"""Proof of work: a challenge that costs a device some seconds, by the library ALTCHA (version 2 of its challenges).

Nothing is kept of a challenge until it is spent: its signature says that it is ours, and until when it is good. The
number of tries is drawn beforehand, so that nobody waits more than twice as long as another one with the same device.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import altcha
from pb.intake.v1 import filing_pb2 as pb

from casework.door.filing import Work
from casework.errors import Reason, field_error
from services.intake.guards import store
from services.kit.storage.database import Connection

FIELD = "report.challenge_solution"
_ALGORITHM = "PBKDF2/SHA-256"
_HOW = "GET /v1/reports:challenge"


@dataclass(frozen=True, slots=True)
class Spent:
    """Permission to file one report for one challenge."""

    nonce: str
    until: int

    async def use(self, connection: Connection) -> None:
        """Spend the challenge; raise CHALLENGE_USED if it was spent before."""
        if not await store.spend(connection, self.nonce, self.until, int(time.time())):
            raise field_error(FIELD, Reason.CHALLENGE_USED, _HOW)


class WorkGuard:
    """Asks for the solution of a challenge."""

    def __init__(self, work: Work, derive: Callable[[str], bytes]) -> None:
        self._work = work
        self._secret, self._key_secret = derive("challenges of filing"), derive("solutions of challenges of filing")

    async def challenge(self) -> pb.FilingChallenge:
        """Return a new challenge."""
        made = await asyncio.to_thread(
            altcha.create_challenge, _ALGORITHM, self._work.rounds,
            counter=self._work.tries + secrets.randbelow(self._work.tries),
            expires_at=int(time.time()) + self._work.minutes * 60,
            hmac_secret=self._secret, hmac_key_secret=self._key_secret,
        )  # fmt: skip
        asked = made.parameters
        parameters = pb.ChallengeParameters(
            algorithm=asked.algorithm, nonce=asked.nonce, salt=asked.salt, cost=asked.cost, key_length=asked.key_length,
            key_prefix=asked.key_prefix, key_signature=asked.key_signature, expires_at=asked.expires_at,
        )  # fmt: skip
        return pb.FilingChallenge(guard=pb.DOOR_GUARD_WORK, parameters=parameters, signature=made.signature)

    def examine(self, shown: str) -> Spent:
        """Return permission to file for a solution; raise CaseError if it is missing, wrong or late."""
        if not shown:
            raise field_error(FIELD, Reason.CHALLENGE_MISSING, _HOW)
        result = altcha.verify_solution(shown, self._secret, hmac_key_secret=self._key_secret)
        if result.expired:
            raise field_error(FIELD, Reason.CHALLENGE_EXPIRED, _HOW)
        if not result.verified:
            raise field_error(FIELD, Reason.CHALLENGE_WRONG, _HOW)
        signed = altcha.Payload.from_base64(shown).challenge.parameters
        assert signed.expires_at is not None, "every challenge of ours ends"
        return Spent(signed.nonce, signed.expires_at)
