"""Routers in the OpenAPI document: operations from their routes, schemas from their models.

FastAPI's own generator is not used: it knows neither the errors nor the format of the document from the contracts.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

READ = ["GET", "HEAD"]
"""Methods of a read-only path."""
_KEPT = ("type", "description", "required", "properties", "items")


def paths(router: APIRouter) -> dict[str, Any]:
    """Return the paths of a router, except those left out of the schema."""
    return {
        route.path: {method.lower(): _operation(route) for method in sorted((route.methods or set()) - {"HEAD"})}
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    }


def schema_of(model: type[object]) -> dict[str, Any]:
    """Return the complete schema of a model, without references, titles and docstrings."""
    schema = TypeAdapter(model).json_schema(mode="serialization")
    return _written(schema, schema.get("$defs", {}))


def _written(schema: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        schema = models[schema["$ref"].rpartition("/")[2]]
    written = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in written:
        written.pop("description", None)
        written["properties"] = {name: _written(each, models) for name, each in schema["properties"].items()}
    if "items" in written:
        written["items"] = _written(schema["items"], models)
    return written


def _operation(route: APIRoute) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": f"{route.summary}.", "content": _json(route.response_model)}}
    for status, given in route.responses.items():
        content = {"content": _json(given["model"])} if "model" in given else {}
        said = {key: value for key, value in given.items() if key != "model"}
        answers[str(status)] = answers.get(str(status), {}) | said | content
    return {
        "operationId": route.operation_id,
        "tags": list(route.tags),
        "summary": route.summary,
        "security": [],
        **(route.openapi_extra or {}),
        "responses": answers,
    }


def _json(model: type[object]) -> dict[str, Any]:
    return {"application/json": {"schema": schema_of(model)}}
