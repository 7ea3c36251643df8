"""Ways to deliver mail: by SMTP, or in development into the log."""

from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from weft.cancellation import cancellable
from weft.mail.mail import Deliver, Mail, MailRefused

TIMEOUT_SECONDS = 20
FINAL = 500

log = structlog.get_logger(__name__)


def delivery(url: str | None, sender: str, *, development: bool) -> Deliver:
    """Returns delivery by SMTP if there is a `url`; else into the log in development, or none."""
    if url is not None:
        return by_smtp(url, sender)
    return into_log if development else nowhere


def by_smtp(url: str, sender: str) -> Deliver:
    """Returns delivery by a server: `smtp://name:password@host:587`, or `smtps://` for TLS at once.

    With `smtp://` the connection is encrypted if the server can, and has to be if the URL has a
    name.
    """
    parts = urlsplit(url)
    username = unquote(parts.username) if parts.username else None

    async def deliver(mail: Mail) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        try:
            sending = aiosmtplib.send(
                message,
                hostname=parts.hostname,
                port=parts.port,
                username=username,
                password=unquote(parts.password) if parts.password else None,
                use_tls=parts.scheme == "smtps",
                start_tls=True if username and parts.scheme == "smtp" else None,
                timeout=TIMEOUT_SECONDS,
            )
            await cancellable(sending)
        except aiosmtplib.SMTPRecipientsRefused as error:
            _refuse_if_final(error.recipients[0])
            raise
        except aiosmtplib.SMTPResponseException as error:
            _refuse_if_final(error)
            raise

    return deliver


def _refuse_if_final(error: aiosmtplib.SMTPResponseException) -> None:
    # Codes of 5yz are final (RFC 5321, 4.2.1). The error's text may contain the address.
    if error.code >= FINAL:
        raise MailRefused(error.code) from None


async def into_log(mail: Mail) -> None:
    """Logs the whole mail, for development, so that its links can be opened."""
    log.info("mail", subject=mail.subject, text=mail.text)


async def nowhere(mail: Mail) -> None:
    """Logs that a mail was not sent because no server is set: its subject, not its text."""
    log.warning("mail_not_sent", subject=mail.subject, reason="SMTP_URL is not set")
