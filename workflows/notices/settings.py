"""Settings of the relay: the channels by which notices leave."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from services.kit.serving.settings import ClientSettings


class RelaySettings(ClientSettings):
    """The relay's settings. A channel without settings does not exist: its notices go to the next one."""

    smtp_host: str = Field("", description="mail server for notices; empty for none")
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="how the connection is encrypted")
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_from: str = Field("", description="address that notices come from, as in From: of a mail")
    smtp_connections: int = Field(4, ge=1, le=64, description="connections to the mail server at a time")
    sms_webhook_url: str = Field(
        "", description="gateway for text messages: gets a signed POST for each; empty for none"
    )
    sms_webhook_secret_file: Path | None = Field(None, description="file with the secret it is signed with, whsec_…")
    app_webhook_url: str = Field("", description="the same for messages in the client app")
    app_webhook_secret_file: Path | None = None
    notice_paper: bool = Field(False, description="whether somebody prints and posts letters from the print queue")

    @model_validator(mode="after")
    def _channels_are_whole(self) -> Self:
        if self.smtp_host and not self.smtp_from:
            raise ValueError("set smtp_from with smtp_host")
        for name in ("sms", "app"):
            url, secret = getattr(self, f"{name}_webhook_url"), getattr(self, f"{name}_webhook_secret_file")
            if bool(url) != (secret is not None):
                raise ValueError(f"set {name}_webhook_url and {name}_webhook_secret_file, or neither")
            if url and not url.startswith("https://") and (self.refuses_plain or not url.startswith("http://")):
                raise ValueError(f"{name}_webhook_url must begin with https://")
        if self.smtp_host and self.smtp_security == "none" and self.refuses_plain:
            raise ValueError("the production profile requires smtp_security starttls or tls")
        return self
