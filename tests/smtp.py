"""A mail server that keeps what it is given."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class Postbox:
    """Mails in the order of their arrival; `refusals` is how many are turned away first."""

    def __init__(self, refusals: int = 0) -> None:
        self.url = ""
        self.refusals = refusals
        self.mails = asyncio.Queue[EmailMessage]()

    async def next(self) -> EmailMessage:
        return await asyncio.wait_for(self.mails.get(), 20)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test ESMTP\r\n")
        while line := await reader.readline():
            command = line[:4].upper()
            answer = b"221 bye" if command == b"QUIT" else b"250 fine"
            if command == b"MAIL" and self.refusals:
                self.refusals -= 1
                answer = b"451 later"
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                raw = await reader.readuntil(b"\r\n.\r\n")
                mail = message_from_bytes(raw[:-3], policy=policy.default)
                assert isinstance(mail, EmailMessage)
                self.mails.put_nowait(mail)
            writer.write(answer + b"\r\n")
            if command == b"QUIT":
                break
        writer.close()


@asynccontextmanager
async def postbox(refusals: int = 0) -> AsyncGenerator[Postbox]:
    box = Postbox(refusals)
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield box
