"""E-mail: over a few connections that stay open while there is anything to send."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import aiosmtplib
from aiosmtplib import SMTP

from casework.mediation.notice import Outcome
from workflows.notices.channels import TAKEN, Outgoing, Sent
from workflows.notices.settings import RelaySettings

_TIMEOUT = 20.0


class Smtp:
    """Sends notices to a mail server."""

    def __init__(self, settings: RelaySettings) -> None:
        secret = settings.smtp_password_file
        try:
            password = secret.read_text("utf-8").strip() if secret else None
        except (OSError, ValueError) as error:
            raise SystemExit(f"ACCORD_SMTP_PASSWORD_FILE: {error}") from None
        self._sender, self._clients = settings.smtp_from, asyncio.Queue[SMTP]()
        self._domain = parseaddr(settings.smtp_from)[1].rpartition("@")[2] or "localhost"
        for _ in range(settings.smtp_connections):
            self._clients.put_nowait(
                SMTP(
                    hostname=settings.smtp_host, port=settings.smtp_port, username=settings.smtp_user or None,
                    password=password, use_tls=settings.smtp_security == "tls",
                    start_tls=settings.smtp_security == "starttls", timeout=_TIMEOUT,
                )
            )  # fmt: skip

    async def send(self, notice: Outgoing) -> Sent:
        """Send a mail. A permanent error about the address or the mail is final."""
        client = await self._clients.get()
        try:
            if not client.is_connected:
                await client.connect()
            await client.send_message(self._mail(notice), sender=parseaddr(self._sender)[1], recipients=[notice.to])
            return TAKEN
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _said(error.recipients[0].code)
        except aiosmtplib.SMTPDataError as error:
            return _said(error.code)
        except aiosmtplib.SMTPResponseException as error:
            # An error about the login or the sender: our own fault, not the address's.
            client.close()
            return Sent(Outcome.UNAVAILABLE, f"smtp-{error.code}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()
            return Sent(Outcome.UNAVAILABLE, "smtp-unavailable")
        except asyncio.CancelledError:
            client.close()
            raise
        finally:
            self._clients.put_nowait(client)

    async def close(self) -> None:
        """Close the connections."""
        while not self._clients.empty():
            self._clients.get_nowait().close()

    def _mail(self, notice: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = Address(addr_spec=notice.to)
        mail["Subject"] = notice.subject
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail["Message-ID"] = f"<{notice.key}@{self._domain}>"
        mail["Content-Language"] = notice.language
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(notice.text)
        return mail


def _said(code: int) -> Sent:
    return Sent(Outcome.REFUSED if 500 <= code < 600 else Outcome.UNAVAILABLE, f"smtp-{code}")
