"""The API's description: `/openapi.json`, and Swagger UI from an installed wheel. No external host is used."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from services.gateway.routers.operations import READ

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_PAGE = """<!doctype html>
<html lang="zh">
<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Accord API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<div id="ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_PLAIN = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><title>Accord API</title>
<p>接口说明 / API description: <a href="/openapi.json">/openapi.json</a></p></html>
"""
_START = """window.ui = SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", deepLinking: true, docExpansion: "none",
  persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true});
"""


def assets() -> Path | None:
    """Return the folder of Swagger UI's files in the installed wheel; None if it is not installed."""
    spec = importlib.util.find_spec("fastapi_offline")
    folder = Path(spec.origin).parent / "static" if spec and spec.origin else None
    return folder if folder and (folder / "swagger-ui-bundle.js").exists() else None


_FOLDER = assets()


@dataclass(frozen=True, slots=True)
class Description:
    """The OpenAPI document as it is sent, and its version."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, document: dict[str, Any]) -> Description:
        """Return a document ready to send."""
        body = orjson.dumps(document)
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')


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


@router.api_route("/docs", methods=READ)
async def page() -> Response:
    """Return the page for trying the API; a link to the document if Swagger UI is not installed."""
    return HTMLResponse(_PAGE if _FOLDER else _PLAIN, headers={"content-security-policy": _CSP})


@router.api_route("/docs/start.js", methods=READ)
async def start() -> Response:
    """Return the script that starts Swagger UI: the page itself may not contain scripts."""
    return Response(_START, media_type="text/javascript")
