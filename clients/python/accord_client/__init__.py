"""A client of Accord's gRPC services: `Client`, or `AsyncClient` with the same calls to await."""

from accord_client.aio import AsyncClient
from accord_client.client import Client
from accord_client.errors import (
    AccordError,
    AlreadyExists,
    Conflict,
    FieldFault,
    InvalidField,
    NotFound,
    PermissionDenied,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    WrongState,
)
from accord_client.rpcs import Pages, Sending, Stream, Unary

__all__ = [
    "AccordError",
    "AlreadyExists",
    "AsyncClient",
    "Client",
    "Conflict",
    "FieldFault",
    "InvalidField",
    "NotFound",
    "Pages",
    "PermissionDenied",
    "Sending",
    "Stream",
    "TooManyRequests",
    "Unary",
    "Unauthenticated",
    "Unavailable",
    "WrongState",
]
