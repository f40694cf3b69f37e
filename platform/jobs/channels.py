"""What carries messages to customers: e-mail by SMTP, and an SMS gateway. By default both only write files.

**Nothing is sent unless the operator says so.** Without `smtp_url`, mail is written to `<home>/mail/`; there is no SMS
provider in the product, so short messages are written to `<home>/sms/`. Generated numbers and addresses may be alive.

Sending is at least once: the intent stands in the database before (see `domain/surveys/sending.py`), and the effect has a
key, the message's id. A crash after the provider took the message and before the receipt is written down repeats it with
the same id: as ``Message-ID`` in mail (mailbox providers commonly show such a pair once), as the file's name in the
development driver (the second overwrites the first), and as the idempotency key that an `SmsGateway` must pass on.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formataddr
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from ..domain.surveys.messages import Channel, OutgoingMessage, Receipt
from ..errors import Misconfigured, Unavailable
from ..settings import Settings

SMTP_TIMEOUT = 20.0


class SmsGateway(Protocol):
    """A provider of short messages. Implementations live with the group that has a contract with one."""

    async def send_sms(self, number: str, text: str, *, idempotency_key: str) -> Receipt:
        """Hand a text over.

        Raises:
            Unavailable: not now; the same key may be tried again.
        """


class Gateway:
    """The SMS channel over a provider."""

    def __init__(self, gateway: SmsGateway) -> None:
        self._gateway = gateway

    async def send(self, message: OutgoingMessage) -> Receipt:
        return await self._gateway.send_sms(message.address, message.text, idempotency_key=message.id)


class FileChannel:
    """The development driver: one file per message id, written whole or not at all, readable by the owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def send(self, message: OutgoingMessage) -> Receipt:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self.folder / f"{hashlib.sha256(message.id.encode()).hexdigest()[:32]}.json"
        draft = target.with_suffix(".part")
        content = {
            "id": message.id,
            "to": message.address,
            "subject": message.subject,
            "text": message.text,
            "language": message.language,
        }
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
        draft.replace(target)
        return Receipt(True, target.name)


class SmtpChannel:
    """E-mail. `url`: ``smtp://user:password@host:port`` (STARTTLS where offered) or ``smtps://`` (TLS from the start)."""

    def __init__(self, url: str, sender: str, *, timeout: float = SMTP_TIMEOUT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise Misconfigured("FORECOURT_SMTP_URL is smtp://user:password@host:port", setting="FORECOURT_SMTP_URL")
        self._host, self._tls = parts.hostname, parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender, self._timeout = sender, timeout

    async def send(self, message: OutgoingMessage) -> Receipt:
        try:
            mail = self.mail(message)
        except ValueError:  # a line break in an address or a name: no such mailbox
            return Receipt(False)
        try:
            await aiosmtplib.send(
                mail,
                sender=self._sender,
                recipients=[message.address],
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                timeout=self._timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(500 <= one.code < 600 for one in error.recipients):
                return Receipt(False)
            raise Unavailable("the mail server does not take this recipient now", channel="EMAIL") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            # No text of the server: it may repeat the address.
            raise Unavailable(
                "the mail server cannot be used now", channel="EMAIL", reason=type(error).__name__
            ) from None
        return Receipt(True, str(mail["Message-ID"]))

    def mail(self, message: OutgoingMessage) -> EmailMessage:
        """The message as an e-mail; its Message-ID is made from the message's id."""
        mail = EmailMessage()
        domain = self._sender.rpartition("@")[2] or "forecourt.invalid"
        mail["Message-ID"] = f"<{message.id}@{domain}>"
        mail["From"] = formataddr((message.store_name, self._sender))
        mail["To"] = message.address
        mail["Subject"] = message.subject
        mail["Auto-Submitted"] = "auto-generated"  # so that holiday replies stay away (RFC 3834)
        mail["Content-Language"] = message.language
        mail.set_content(message.text)
        return mail


def make_channels(settings: Settings, *, sms: SmsGateway | None = None) -> Mapping[str, Channel]:
    """The channels of a process, by name (SMS, EMAIL). Whatever is not configured writes files."""
    mail: Channel = FileChannel(settings.home / "mail")
    if settings.smtp_url:
        mail = SmtpChannel(settings.smtp_url, settings.mail_from)
    return {"SMS": Gateway(sms) if sms is not None else FileChannel(settings.home / "sms"), "EMAIL": mail}
