"""The gateway's process: read the settings, build, serve until told to stop."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn

from services.gateway.app import Gateway
from services.gateway.guard import guarded
from services.gateway.rest.contract import ContractError
from services.gateway.routers.issuer import IssuerError
from services.gateway.settings import GatewaySettings
from services.kit.serving.settings import read_settings
from services.kit.serving.telemetry import serve_metrics, set_up

KEEP_ALIVE = 75
"""Seconds for which an idle connection stays open: longer than clients and proxies keep theirs (nginx: 60).

Whoever closes second has sent a request into a connection that is gone, and cannot know whether it was handled.
"""
_LOG = structlog.get_logger("gateway")


class Server(uvicorn.Server):
    """Ends open streams as soon as it is asked to stop: they would delay the shutdown."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal; called by the event loop's signal handler."""
        self._gateway.stopping.set()
        super().handle_exit(sig, frame)


def config_of(gateway: Gateway, settings: GatewaySettings) -> uvicorn.Config:
    """Return how a gateway is served; without a socket of its own it listens here, wherever there is room."""
    return uvicorn.Config(
        gateway.app(),
        loop="uvloop",
        http=guarded(settings),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=7,
        port=0,
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read_settings(GatewaySettings)
    set_up(settings, "gateway")
    try:
        gateway = Gateway(settings)
    except (ContractError, IssuerError, OSError) as error:
        sys.exit(f"gateway: {error}")
    listener = _listen(settings.listen)
    serve_metrics(settings)
    config = config_of(gateway, settings)
    # As in the services: what was loaded stays in memory; the collector need not visit it with every batch of calls.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    # uvicorn raises the signal again after stopping; a requested stop is not a failure.
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, _leave)
    _LOG.info("serving", listen=settings.listen)
    try:
        Server(config, gateway).run(sockets=[listener])
    finally:
        _LOG.info("stopped")


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    try:
        return socket.create_server((host, int(port)), backlog=2048)
    except OSError as error:
        sys.exit(f"ACCORD_LISTEN: cannot listen on {address}: {error.strerror}")


def _leave(sign: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
