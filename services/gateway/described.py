"""The parts of the OpenAPI document that no contract holds: problems, headers, health, timeline, embedded issuer."""

from __future__ import annotations

from typing import Any

from pb.feed.v1 import feed_pb2

from services.gateway.binding import IF_MATCH
from services.gateway.schema import Schemas
from services.gateway.wording import REASONS, TITLES

INTRODUCTION = """REST for client apps. Every RPC of the contracts is here at the path its HTTP rule names.

- **JSON**: names are lowerCamelCase (those of the contracts are taken too); 64-bit integers are answered as strings;
  enums go by name; times are RFC 3339 in UTC. A field without a value of its own is always answered (`false`, `0`,
  `""`, `[]`); times and messages that are not set are left out. Unknown fields, `null` and members given twice are
  refused.
- **Writes** carry an `Idempotency-Key`: a repeat with the same key and body gets the first answer.
- **Versions**: an answer's `ETag` goes back in `If-Match` to change just that version (412 otherwise), or in
  `If-None-Match` to read only what has changed (304). The field `etag` of a request is taken in its place.
- **Changes** (`PATCH`) are partial: what the body has is changed, the rest stays. `updateMask` narrows that, or names
  what to empty; names as in JSON or as in the contracts, `*` for all. What cannot be changed is refused by its name.
- **Lists** answer `nextPageToken`; give it back as `pageToken` until it is empty.
- **Refusals** are problem documents (RFC 9457) with a stable `code`, in Chinese or English as `Accept-Language` asks.
- **Files** come as files, with their name in `Content-Disposition`; as JSON to who asks for `application/json`, in
  parts to who asks for `text/event-stream` or `application/x-ndjson`. Documents of a case are JSON first.
- **Bodies** may be packed: `Content-Encoding: gzip`.
- **Deadlines**: `Request-Timeout` in seconds shortens the gateway's own.
"""

EXTRA_TAGS = [
    {"name": "Timeline", "description": "What happened to a case, over all services."},
    {"name": "Operations", "description": "Health of the gateway."},
    {"name": "EmbeddedIssuer", "description": "Tokens for demo users; never part of a production profile."},
]


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _problem_responses() -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[str, Any] = {}
    for status, title in TITLES.items():
        response: dict[str, Any] = {"description": f"{title.en} ({title.zh}).", "content": content}
        if status == 401:
            response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        if status in (429, 503):
            response["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
        found[f"Problem{status}"] = response
    return {**found, "Problem": {"description": "Any other refusal.", "content": content}}


COMPONENTS: dict[str, Any] = {
    "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    "headers": {
        "ETag": {"description": "Version of the resource.", "schema": {"type": "string"}},
        "ContentDisposition": {
            "description": "Name of the file, where the file itself is answered (RFC 6266).",
            "schema": {"type": "string"},
        },
        "RetryAfter": {"description": "Seconds to wait before trying again.", "schema": {"type": "string"}},
    },
    "parameters": {
        "AcceptLanguage": _header("Accept-Language", "`zh` (default) or `en`.", {"type": "string"}),
        "RequestTimeout": _header(
            "Request-Timeout", "Seconds the answer may take.", {"type": "integer", "minimum": 1, "maximum": 999_999_999}
        ),
        "IfMatch": _header(
            "If-Match",
            "Version to change, from ETag; without it whichever is current.",
            {"type": "string", "pattern": IF_MATCH},
        ),
        "IfNoneMatch": _header(
            "If-None-Match", "Version already known, from ETag.", {"type": "string", "pattern": r"^[!-~ ]{0,200}$"}
        ),
        "LastEventId": _header(
            "Last-Event-ID",
            "The last event's id: the stream goes on behind it, where `afterPosition` is not given.",
            {"type": "string", "pattern": "^[0-9]{1,18}$"},
        ),
    },
    "responses": _problem_responses(),
    "schemas": {
        "Problem": {
            "type": "object",
            "title": "Problem",
            "description": "A refusal (RFC 9457).",
            "required": ["type", "title", "status", "detail", "instance", "code", "traceId"],
            "properties": {
                "type": {"type": "string", "description": "URN of the kind of problem: the code in kebab-case."},
                "title": {"type": "string", "description": "What kind of problem it is, in the caller's language."},
                "status": {"type": "integer", "description": "The HTTP status."},
                "detail": {"type": "string", "description": "What went wrong, in the caller's language."},
                "instance": {"type": "string", "description": "URN of this occurrence."},
                "code": {
                    "type": "string",
                    "description": "Stable reason code. The gateway's own: "
                    + ", ".join(f"`{r}`" for r in REASONS)
                    + ".",
                },
                "traceId": {"type": "string", "description": "Id under which logs and traces hold it."},
                "line": {"type": "integer", "description": "Line of an NDJSON body, from 1."},
                "errors": {
                    "type": "array",
                    "description": "The fields at fault.",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {
                            "field": {"type": "string", "description": "Path of the field, or name of the header."},
                            "message": {"type": "string", "description": "What is wrong with it."},
                        },
                    },
                },
                "metadata": {
                    "type": "object",
                    "description": "What the reason is about.",
                    "additionalProperties": {"type": "string"},
                },
            },
        },
    },
}


def extra_paths(schemas: Schemas, issuer: bool) -> dict[str, Any]:
    """Return the paths that are written by hand."""
    paths = {"/v1/cases/{case}/timeline": {"get": _timeline(schemas)}, **_OPERATIONS}
    return {**paths, **_ISSUER} if issuer else paths


def _timeline(schemas: Schemas) -> dict[str, Any]:
    descriptor: Any = feed_pb2.Event.DESCRIPTOR
    event = schemas.reference(descriptor)
    pattern = r"^(intake|mediation|escalation):[0-9]{1,18}(,(intake|mediation|escalation):[0-9]{1,18}){0,2}$"
    responses = _refusals(400, 401, 403, 404, 406, 429, 500, 503, 504)
    return {
        "operationId": "getTimeline",
        "tags": ["Timeline"],
        "summary": "Gets what happened to a case",
        "description": "The events of all services, merged by time. As JSON the past; as server-sent events the past "
        "and then each event as it is committed, until the client leaves or its token expires.\n\n"
        "Permission: `events.list`, for the live part `events.watch`.",
        "x-permission": "events.list",
        "parameters": [
            {
                "name": "case",
                "in": "path",
                "required": True,
                "description": "Number of the case.",
                "schema": {"type": "string", "pattern": "^[0-9]{6}-[0-9]{4}-[0-9]{6,9}$"},
            },
            {"$ref": "#/components/parameters/AcceptLanguage"},
            _header(
                "Last-Event-ID",
                "The last event's id: the stream goes on behind it.",
                {"type": "string", "pattern": pattern},
            ),
        ],
        "responses": {
            "200": {
                "description": "The events, oldest first.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["events", "lastEventId"],
                            "properties": {
                                "events": {"type": "array", "items": event},
                                "lastEventId": {
                                    "type": "string",
                                    "description": "Where to go on with Last-Event-ID.",
                                },
                            },
                        }
                    },
                    "text/event-stream": {
                        "schema": {"type": "string", "description": "The data of each event is one Event as JSON."},
                        "x-event-schema": event,
                    },
                },
            },
            **responses,
        },
    }


def _refusals(*statuses: int) -> dict[str, Any]:
    named = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}
    return {**named, "default": {"$ref": "#/components/responses/Problem"}}


def _simple(
    name: str, tag: str, summary: str, schema: dict[str, Any], kind: str = "application/json"
) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": summary + ".", "content": {kind: {"schema": schema}}}},
    }


_READY: dict[str, Any] = {
    "type": "object",
    "required": ["status", "backends"],
    "properties": {
        "status": {"type": "string"},
        "backends": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "status"],
                "properties": {"name": {"type": "string"}, "status": {"type": "string"}},
            },
        },
    },
}
_OPERATIONS: dict[str, Any] = {
    "/healthz": {"get": _simple("getLiveness", "Operations", "Tells that the process lives", {"type": "object"})},
    "/readyz": {
        "get": _simple("getReadiness", "Operations", "Tells whether every backend is ready", _READY),
    },
}
_OPERATIONS["/readyz"]["get"]["responses"]["503"] = {
    "description": "A backend is not ready.",
    "content": {"application/json": {"schema": _READY}},
}

_TOKEN_REQUEST = {
    "type": "object",
    "required": ["user"],
    "properties": {"user": {"type": "string", "description": "Id of a demo user, as in `clerk-620102`."}},
}
_ISSUER: dict[str, Any] = {
    "/issuer/.well-known/openid-configuration": {
        "get": _simple(
            "getIssuerConfiguration", "EmbeddedIssuer", "Gets where the issuer's parts are", {"type": "object"}
        )
    },
    "/issuer/jwks.json": {
        "get": _simple(
            "getIssuerKeys", "EmbeddedIssuer", "Gets the keys that tokens are signed with", {"type": "object"}
        )
    },
    "/issuer/users": {
        "get": _simple(
            "listDemoUsers",
            "EmbeddedIssuer",
            "Lists the demo users",
            {
                "type": "object",
                "required": ["users"],
                "properties": {
                    "users": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "role", "unit", "level"],
                            "properties": {name: {"type": "string"} for name in ("id", "role", "unit", "level")},
                        },
                    }
                },
            },
        )
    },
    "/issuer/token": {
        "post": {
            "operationId": "createToken",
            "tags": ["EmbeddedIssuer"],
            "summary": "Answers a bearer token of a demo user",
            "security": [],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": _TOKEN_REQUEST},
                    "application/x-www-form-urlencoded": {"schema": _TOKEN_REQUEST},
                },
            },
            "responses": {
                "200": {
                    "description": "The token.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["access_token", "token_type", "expires_in"],
                                "properties": {
                                    "access_token": {"type": "string"},
                                    "token_type": {"type": "string"},
                                    "expires_in": {"type": "integer"},
                                },
                            }
                        }
                    },
                },
                **_refusals(400, 413, 415),
            },
        }
    },
}
