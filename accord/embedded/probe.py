"""Questions to a process whether it serves; each answers within about a second and never raises."""

from __future__ import annotations

import http.client

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit.serving.tls import Tls

_SECONDS = 1.0


def serves_grpc(address: str, service: str = "", tls: Tls | None = None) -> bool:
    """Whether the gRPC server at host:port reports this service (all of it by default) as SERVING."""
    options = [("grpc.enable_http_proxy", 0)]
    opened = (
        grpc.secure_channel(address, tls.client(), options=options)
        if tls
        else grpc.insecure_channel(address, options=options)
    )
    with opened as channel:
        try:
            request = health_pb2.HealthCheckRequest(service=service)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def answers_http(port: int, path: str) -> bool:
    """Whether GET of this path on 127.0.0.1 answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
