"""A mail server (aiosmtpd) that keeps all mails, with or without TLS and login."""

import asyncio
import logging
import ssl
import warnings
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.waiting import soon

LOGIN = ("weft", "hunter2")
logging.getLogger("mail").setLevel(logging.CRITICAL)  # logger of aiosmtpd
Tls = Literal["starttls", "implicit"]


class Postbox:
    """Mails in the order of arrival. `refusals` are the replies to the first recipients."""

    def __init__(self, refusals: list[str] | None = None) -> None:
        self.url = ""
        self.refusals = deque(refusals or [])
        self.recipients = 0
        self.was_encrypted: list[bool] = []
        self.logins: list[tuple[str, str]] = []
        self.mails = asyncio.Queue[EmailMessage]()

    async def next(self) -> EmailMessage:
        return await soon(self.mails.get())

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        self.recipients += 1
        if self.refusals:
            return self.refusals.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.content
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        transport: asyncio.Transport = server.transport
        self.was_encrypted.append(transport.get_extra_info("sslcontext") is not None)
        self.mails.put_nowait(mail)
        return "250 OK"

    def log_in(self, _s: Any, _session: Any, _e: Any, _mechanism: str, given: Any) -> AuthResult:
        login = given.login.decode(), given.password.decode()
        self.logins.append(login)
        return AuthResult(success=login == LOGIN, handled=False)


@asynccontextmanager
async def postbox(
    refusals: list[str] | None = None, *, tls: Tls | None = None, certificate: Path | None = None
) -> AsyncGenerator[Postbox]:
    """Runs a mail server. With `tls` it requires a login; `certificate` is the file for TLS."""
    box = Postbox(refusals)
    context: ssl.SSLContext | None = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    def connection() -> SMTP:
        with warnings.catch_warnings():
            # It warns because it does not know about implicit TLS.
            warnings.simplefilter("ignore", UserWarning)
            return SMTP(
                box,
                hostname="test",
                tls_context=context if tls == "starttls" else None,
                require_starttls=tls == "starttls",
                auth_required=tls is not None,
                auth_require_tls=tls == "starttls",
                authenticator=box.log_in,
                loop=asyncio.get_running_loop(),
            )

    server = await asyncio.get_running_loop().create_server(
        connection, "127.0.0.1", 0, ssl=context if tls == "implicit" else None
    )
    scheme = "smtps" if tls == "implicit" else "smtp"
    box.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield box


def make_certificate(path: Path) -> None:
    """Writes a key and a self-signed certificate for 127.0.0.1 to `path`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(pem))
