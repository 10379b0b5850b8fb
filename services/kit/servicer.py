"""What every servicer is made of whose methods can be commands."""

from __future__ import annotations

from typing import ClassVar

from casework import names
from casework.errors import Reason, field_error
from services.kit.composition import Parts
from services.kit.storage.events import EventLog


class Servicer:
    """Built from the parts of its service. What its requests say is remembered by a hash, keyed where there is a name.

    `service` owns it, `heads` is the table of the service's chains, `body_key_name` names the key of the hash: a
    plain hash would give away an amount or a short sentence to whoever tries them all.
    """

    service: ClassVar[str]
    heads: ClassVar[str]
    body_key_name: ClassVar[str] = ""

    def __init__(self, parts: Parts) -> None:
        self.database = parts.database
        self.time = parts.time
        self.pulse = parts.pulse
        self.clockwork = parts.clockwork
        self.consequences = parts.consequences
        self.rules = parts.rules
        self.sealer = parts.sealer
        self.log = EventLog(self.service, self.heads)
        self.body_key = parts.sealer.derive(self.body_key_name) if self.body_key_name else b""

    def known(self, name: str, field: str) -> str:
        """Return the unit of a resource name; UNKNOWN_UNIT naming the field where the tree has none."""
        unit = names.last(name)
        if unit not in self.rules.units:
            raise field_error(field, Reason.UNKNOWN_UNIT, unit)
        return unit
