"""Writes the catalogue of events, docs/events.md, out of the contracts.

Run as `python -m accord.events_catalogue`; a test checks that the page is current.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pb.feed.v1 import feed_pb2

from services.kit.storage.catalogue import Catalogue

PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"
SERVICES = ("intake", "mediation", "escalation")
_HEAD = """# Events

Every type of event that the feeds tell, with the fields of its payload. This page is written by
`python -m accord.events_catalogue` out of the contracts in `proto/accord/*/events/`; the running services answer the
same under `GET /v1/feeds/{service}/eventTypes`. How to follow a feed: [operating](operating.md).

A field that says nothing is left out. Each kind of field is written in one form
([decision 0034](decisions/0034-an-event-says-what-its-contract-says.md)):

| kind | form |
| --- | --- |
| text | a code or a reference |
| number | a whole number; the number of a task, party or the like counts within the event's case or file |
| fen | an amount of money in fen, a whole number |
| boolean | `true` or `false` |
| time | RFC 3339, six decimals, the offset of China: `2026-11-28T09:30:00.000000+08:00` |
| date | `2026-11-28` |
| enum | the name of the value in the contract: `GRADE_LOW` |
| unit | `units/620102` |
| name | the full name of another resource: `cases/620102-2026-000001` |
| object | fields of its own |

Events that were written before this catalogue are never changed, they are part of a chain of hashes: their enums may
be a bare name or a number, their units a bare code, their clocks a bare number of the clock, their times in UTC or with
fewer decimals, and an empty text may stand for what is left out today. The tasks of a `CaseOpened` were an object from
number to unit and due time in one text.

Any event may say `next_at` (time) beside its own fields: the case's next deadline, where it became earlier than what
its workflow waits for.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for service in SERVICES:
        types = list(Catalogue(service, strict=True).described())
        parts.append(f"\n## {service.capitalize()}\n")
        parts += [_type(each) for each in types if not each.schema.startswith("accord.clock.")]
    clocks = Catalogue(SERVICES[0], strict=True).described()
    parts.append("\n## Clocks, in every service\n")
    parts += [_type(each) for each in clocks if each.schema.startswith("accord.clock.")]
    return "\n".join(parts) + "\n"


def _type(described: feed_pb2.EventType) -> str:
    lines = [f"**{described.type}**: {described.description}", ""]
    lines += _fields(each for each in described.fields if each.field != "next_at")
    return "\n".join(lines) if len(lines) == 2 else "\n".join([*lines, ""])


def _fields(fields: Iterable[feed_pb2.EventField], indent: str = "") -> Iterator[str]:
    for field in fields:
        kind = feed_pb2.EventFieldKind.Name(field.kind).removeprefix("EVENT_FIELD_KIND_").lower()
        kind = f"{kind} {field.enum.removeprefix('accord.')}" if field.enum else kind
        yield f"{indent}- `{field.field}` ({'list of ' if field.repeated else ''}{kind}): {field.description}"
        yield from _fields(field.fields, indent + "  ")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
