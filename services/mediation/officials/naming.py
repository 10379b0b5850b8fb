"""How papers of a case name accounts: by the lists that heads keep, else by the operator's file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from casework.clocks.calendar import LOCAL
from casework.officials import Official, nearest
from services.kit.rules.officials import OfficialsFile
from services.kit.storage.database import Connection
from services.kit.storage.sealing import Sealer
from services.mediation.officials import store, view


class Names:
    """The officials who had to do with a case, as they were called on the day of each act."""

    def __init__(self, unit: str, entries: Iterable[Official], file: OfficialsFile) -> None:
        self._unit, self._file = unit, file
        self._entries: dict[str, list[Official]] = defaultdict(list)
        for each in entries:
            self._entries[each.account].append(each)

    def name(self, account: str, at: datetime | None) -> str:
        """Return how a paper names an account that acted then: the official's name, or nothing, never the account."""
        if not account or at is None:
            return ""
        found = nearest(self._entries.get(account, ()), self._unit, at.astimezone(LOCAL).date())
        return found.display_name if found else self._file.name(account, at)


async def names_of(
    connection: Connection, sealer: Sealer, file: OfficialsFile, number: str, unit: str, *also: str
) -> Names:
    """Return the names of those who acted in a case, and of these accounts."""
    found = await store.of_case(connection, number, [each for each in also if each])
    return Names(unit, (view.term(sealer, row) for row in found), file)
