"""Where the intake service is, and which credentials to use."""

from __future__ import annotations

import os
from collections.abc import Callable

import grpc

from accord.embedded import certificates
from accord.embedded.folder import StateFolder
from accord.embedded.keys import Keys, client_token
from accord.embedded.running import RunningStack
from accord.sign_in.login import LoginMint, login_at
from services.kit.serving.tls import open_channel

TOKEN_VARIABLE = "ACCORD_TOKEN"
_LARGEST_MESSAGE = 4 * 1024 * 1024


def credentials(folder: StateFolder) -> Callable[[], str]:
    """Return a token source for each new stream: `ACCORD_TOKEN`, who is signed in, or signed with the folder's key.

    Raises StackError if there is none of them.
    """
    if given := os.environ.get(TOKEN_VARIABLE):
        return lambda: given
    if (login := login_at(folder)) is not None:
        return LoginMint(login).token
    keys = Keys(folder.keys)
    client_token(keys)  # fail now rather than in the middle of the transfer
    return lambda: client_token(keys, services=("intake",))


def intake_address(folder: StateFolder, server: str = "") -> str:
    """Return host:port of intake: the one given, or that of the stack that runs in the folder (or StackError)."""
    return server or str(RunningStack.of(folder).facts["addresses"]["intake"])


def intake_channel(address: str) -> grpc.aio.Channel:
    """Return a channel that reconnects by itself within seconds after a restart of the service."""
    return open_channel(
        address,
        certificates.own(),
        [
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
        ],
    )
