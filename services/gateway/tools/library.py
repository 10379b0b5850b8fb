"""The library of the Model Context Protocol, without sessions: each request is answered by itself, as JSON.

Imported with the first request to the door, not when the gateway starts.
"""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import mcp_types as types
import orjson
import structlog
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.types import Receive

from services.gateway.rest.exchange import Exchange
from services.gateway.tools.calls import Tools
from services.gateway.tools.chosen import INSTRUCTIONS

_EXCHANGE = "accord.exchange"
_LOG = structlog.get_logger("gateway")
# What it logs may quote what was sent, in which there are names; the gateway logs every request itself.
logging.getLogger("mcp").addHandler(logging.NullHandler())
logging.getLogger("mcp").propagate = False


class Library:
    """Answers messages of the protocol."""

    def __init__(self, tools: Tools, limit: int) -> None:
        self._tools, self._limit = tools, limit
        self._servers = {language: self._server(language) for language in INSTRUCTIONS}
        self._listed = {
            language: [types.Tool.model_validate(each) for each in tools.listed(language)] for language in INSTRUCTIONS
        }

    async def serve(self, exchange: Exchange, receive: Receive) -> None:
        """Answer one request, whose body `receive` gives."""
        manager = StreamableHTTPSessionManager(
            self._servers[exchange.language], json_response=True, stateless=True,
            max_request_body_size=self._limit,
        )  # fmt: skip
        async with manager.run():
            await manager.handle_request({**exchange.scope, _EXCHANGE: exchange}, receive, exchange.send)

    def _server(self, language: str) -> Server[Any]:
        server = Server[Any](
            "accord", version=_version(), title="Accord 和议", instructions=INSTRUCTIONS[language],
            on_list_tools=self._list, on_call_tool=self._call,
        )  # fmt: skip
        server.middleware.clear()  # It traces the arguments' errors; the gateway traces each request itself.
        return server

    async def _list(
        self, context: ServerRequestContext[Any, Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self._listed[_exchange(context).language])

    async def _call(
        self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            outcome = await self._tools.call(_exchange(context), params.name, params.arguments or {})
        except Exception:
            # The library would tell the caller what is in the error.
            _LOG.exception("unforeseen fault", route="tool", trace=_exchange(context).trace_id)
            raise MCPError(types.INTERNAL_ERROR, "Internal error") from None
        if outcome is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        text = types.TextContent(text=orjson.dumps(outcome.content).decode())
        return types.CallToolResult(content=[text], structured_content=outcome.content, is_error=outcome.refused)


def _exchange(context: ServerRequestContext[Any, Any]) -> Exchange:
    assert context.request is not None
    exchange: Exchange = context.request.scope[_EXCHANGE]
    return exchange


def _version() -> str:
    try:
        return version("accord")
    except PackageNotFoundError:
        return "0"
