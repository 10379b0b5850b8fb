"""TLS between processes: each identifies itself with a certificate, and a service accepts only those it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from services.kit.serving.settings import ProcessSettings


@dataclass(frozen=True)
class Tls:
    """A process's own certificate and key, and the authority that signed those of the others; all in PEM."""

    certificate: bytes
    key: bytes
    authority: bytes

    @classmethod
    def read(cls, certificate: Path, key: Path, authority: Path) -> Tls:
        """Return what the three files hold; OSError if one cannot be read."""
        return cls(certificate.read_bytes(), key.read_bytes(), authority.read_bytes())

    @classmethod
    def of(cls, settings: ProcessSettings) -> Tls | None:
        """Return the process's TLS, None for plaintext; ends the process if a file cannot be read."""
        files = settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file
        if files[0] is None or files[1] is None or files[2] is None:
            return None
        try:
            return cls.read(files[0], files[1], files[2])
        except OSError as error:
            raise SystemExit(f"ACCORD_TLS_…_FILE: {error.filename}: {error.strerror}") from None

    def server(self) -> grpc.ServerCredentials:
        """Return server credentials that require a client certificate of the same authority."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], root_certificates=self.authority, require_client_auth=True
        )

    def client(self) -> grpc.ChannelCredentials:
        """Return client credentials that present a certificate and check the server's name."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)


def open_channel(
    address: str,
    tls: Tls | None,
    options: Sequence[tuple[str, Any]],
    interceptors: Sequence[Any] | None = None,
) -> grpc.aio.Channel:
    """Return a channel to host:port, over TLS if the process has a certificate."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options, interceptors=interceptors)
    return grpc.aio.secure_channel(address, tls.client(), options=options, interceptors=interceptors)


def peer_names(auth: Mapping[str, Any]) -> frozenset[str]:
    """Return the names in the peer's certificate; none if there is no certificate."""
    found = (*(auth.get("x509_subject_alternative_name") or ()), *(auth.get("x509_common_name") or ()))
    return frozenset(bytes(each).decode("utf-8", "replace") for each in found)
