"""Where one signs in to use the tools: metadata of a protected resource (RFC 9728), for programs of people."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from services.gateway.routers.operations import READ

PATH = "/mcp"
METADATA = f"/.well-known/oauth-protected-resource{PATH}"
router = APIRouter(include_in_schema=False)


@router.api_route(METADATA, methods=READ)
async def metadata(request: Request) -> dict[str, Any]:
    """Return the resource and the issuers of OpenID Connect whose tokens are taken."""
    base = str(request.base_url).rstrip("/")
    own = [f"{base}/issuer"] if request.app.state.issuer is not None else []
    return {
        "resource": f"{base}{PATH}",
        "resource_name": "Accord 和议",
        "authorization_servers": [*request.app.state.checker.providers, *own],
        "bearer_methods_supported": ["header"],
    }
