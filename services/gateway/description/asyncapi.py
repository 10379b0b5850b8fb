"""The catalogue of events as an AsyncAPI 3.0 document: what webhooks bring as CloudEvents, and what the feeds show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pb.feed.v1 import feed_pb2

from services.kit.catalogue import Catalogue

SERVICES = ("intake", "mediation", "escalation")
Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_OF_KIND: Mapping[feed_pb2.EventFieldKind, Schema] = {
    feed_pb2.EVENT_FIELD_KIND_NUMBER: {"type": "integer"},
    feed_pb2.EVENT_FIELD_KIND_FEN: {"type": "integer"},
    feed_pb2.EVENT_FIELD_KIND_BOOLEAN: {"type": "boolean"},
    feed_pb2.EVENT_FIELD_KIND_TIME: {"type": "string", "format": "date-time"},
    feed_pb2.EVENT_FIELD_KIND_DATE: {"type": "string", "format": "date"},
}
_ATTRIBUTES: Mapping[str, Schema] = {
    "specversion": {"const": "1.0"},
    "id": {**_TEXT, "description": "The same at every attempt."},
    "source": {"enum": [f"/v1/feeds/{each}" for each in SERVICES]},
    "type": _TEXT,
    "subject": {**_TEXT, "description": "The case, or another file: `cases/{case}`."},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": {"const": "application/json"},
    "partitionkey": {**_TEXT, "description": "Events with the same one come in order."},
    "sequence": {**_TEXT, "description": "Number of the event in its case and service; as text, so that it sorts."},
    "position": {**_TEXT, "description": "Position in the feed."},
    "data": {"type": "object"},
}
_CLOUD_EVENT: Schema = {"type": "object", "required": list(_ATTRIBUTES), "properties": dict(_ATTRIBUTES)}


def document(event: Schema, version: str) -> dict[str, Any]:
    """Return the document; `event` is the schema of an event in a feed, as the REST API returns it."""
    types = {service: list(Catalogue(service, strict=True).described()) for service in SERVICES}
    every = [(service, each) for service, found in types.items() for each in found]
    schemas = {each.schema: _payload(each) for _, each in every}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Accord: events",
            "version": version,
            "description": "What happened to cases, at least once and in the order of each case. No personal data.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {"webhook": _webhook(every), **{name: _feed(name, found) for name, found in types.items()}},
        "operations": {
            "deliver": _sends("webhook", "Sends events to a subscriber, signed after Standard Webhooks.", "POST"),
            **{f"watch-{name}": _sends(name, f"Shows the feed of {name} from a position on.", "GET") for name in types},
        },
        "components": {
            "schemas": {"CloudEvent": _CLOUD_EVENT, "Event": event, **schemas},
            "messages": dict(_messages(every)),
        },
    }


def _webhook(every: Iterable[tuple[str, feed_pb2.EventType]]) -> Schema:
    return {
        "address": None,
        "title": "Webhook",
        "description": "The address of a subscription (`POST /v1/subscriptions`): CloudEvents 1.0, structured.",
        "messages": {_key(service, each): _refer("messages", _key(service, each)) for service, each in every},
    }


def _feed(service: str, types: Iterable[feed_pb2.EventType]) -> Schema:
    """Return the channel of a feed: server-sent events or lines of JSON."""
    return {
        "address": f"/v1/feeds/{service}/events:watch",
        "title": f"Feed of {service}",
        "description": "`text/event-stream` or `application/x-ndjson`, with a token that has `events.watch`.",
        "messages": {each.type: _message(each, "Event", each.type, "payload") for each in types},
    }


def _messages(every: Iterable[tuple[str, feed_pb2.EventType]]) -> Iterator[tuple[str, Schema]]:
    for service, each in every:
        told = _message(each, "CloudEvent", f"accord.{_key(service, each)}", "data")
        yield _key(service, each), {**told, "contentType": "application/cloudevents+json"}


def _message(event: feed_pb2.EventType, envelope: str, said: str, field: str) -> Schema:
    """Return the message of an event type in an envelope, which has its type and, in a field, its facts."""
    own = {"type": {"const": said}, field: _refer("schemas", event.schema)}
    payload = {"allOf": [_refer("schemas", envelope), {"type": "object", "properties": own}]}
    return {"name": said, "summary": event.description, "payload": payload}


def _sends(channel: str, summary: str, method: str) -> Schema:
    http = {"method": method, "bindingVersion": "0.3.0"}
    bound = {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "bindings": {"http": http}}
    return {**bound, "summary": summary}


def _payload(event: feed_pb2.EventType) -> Schema:
    return {"type": "object", "description": event.description, "properties": _properties(event.fields)}


def _properties(fields: Iterable[feed_pb2.EventField]) -> Schema:
    return {each.field: _field(each) for each in fields}


def _field(field: feed_pb2.EventField) -> Schema:
    one = dict(_OF_KIND.get(field.kind, _TEXT))
    if field.values:
        one["enum"] = list(field.values)
    if field.fields:
        one = {"type": "object", "properties": _properties(field.fields)}
    told = {"description": field.description} if field.description else {}
    return {"type": "array", "items": one, **told} if field.repeated else {**one, **told}


def _key(service: str, event: feed_pb2.EventType) -> str:
    return f"{service}.{event.type}"


def _refer(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}
