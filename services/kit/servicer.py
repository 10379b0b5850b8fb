"""What every servicer is made of whose methods can be commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from casework import names
from casework.door.category import UnknownCategory
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

    def categories(self, asked: Sequence[str], field: str) -> list[str] | None:
        """Return the categories that a list is asked for, by name with all below and by key field; None for all."""
        tree, fields = self.rules.categories, self.rules.fields
        found = [each.id for each in tree]
        if asked:
            try:
                found = tree.below(each.removeprefix("categories/") for each in asked)
            except UnknownCategory as error:
                place = list(asked).index(f"categories/{error.category}")
                raise field_error(f"categories[{place}]", Reason.UNKNOWN_CATEGORY, error.category) from None
        if field and field not in {each.key for each in fields.fields}:
            raise field_error("field", Reason.INVALID_FIELD, f"one of {', '.join(each.key for each in fields.fields)}")
        if not (asked or field):
            return None
        return [each for each in found if not field or fields.of(each) == field]
