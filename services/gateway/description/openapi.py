"""OpenAPI 3.1 of every RPC, written from the same shapes that serve it."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from services.gateway.description.examples import KEY, example_of, lines_of
from services.gateway.rest.batches import MOST, collection_of, path_of
from services.gateway.rest.binding import Shape, bound_of, form_of
from services.gateway.rest.contract import Contract
from services.gateway.rest.described import COMPONENTS, INTRODUCTION
from services.gateway.rest.events import EVENTS, LINES
from services.gateway.rest.files import ANY, TYPES, file_shape
from services.gateway.rest.forms import FORM, FormReader
from services.gateway.rest.query import field_path
from services.gateway.rest.schema import Schema, Schemas, refuses_absence, rules_of, split_pattern
from services.gateway.rest.template import Variable
from services.kit.serving.masks import is_changed

_USUAL = {"Idempotency-Key": KEY, "pageSize": 20}
_ALWAYS = (400, 401, 403, 404, 406, 429, 500, 503, 504)


def document(contract: Contract, shapes: list[Shape], backends: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the OpenAPI document; `backends` says for each gRPC service which backends serve it."""
    schemas = Schemas(contract)
    for shape in shapes:
        if shape.body == "*" and not shape.rpc.client_streaming:
            schemas.hide(shape.rpc.takes, _elsewhere(shape))
    paths: dict[str, dict[str, Any]] = {}
    for shape in shapes:
        writer = _Operation(shape, schemas, contract.patterns, backends[shape.rpc.service])
        paths.setdefault(writer.path, {})[shape.method.lower()] = writer.operation()
        if collection := collection_of(shape):
            paths[path_of(collection)] = {"get": writer.batch(collection)}
    for path in paths.values():
        for operation in path.values():
            _show(operation, schemas.components)
    services = dict.fromkeys(shape.rpc.service for shape in shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Accord",
            "version": "1",
            "summary": "One case, one plan, one accountable unit, and clocks that cannot be lost.",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": _tag(name), "description": schemas.comment(name)} for name in services],
        "paths": paths,
        "components": {**COMPONENTS, "schemas": {**COMPONENTS["schemas"], **schemas.components}},
    }


def _tag(service: str) -> str:
    return service.rpartition(".")[2].removesuffix("Service")


def _elsewhere(shape: Shape) -> set[str]:
    """Return the fields of a request that come in the path or headers, so that there is only one way to set them."""
    hidden = {variable.field for variable in shape.template.variables}
    if shape.takes_key:
        hidden.add("request_id")
    return hidden | ({"etag"} if shape.etag_path == ("etag",) else set())


def _show(operation: dict[str, Any], components: dict[str, Schema]) -> None:
    """Add an example of what is sent: each parameter that has no few choices, and the least that a body may be.

    Of a list, the size of a page as well: it is filled in where one tries it.
    """
    for parameter in operation["parameters"]:
        if parameter.get("name") in _USUAL:
            parameter["example"] = _USUAL[parameter["name"]]
        elif "schema" in parameter and "enum" not in parameter["schema"] and parameter.get("required"):
            parameter["example"] = example_of(parameter["schema"], components)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "x-line-schema" in content:
            content["example"] = lines_of(content["x-line-schema"], components)
        else:
            content["example"] = example_of(content["schema"], components)


def _as_file(first: bool) -> dict[str, Any]:
    when = "returned unless the client requests another type" if first else "returned if the client requests its type"
    schema = {"description": f"The file itself, {when}."}
    return {kind: {"schema": schema} for kind in (*TYPES.values(), ANY)}


def _after(segment: str) -> str:
    """Return what a wildcard is called after a segment; `*/*`, something in any collection, is called so everywhere.

    Paths of one form must have the same names.
    """
    return segment.removesuffix("s") if segment not in ("", "*") else "matter" if segment else "collection"


class _Operation:
    """Describes one shape."""

    def __init__(self, shape: Shape, schemas: Schemas, patterns: tuple[str, ...], backends: tuple[str, ...]) -> None:
        self._shape = shape
        self._schemas = schemas
        self._patterns = patterns
        self._backends = backends
        self._segments = ["*" if segment is None else segment for segment in shape.template.segments]
        self._path_parameters = [p for variable in shape.template.variables for p in self._bind(variable)]
        verb = f":{shape.template.verb}" if shape.template.verb else ""
        self.path = "/" + "/".join(self._segments) + verb

    def operation(self) -> dict[str, Any]:
        """Return the operation object."""
        shape, rpc = self._shape, self._shape.rpc
        comment = self._schemas.comment(rpc.full_name)
        operation: dict[str, Any] = {
            "operationId": rpc.name[0].lower() + rpc.name[1:] + (str(shape.number + 1) if shape.number else ""),
            "tags": [_tag(rpc.service)],
            "summary": comment.partition(". ")[0].partition(": ")[0].rstrip("."),
            "description": f"{comment}\n\nPermission: `{rpc.permission}`.",
            "x-permission": rpc.permission,
            **({"security": [{}, {"bearer": []}]} if rpc.public else {}),
            "x-grpc-method": rpc.path.lstrip("/"),
            "parameters": [*self._path_parameters, *self._query(), *self._headers()],
        }
        body = self._request_body()
        if body:
            operation["requestBody"] = body
        operation["responses"] = self._responses()
        return operation

    def batch(self, collection: str) -> dict[str, Any]:
        """Return the operation object of many resources in one request."""
        rpc = self._shape.rpc
        one = self._schemas.value(rpc.takes.fields_by_name["name"], asked=True)
        names = {"type": "array", "minItems": 1, "maxItems": MOST, "items": one}
        found = {
            collection: {"type": "array", "items": self._schemas.reference(rpc.answers, asked=False)},
            "unavailable": {"type": "array", "items": {"type": "string"}},
        }
        schema = {"type": "object", "required": list(found), "properties": found}
        parameter = {
            "name": "names", "in": "query", "required": True, "style": "form", "explode": True, "schema": names,
            "description": f"The names, at most {MOST}.", "example": [example_of(one, {})],
        }  # fmt: skip
        return {
            "operationId": f"batchGet{collection[0].upper()}{collection[1:]}",
            "tags": [_tag(rpc.service)],
            "summary": f"Gets many of `{collection}` in one request",
            "description": f"As `GET {self.path}` for each name, in their order. `unavailable` has the names of what "
            f"is not there or not the caller's.\n\nPermission: `{rpc.permission}`.",
            "x-permission": rpc.permission,
            **({"security": [{}, {"bearer": []}]} if rpc.public else {}),
            "parameters": [{"$ref": "#/components/parameters/AcceptLanguage"},
                           {"$ref": "#/components/parameters/RequestTimeout"}, parameter],
            "responses": {
                "200": {"description": "What was found.", "content": {"application/json": {"schema": schema}}},
                **{str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in _ALWAYS},
                "default": {"$ref": "#/components/responses/Problem"},
            },
        }  # fmt: skip

    @property
    def _ranged(self) -> bool:
        """Return whether a part of a file can be asked for."""
        rpc = self._shape.rpc
        file = file_shape(rpc.answers, parts=rpc.server_streaming) if self._shape.method == "GET" else None
        return file is not None and file.ranged

    def _bind(self, variable: Variable) -> list[dict[str, Any]]:
        """Return the parameters of a path variable, one per wildcard, and name them in the path."""
        descriptor = self._shape.rpc.takes
        field = field_path(descriptor, variable.field)[-1]
        end = variable.end or len(self._segments)
        bound = self._segments[variable.start : end]
        names = self._names(bound, field)
        parts = list(split_pattern(rules_of(field).string.pattern))
        fits = len(parts) == len(bound) and all(s in ("*", p) for s, p in zip(bound, parts, strict=True))
        found = []
        for offset, segment in enumerate(bound):
            if segment not in ("*", "**"):
                continue
            name = names[offset]
            self._segments[variable.start + offset] = f"{{{name}}}"
            schema = self._segment_schema(field, bound, parts[offset] if fits else "")
            found.append(
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "description": self._schemas.comment(field.full_name),
                    "schema": schema,
                }
            )
        return found

    def _segment_schema(self, field: FieldDescriptor, bound: list[str], pattern: str) -> Schema:
        if field.name == "service" and len(self._backends) > 1:
            return {"type": "string", "enum": list(self._backends)}
        if bound == ["*"]:
            return {"minLength": 1, **self._schemas.value(field, asked=True)}
        return {"type": "string", "pattern": f"^{pattern}$"} if pattern else {"type": "string", "minLength": 1}

    def _names(self, bound: list[str], field: FieldDescriptor) -> list[str]:
        if len(bound) == 1:
            return [field.json_name]
        for pattern in self._patterns:
            parts = pattern.split("/")
            if len(parts) == len(bound) and all(
                part.startswith("{") if segment == "*" else part == segment
                for segment, part in zip(bound, parts, strict=True)
            ):
                return [part.strip("{}") for part in parts]
        return [_after(bound[index - 1] if index else "") for index in range(len(bound))]

    def _query(self) -> list[dict[str, Any]]:
        hidden = _elsewhere(self._shape)
        found = []
        for name, path in self._shape.query.items():
            leaf = path[-1]
            if ".".join(field.name for field in path) in hidden:
                continue
            schema = self._schemas.value(leaf, asked=True)
            parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
            if len(path) == 1 and refuses_absence(leaf):
                parameter["required"] = True
            parameter["description"] = self._schemas.comment(leaf.full_name)
            if leaf.is_repeated:
                parameter |= {"style": "form", "explode": True}
            found.append(parameter)
        return found

    def _headers(self) -> list[dict[str, Any]]:
        shape = self._shape
        names = ["AcceptLanguage"]
        if not (shape.rpc.server_streaming or shape.rpc.client_streaming):
            names.append("RequestTimeout")
        if shape.etag_path:
            names.append("IfMatch")
        if shape.answers_etag and shape.method == "GET":
            names.append("IfNoneMatch")
        if self._ranged:
            names.append("Range")
        if "after_position" in shape.rpc.takes.fields_by_name and shape.rpc.server_streaming:
            names.append("LastEventId")
        found: list[dict[str, Any]] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
        field = self._key()
        if field is not None:
            lines = "" if shape.takes_key else " Needed with a form; lines have it in their header."
            found.append(
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": shape.takes_key,
                    "description": self._schemas.comment(field.full_name)
                    + " The same key with another body is refused (422)."
                    + lines,
                    "schema": self._schemas.value(field, asked=True),
                }
            )
        return found

    def _key(self) -> FieldDescriptor | None:
        """Return the field that the Idempotency-Key sets; of a stream that is sent as a form, one of its header."""
        fields = self._shape.rpc.takes.fields_by_name
        if not self._shape.takes_key:
            form = form_of(self._shape)
            header = fields[form.header].message_type if form is not None and form.keyed else None
            return header.fields_by_name["request_id"] if header is not None else None
        return fields["request_id"]

    def _request_body(self) -> dict[str, Any] | None:
        shape, request = self._shape, self._shape.rpc.takes
        if not shape.body:
            return None
        if shape.rpc.client_streaming:
            line = self._schemas.reference(request, asked=True)
            text = f"One {request.name} as JSON on each line."
            lines = {LINES: {"schema": {"type": "string", "description": text}, "x-line-schema": line}}
            return {"required": True, "description": text, "content": lines | self._form()}
        if shape.body == "*":
            schema = self._schemas.reference(request, asked=True)
            required = "required" in self._schemas.components[schema["$ref"].rpartition("/")[2]]
        else:
            field = request.fields_by_name[shape.body]
            schema, required = self._schemas.value(field, asked=True), refuses_absence(field)
            if shape.method == "PATCH" and field.message_type is not None:
                schema = self._partial(field.message_type)
        return {"required": required, "content": {"application/json": {"schema": schema}} | self._form()}

    def _form(self) -> dict[str, Any]:
        """Return the request as a form, if it holds a file."""
        form = form_of(self._shape)
        if form is None:
            return {}
        fields = FormReader(self._shape.rpc.takes, form, bound_of(self._shape)).fields
        properties = {name: self._schemas.value(path[-1], asked=True) for name, path in fields.items()}
        needed = [name for name, path in fields.items() if all(map(refuses_absence, path))]
        file = {"type": "string", "format": "binary", "description": "The file, after the fields. Its name is kept."}
        schema = {"type": "object", "required": [*needed, "file"], "properties": {**properties, "file": file}}
        return {FORM: {"schema": schema}}

    def _partial(self, resource: Descriptor) -> Schema:
        """Return the schema of a change: the fields that can be changed, all optional."""
        fields = [field for field in resource.fields if is_changed(field) or field.name == "etag"]
        return {
            "type": "object",
            "description": f"{self._schemas.comment(resource.full_name)} The given fields are changed.".strip(),
            "minProperties": 1,
            "properties": {field.json_name: self._schemas.property(field, asked=True) for field in fields},
            "additionalProperties": False,
        }

    def _responses(self) -> dict[str, Any]:
        shape = self._shape
        statuses = list(_ALWAYS)
        if shape.method != "GET":
            statuses.append(409)
        if shape.body:
            statuses += [413, 415]
        if shape.etag_path:
            statuses.append(412)
        if shape.takes_key:
            statuses.append(422)
        responses: dict[str, Any] = {"200": self._good()}
        if self._ranged:
            responses["206"] = {"description": "The part of the file that Range asks for.", "content": _as_file(True)}
            statuses.append(416)
        if shape.answers_etag and shape.method == "GET":
            responses["304"] = {"description": "It is still the version named in If-None-Match."}
        for status in sorted(statuses):
            responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
        responses["default"] = {"$ref": "#/components/responses/Problem"}
        return responses

    def _good(self) -> dict[str, Any]:
        shape, rpc = self._shape, self._shape.rpc
        schema = self._schemas.reference(rpc.answers, asked=False)
        name = rpc.answers.name
        description = self._schemas.comment(rpc.answers.full_name) or name
        if shape.response_body:
            schema = self._schemas.value(rpc.answers.fields_by_name[shape.response_body], asked=False)
        if not rpc.server_streaming:
            file = file_shape(rpc.answers, parts=False) if shape.method == "GET" else None
            answer: dict[str, Any] = {"description": description, "content": {"application/json": {"schema": schema}}}
            if file is not None:
                answer["content"] |= _as_file(file.whole)
                answer["headers"] = {"Content-Disposition": {"$ref": "#/components/headers/ContentDisposition"}}
            if shape.answers_etag:
                answer["headers"] = answer.get("headers", {}) | {"ETag": {"$ref": "#/components/headers/ETag"}}
            return answer
        lines = f"One {name} as JSON on each line. An error midway is a last line with the member `error`, a Problem."
        events = (
            f"Server-sent events; the data of each is one {name} as JSON. A comment every 15 seconds of silence. "
            "An error midway is an event `problem` with a Problem as data."
        )
        content: dict[str, Any] = {}
        if not rpc.client_streaming:
            content[EVENTS] = {"schema": {"type": "string", "description": events}, "x-event-schema": schema}
        if file_shape(rpc.answers, parts=True) is not None:
            content |= _as_file(True)
        content[LINES] = {"schema": {"type": "string", "description": lines}, "x-line-schema": schema}
        return {"description": description, "content": content}
