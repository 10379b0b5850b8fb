"""Events as CloudEvents 1.0 in HTTP, signed according to Standard Webhooks. They carry no account and no trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from google.protobuf import json_format
from pb.feed.v1 import feed_pb2
from standardwebhooks import Webhook

from services.kit.instants import instant

_FORMAT = JSONFormat()


def cloud_event(service: str, event: feed_pb2.Event) -> CloudEvent:
    """Return an event as a CloudEvent. `partitionkey` and `sequence` say in which order those of a case happened."""
    attributes = {
        "id": f"{service}-{event.position}-{event.hash[:16]}",
        "source": f"/v1/feeds/{service}",
        "type": f"accord.{service}.{event.type}",
        "subject": event.case,
        "time": instant(event.occur_time),
        "datacontenttype": "application/json",
        "partitionkey": event.case,
        # As text, so that it sorts.
        "sequence": f"{event.sequence:010}",
        "position": str(event.position),
    }
    payload = {name: _whole(each) for name, each in json_format.MessageToDict(event.payload).items()}
    return CloudEvent(attributes, payload)


def _whole(value: object) -> object:
    """Return a value of a payload with its counts as whole numbers again: a Struct has none."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def request_of(event: CloudEvent, secrets: Iterable[str], *, binary: bool, now: datetime | None = None) -> HTTPMessage:
    """Return headers and body of the request that delivers an event, with a signature for each secret."""
    message = (to_binary if binary else to_structured)(event, _FORMAT)
    at, name = now or datetime.now(UTC), event.get_id()
    signatures = [Webhook(secret).sign(name, at, message.body.decode()) for secret in secrets]
    headers = {
        **message.headers,
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return HTTPMessage(headers, message.body)


def is_wanted(event: feed_pb2.Event, types: Sequence[str], case: str) -> bool:
    """Return whether a subscription to these types, and to this case, gets an event; empty for all."""
    return (not types or event.type in types) and (not case or event.case == case)
