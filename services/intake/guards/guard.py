"""One guard for each door, chosen in `rules/filing`: it gives a challenge and checks the solution."""

from __future__ import annotations

from typing import Protocol

from pb.intake.v1 import filing_pb2 as pb

from casework.door.filing import DoorGuard
from casework.errors import CaseError
from services.intake.guards.work import WorkGuard
from services.kit.rules import Rules
from services.kit.storage import requests
from services.kit.storage.database import Connection, Database
from services.kit.storage.sealing import Sealer


class Passage(Protocol):
    """Permission to file one report."""

    async def use(self, connection: Connection) -> None:
        """Use it up in the transaction that receives the report; raise CaseError if it is no longer valid."""
        ...


class Guard(Protocol):
    """Protects a door. A further kind is a class like this one, a member of DoorGuard, and a line in `Guards`."""

    async def challenge(self) -> pb.FilingChallenge:
        """Return what must be shown."""
        ...

    def examine(self, shown: str) -> Passage:
        """Return permission to file for what was shown; raise CaseError naming the field."""
        ...


class Free:
    """Permission without work: at a door with limits only, or for an account."""

    async def use(self, connection: Connection) -> None:
        """Do nothing."""


FREE = Free()


class Refused:
    """No permission, for this reason; only a repeated call still gets its first answer."""

    def __init__(self, error: CaseError) -> None:
        self._error = error

    async def use(self, connection: Connection) -> None:
        """Raise the error."""
        raise self._error


class LimitsGuard:
    """Requires nothing: the gateway limits calls by address."""

    async def challenge(self) -> pb.FilingChallenge:
        """Return an empty challenge."""
        return pb.FilingChallenge(guard=pb.DOOR_GUARD_LIMITS)

    def examine(self, shown: str) -> Passage:
        """Return permission to file."""
        return FREE


class Guards:
    """The guard of each kind."""

    def __init__(self, rules: Rules, sealer: Sealer, database: Database) -> None:
        self._database = database
        self._guards: dict[DoorGuard, Guard] = {
            DoorGuard.LIMITS: LimitsGuard(),
            DoorGuard.WORK: WorkGuard(rules.filing.work, sealer.derive),
        }

    def of(self, kind: DoorGuard) -> Guard:
        """Return the guard of a kind."""
        return self._guards[kind]

    async def admit(self, kind: DoorGuard, shown: str, caller: str, request_id: str) -> Passage:
        """Return permission to file for what was shown; raise CaseError naming the field.

        Whoever repeats a call gets its first answer, though what they showed then is not good any more.
        """
        try:
            return self.of(kind).examine(shown)
        except CaseError as error:
            async with self._database.read() as connection:
                if await requests.is_known(connection, caller, request_id):
                    return Refused(error)
            raise
