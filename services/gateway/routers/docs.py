"""The API's description: `/openapi.json`, a page of all groups, and Swagger UI for each; events in `/asyncapi.json`.

No external host is used.

Swagger UI draws all operations at once: of the whole description in many seconds, of a group in a moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from services.gateway.description import asyncapi
from services.gateway.description.examples import KEY
from services.gateway.rest.described import STAGES
from services.gateway.rest.problem import refuse
from services.gateway.routers.operations import READ

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_GROUP = """<!doctype html>
<html lang="zh">
<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">
<title>{name} · Accord API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<p style="margin:1em 2em"><a href="/docs">全部分组 / All groups</a></p>
<div id="ui" lang="en"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_START = """window.ui = SwaggerUIBundle({url: location.pathname.replace("/docs/", "/openapi/") + ".json", dom_id: "#ui",
  deepLinking: true, docExpansion: "list", defaultModelsExpandDepth: -1,
  persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true,
  // Swagger UI would read the description as YAML, and resolve every reference in it to find out how one signs in.
  plugins: [() => ({statePlugins: {spec: {wrapActions: {
    parseToJson: (parse, system) => text => { if (text) system.specActions.updateJsonSpec(JSON.parse(text)); },
    requestResolvedSubtree: (resolve, system) => path => path.join() === "components,securitySchemes"
      ? system.specActions.updateResolvedSubtree(path, system.specSelectors.specJson().getIn(path).toJS())
      : resolve(path),
  }}}})],
  requestInterceptor: request => {
    // The key of the example is everybody's: each try gets one of its own.
    if (request.headers["Idempotency-Key"] === "KEY")
      request.headers["Idempotency-Key"] = "try-" + Date.now() + "-" + Math.random().toString(36).slice(2);
    // Swagger UI shows lines of JSON as one text in quotes; sent are the lines.
    if (request.headers["Content-Type"] === "application/x-ndjson" && String(request.body).startsWith('"'))
      request.body = JSON.parse(request.body);
    return request;
  }});
""".replace("KEY", KEY)
_INDEX = """<!doctype html>
<html lang="zh">
<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">
<title>Accord API</title>
<style>body{{font:16px/1.5 sans-serif;margin:2em;max-width:70em}} summary{{cursor:pointer;margin:.3em 0}}
td{{padding:.1em 1em .1em 0;vertical-align:top}} code{{overflow-wrap:anywhere}} h2 span{{font-weight:normal}}</style>
<main>
<h1>Accord API</h1>
<p>按办事顺序分组；展开查看接口，点击“试用”调用接口。<br>
<span lang="en">Groups in the order of the journey: open one to see its calls, follow “Try” to call them.</span><br>
接口说明 / <span lang="en">Description</span>: <a href="/openapi.json">/openapi.json</a> ·
事件 / <span lang="en">Events</span>: <a href="/asyncapi.json">/asyncapi.json</a></p>
{stages}</main>
</html>
"""
_STAGE = """<h2>{zh} <span lang="en">{en}</span></h2>
<div lang="en">
{groups}</div>
"""
_DETAILS = """<details><summary><b>{name}</b> {count} · {said}</summary>{link}<table>{calls}</table></details>
"""
_LINK = '<p><a href="/docs/{name}"><span lang="zh">试用</span> / Try {name}</a></p>'
_CALL = "<tr><td><b>{method}</b></td><td><code>{path}</code></td><td>{summary}</td></tr>"
_REFERENCE = re.compile(rb'"#/components/([A-Za-z]+)/([A-Za-z0-9_.-]+)"')


def assets() -> Path | None:
    """Return the folder of Swagger UI's files in the installed wheel; None if it is not installed."""
    spec = importlib.util.find_spec("fastapi_offline")
    folder = Path(spec.origin).parent / "static" if spec and spec.origin else None
    return folder if folder and (folder / "swagger-ui-bundle.js").exists() else None


_FOLDER = assets()


@dataclass(frozen=True, slots=True)
class Description:
    """The OpenAPI document as it is sent, whole and by group, and its version."""

    body: bytes
    etag: str
    document: dict[str, Any]
    index: str

    @classmethod
    def of(cls, document: dict[str, Any]) -> Description:
        """Return a document ready to send."""
        body = orjson.dumps(document)
        return cls(body, _etag(body), document, _index(document))

    def group(self, tag: str) -> bytes:
        """Return the document of one group, with what its operations refer to; empty if there is no such group."""
        groups = [each for each in self.document["tags"] if each["name"] == tag]
        if not groups:
            return b""
        paths = _paths_of(self.document, tag)
        components = _reached(paths, self.document["components"])
        return orjson.dumps({**self.document, "tags": groups, "paths": paths, "components": components})


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


@lru_cache(maxsize=1)
def _events(event: bytes, version: str) -> bytes:
    """Return the catalogue of events, made once it is asked for: it takes most of a second."""
    return orjson.dumps(asyncapi.document(orjson.loads(event), version))


def _paths_of(document: dict[str, Any], tag: str) -> dict[str, Any]:
    found = {
        path: {method: each for method, each in methods.items() if tag in each["tags"]}
        for path, methods in document["paths"].items()
    }
    return {path: methods for path, methods in found.items() if methods}


def _reached(paths: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Return the components that paths refer to, directly or through others, and how one signs in."""
    found: dict[str, Any] = {"securitySchemes": components["securitySchemes"]}
    waiting = set(_REFERENCE.findall(orjson.dumps(paths)))
    while waiting:
        kind, name = (part.decode() for part in waiting.pop())
        if name not in found.setdefault(kind, {}):
            found[kind][name] = components[kind][name]
            waiting.update(_REFERENCE.findall(orjson.dumps(components[kind][name])))
    return found


def _index(document: dict[str, Any]) -> str:
    """Return the page of all groups in their order, each with its calls."""
    tags = {tag["name"]: tag for tag in document["tags"]}
    stages = [
        _STAGE.format(zh=zh, en=en, groups="".join(_details(document, tags[name]) for name in names if name in tags))
        for zh, en, names in STAGES
    ]
    return _INDEX.format(stages="".join(stages))


def _details(document: dict[str, Any], tag: dict[str, str]) -> str:
    name, calls = escape(tag["name"]), [
        _CALL.format(method=method.upper(), path=escape(path), summary=escape(each["summary"]))
        for path, methods in _paths_of(document, tag["name"]).items() for method, each in methods.items()
    ]  # fmt: skip
    link, said = _LINK.format(name=name) if _FOLDER else "", escape(tag["description"])
    return _DETAILS.format(name=name, count=len(calls), said=said, link=link, calls="".join(calls))


async def _description(request: Request) -> Description:
    description: Description = request.app.state.description
    return description


router = APIRouter(include_in_schema=False)
if _FOLDER:
    router.mount("/docs/assets", StaticFiles(directory=_FOLDER))


@router.api_route("/openapi.json", methods=READ)
async def openapi(
    description: Annotated[Description, Depends(_description)], if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return the document, or 304 if the client has it."""
    headers = {"etag": description.etag, "cache-control": "no-cache"}
    if if_none_match == description.etag:
        return Response(status_code=304, headers=headers)
    return Response(description.body, media_type="application/json", headers=headers)


@router.api_route("/asyncapi.json", methods=READ)
async def events(
    description: Annotated[Description, Depends(_description)], if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return the catalogue of events as AsyncAPI, or 304 if the client has it."""
    shown, version = description.document["components"]["schemas"]["Event"], description.document["info"]["version"]
    body = await asyncio.to_thread(_events, orjson.dumps(shown), version)
    headers = {"etag": _etag(body), "cache-control": "no-cache"}
    if if_none_match == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@router.api_route("/openapi/{tag}.json", methods=READ)
async def group(
    tag: str, description: Annotated[Description, Depends(_description)],
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:  # fmt: skip
    """Return the document of one group, or 304 if the client has it."""
    headers = {"etag": description.etag, "cache-control": "no-cache"}
    if if_none_match == description.etag:
        return Response(status_code=304, headers=headers)
    found = description.group(tag)
    if not found:
        raise refuse("NO_SUCH_PATH")
    return Response(found, media_type="application/json", headers=headers)


@router.api_route("/docs", methods=READ)
async def page(description: Annotated[Description, Depends(_description)]) -> Response:
    """Return the page of all groups."""
    return HTMLResponse(description.index, headers={"content-security-policy": _CSP})


@router.api_route("/docs/start.js", methods=READ)
async def start() -> Response:
    """Return the script that starts Swagger UI: the page itself may not contain scripts."""
    return Response(_START, media_type="text/javascript")


@router.api_route("/docs/{tag}", methods=READ)
async def group_page(tag: str, description: Annotated[Description, Depends(_description)]) -> Response:
    """Return the page for trying the calls of a group, by Swagger UI from an installed wheel."""
    if _FOLDER is None or tag not in {each["name"] for each in description.document["tags"]}:
        raise refuse("NO_SUCH_PATH")
    return HTMLResponse(_GROUP.format(name=escape(tag)), headers={"content-security-policy": _CSP})
