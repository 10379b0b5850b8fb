"""The API's description: `/openapi.json`, and Swagger UI out of an installed wheel. No foreign host is asked."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

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
    """Return the folder of Swagger UI's files in the installed wheel; None where it is not installed."""
    spec = importlib.util.find_spec("fastapi_offline")
    folder = Path(spec.origin).parent / "static" if spec and spec.origin else None
    return folder if folder and (folder / "swagger-ui-bundle.js").exists() else None


def routes(document: dict[str, Any]) -> list[Route | Mount]:
    """Return the routes `/openapi.json` and `/docs`."""
    body = orjson.dumps(document)
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    folder = assets()

    async def description(request: Request) -> Response:
        headers = {"etag": etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    async def page(request: Request) -> Response:
        return HTMLResponse(_PAGE if folder else _PLAIN, headers={"content-security-policy": _CSP})

    async def start(request: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    found: list[Route | Mount] = [
        Route("/openapi.json", description),
        Route("/docs", page),
        Route("/docs/start.js", start),
    ]
    if folder:
        found.append(Mount("/docs/assets", StaticFiles(directory=folder)))
    return found
