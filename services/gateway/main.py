"""The gateway's process: read the settings, build, serve until told to stop."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import structlog
import uvicorn

from services.gateway.app import Gateway
from services.gateway.contract import ContractError
from services.gateway.issuer import IssuerError
from services.gateway.settings import GatewaySettings
from services.kit.settings import read_settings
from services.kit.telemetry import serve_metrics, set_up

_LOG = structlog.get_logger("gateway")


class Server(uvicorn.Server):
    """Tells open streams to end as soon as it is asked to stop: they would hold the stop up."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal; called by the event loop's signal handler."""
        self._gateway.stopping.set()
        super().handle_exit(sig, frame)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read_settings(GatewaySettings)
    set_up(settings, "gateway")
    try:
        gateway = Gateway(settings)
    except (ContractError, IssuerError, OSError) as error:
        sys.exit(f"gateway: {error}")
    serve_metrics(settings.metrics_port)
    host, _, port = settings.listen.rpartition(":")
    config = uvicorn.Config(
        gateway.app(),
        host=host,
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=7,
    )
    _LOG.info("started", listen=settings.listen)
    try:
        Server(config, gateway).run()
    except KeyboardInterrupt:
        # uvicorn raises the signal again once it has stopped.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _LOG.info("stopped")


if __name__ == "__main__":
    main()
