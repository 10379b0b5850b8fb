"""The parts of the OpenAPI document that are in no contract: introduction, problems, headers."""

from __future__ import annotations

from typing import Any

from services.gateway.rest.binding import IF_MATCH
from services.gateway.rest.wording import REASONS, TITLES

INTRODUCTION = """REST for client apps. Every RPC of the contracts is available at the path of its HTTP rule.

- **JSON**: names are lowerCamelCase (contract names are accepted too); 64-bit integers are returned as strings;
  enums go by name; times are RFC 3339 in UTC. A field without presence is always returned (`false`, `0`,
  `""`, `[]`); times and messages that are not set are left out. Unknown fields, `null` and members given twice are
  refused.
- **Writes** carry an `Idempotency-Key`: a repeat with the same key and body gets the first answer.
- **Versions**: send a response's `ETag` in `If-Match` to change only that version (412 otherwise), or in
  `If-None-Match` to read only what has changed (304). The field `etag` of a request can be used instead.
- **Changes** (`PATCH`) are partial: fields in the body are changed, the rest stays. `updateMask` narrows that, or names
  fields to clear; names as in JSON or as in the contracts, `*` for all. Immutable fields are refused by name.
- **Sent and returned**: what is both has two schemas. `Report` is returned, with all that the service sets;
  `ReportInput` is sent, with the rules that it must follow.
- **Lists** return `nextPageToken`; send it as `pageToken` until it is empty. Some take `orderBy` (`receiveTime desc`),
  and with `withTotal` they return `totalSize`.
- **Errors** are problem documents (RFC 9457) with a stable `code`, in Chinese or English as `Accept-Language` asks.
- **Files** come as files, with their name in `Content-Disposition`; as JSON if `application/json` is requested, in
  parts for `text/event-stream` or `application/x-ndjson`. Documents of a case are JSON by default. `Range` gets a part
  of evidence. They are sent as `multipart/form-data` or as base64 in JSON.
- **Bodies** may be packed: `Content-Encoding: gzip`.
- **Deadlines**: `Request-Timeout` in seconds shortens the gateway's own.
"""


STAGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("在门口：报事人、大厅、受理", "At the door: the reporter, the hall, the desk", (
        "EmbeddedIssuer", "Account", "Lookup", "Calendar", "Intake", "Reporter", "PublicReport", "Hall", "Desk",
        "Link", "Forward", "Grid", "GridTerm", "Official",
    )),
    ("一件案件：方案、调解、文书、期限", "A case: its plan and people, mediation, papers, time", (
        "Mediation", "CasePlan", "PlanType", "PlanMigration", "People", "Invitation", "CaseContent", "Progress",
        "Timeline", "Consent", "Mediator", "Panel", "Safeguard", "Session", "Booking", "Caucus", "Evidence",
        "Agreement", "Confirmation", "Fulfilment", "FollowUp", "Docking", "Document", "Objection", "Offer", "Grant",
        "Notice", "Contact", "Clock", "Worklist",
    )),
    ("上一级：提级、台账、函件、会议、预防", "The level above: ladders, ledger, letters, meetings, prevention", (
        "Escalation", "Absence", "Handover", "Ledger", "Plan", "TaskForce", "Lead", "Expert", "Consultation",
        "Monitoring", "Letter", "Meeting", "Schedule", "Review", "Warning", "Cluster", "Recommendation", "Campaign",
        "Clue", "CluePrivacy", "Backlog", "Digest", "Register", "Statistics", "Indicator", "Assessment",
    )),
    ("个人信息权利，系统之间", "Privacy, and what machines do among themselves", (
        "CaseFile", "PortableCase", "History", "Predecessor", "ReportPrivacy", "Erasure", "Partner", "Attachment",
        "Subscription", "Feed", "Standing", "ReportFacts", "CaseFacts", "Facts", "Operations",
    )),
)  # fmt: skip
"""The tags in the order in which people meet them, by stage in Chinese and English: a newcomer reads from the top."""
JOURNEY = tuple(name for _, _, names in STAGES for name in names)


def by_journey(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return tags in the order of the journey; one that has no place yet comes last."""
    places = {name: place for place, name in enumerate(JOURNEY)}
    return sorted(tags, key=lambda tag: places.get(tag["name"], len(places)))


def header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a request header as a parameter."""
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
    return {**found, "Problem": {"description": "Any other error.", "content": content}}


COMPONENTS: dict[str, Any] = {
    "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    "headers": {
        "ETag": {"description": "Version of the resource.", "schema": {"type": "string"}},
        "ContentDisposition": {
            "description": "Name of the file, if the file itself is returned (RFC 6266).",
            "schema": {"type": "string"},
        },
        "RetryAfter": {"description": "Seconds to wait before retrying.", "schema": {"type": "string"}},
    },
    "parameters": {
        "AcceptLanguage": header("Accept-Language", "`zh` (default) or `en`.", {"type": "string"}),
        "RequestTimeout": header(
            "Request-Timeout",
            "Seconds the response may take.",
            {"type": "integer", "minimum": 1, "maximum": 999_999_999},
        ),
        "IfMatch": header(
            "If-Match",
            "Version to change, from ETag; by default the current one.",
            {"type": "string", "pattern": IF_MATCH},
        ),
        "IfNoneMatch": header(
            "If-None-Match", "Version already known, from ETag.", {"type": "string", "pattern": r"^[!-~ ]{0,200}$"}
        ),
        "Range": header(
            "Range",
            "One range of bytes of the file itself.",
            {"type": "string", "pattern": r"^bytes=([0-9]{1,15}-[0-9]{0,15}|-[0-9]{1,15})$"},
        ),
        "LastEventId": header(
            "Last-Event-ID",
            "The last event's id: the stream continues after it, unless `afterPosition` is given.",
            {"type": "string", "pattern": "^[0-9]{1,18}$"},
        ),
    },
    "responses": _problem_responses(),
    "schemas": {
        "Problem": {
            "type": "object",
            "title": "Problem",
            "description": "An error (RFC 9457).",
            "required": ["type", "title", "status", "detail", "instance", "code", "traceId"],
            "properties": {
                "type": {"type": "string", "description": "URN of the kind of problem: the code in kebab-case."},
                "title": {"type": "string", "description": "The kind of problem, in the caller's language."},
                "status": {"type": "integer", "description": "The HTTP status."},
                "detail": {"type": "string", "description": "What went wrong, in the caller's language."},
                "instance": {"type": "string", "description": "URN of this occurrence."},
                "code": {
                    "type": "string",
                    "description": "Stable reason code. The gateway's own: "
                    + ", ".join(f"`{r}`" for r in REASONS)
                    + ".",
                },
                "traceId": {"type": "string", "description": "Id of this request in logs and traces."},
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


def refusals(*statuses: int) -> dict[int | str, Any]:
    """Return the error responses of an operation with these statuses, each a problem document."""
    named: dict[int | str, Any] = {
        str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses
    }
    return {**named, "default": {"$ref": "#/components/responses/Problem"}}
