"""Mail by SMTP to a real server: encryption, login, and the handling of failures."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.smtp import LOGIN, Postbox, Tls, make_certificate, postbox
from tests.waiting import soon, until
from weft.mail.delivery import by_smtp
from weft.mail.mail import Mail, MailRefused
from weft.mail.outbox import AT_ONCE, ATTEMPTS, WAITING, Outbox

MAIL = Mail("ada@example.com", "Your password", "é: a secret text\n.\nand more")
Pause = Callable[[float], Awaitable[None]]
LATER, NEVER = "451 Later", "550 No such mailbox: ada@example.com"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.pem"
    make_certificate(path)
    return path


async def no_pause(_seconds: float) -> None: ...


def sending(url: str, pause: Pause = no_pause) -> AbstractAsyncContextManager[Outbox]:
    """Returns an outbox that is running."""
    return working(Outbox(by_smtp(url, "weft@example.com"), pause))


@asynccontextmanager
async def working(outbox: Outbox) -> AsyncGenerator[Outbox]:
    work = asyncio.create_task(outbox.run())
    yield outbox
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def with_login(box: Postbox, password: str = LOGIN[1]) -> str:
    return box.url.replace("://", f"://{LOGIN[0]}:{password}@")


class TestSmtp:
    async def test_mail_arrives_unchanged(self) -> None:
        async with postbox() as box, sending(box.url) as outbox:
            outbox.post(MAIL)
            mail = await box.next()
        assert (mail["to"], mail["from"]) == (MAIL.to, "weft@example.com")
        assert mail["subject"] == MAIL.subject
        assert mail.get_content().rstrip().replace("\r\n", "\n") == MAIL.text

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_connection_is_encrypted_before_the_password_is_sent(
        self, tls: Tls, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with (
            postbox(tls=tls, certificate=certificate) as box,
            sending(with_login(box)) as outbox,
        ):
            outbox.post(MAIL)
            assert (await box.next())["to"] == MAIL.to
        assert box.was_encrypted == [True]
        assert box.logins == [LOGIN]

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_untrusted_certificate_gets_no_password(
        self, tls: Tls, certificate: Path
    ) -> None:
        async with postbox(tls=tls, certificate=certificate) as box:
            with pytest.raises(Exception, match=r"(?i)certificate"):
                await by_smtp(with_login(box), "weft@example.com")(MAIL)
        assert box.logins == []

    async def test_unencrypted_server_gets_no_password(self) -> None:
        async with postbox() as box:
            with pytest.raises(Exception, match="STARTTLS"):
                await by_smtp(with_login(box), "weft@example.com")(MAIL)
        assert box.logins == []


class TestFailures:
    async def test_temporary_failures_are_retried(self) -> None:
        async with postbox([LATER, LATER]) as box, sending(box.url) as outbox:
            with capture_logs() as logs:
                outbox.post(MAIL)
                await box.next()
        assert box.recipients == 3
        assert [entry["event"] for entry in logs] == ["mail_failed"] * 2

    async def test_retries_end(self) -> None:
        async with postbox([LATER] * ATTEMPTS) as box, sending(box.url) as outbox:
            with capture_logs() as logs:
                outbox.post(MAIL)
                await until(lambda: len(logs) == ATTEMPTS)
                outbox.post(Mail("bob@example.com", "Next", "one"))
                assert (await box.next())["subject"] == "Next"
        assert box.recipients == ATTEMPTS + 1

    async def test_failed_mail_does_not_hold_up_the_mails_behind_it(self) -> None:
        pausing, go_on = asyncio.Event(), asyncio.Event()

        async def pause(_seconds: float) -> None:
            pausing.set()
            await go_on.wait()

        async with postbox([LATER]) as box, sending(box.url, pause) as outbox:
            outbox.post(MAIL)
            outbox.post(Mail("bob@example.com", "Next", "one"))
            assert (await box.next())["subject"] == "Next"
            assert pausing.is_set()
            go_on.set()
            assert (await box.next())["subject"] == MAIL.subject

    async def test_silent_server_does_not_hold_up_the_mails_behind(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("weft.mail.outbox.SLOW_SECONDS", 0.01)
        under_way, most, sent, go_on = 0, 0, asyncio.Event(), asyncio.Event()

        async def deliver(mail: Mail) -> None:
            nonlocal under_way, most
            if mail is not MAIL:
                sent.set()
                return
            under_way += 1
            most = max(most, under_way)
            await go_on.wait()
            under_way -= 1

        async with working(Outbox(deliver)) as outbox:
            for _ in range(AT_ONCE - 1):
                outbox.post(MAIL)
            outbox.post(Mail("bob@example.com", "Next", "one"))
            await soon(sent.wait())
            for _ in range(AT_ONCE):
                outbox.post(MAIL)
            await until(lambda: under_way == AT_ONCE)
            go_on.set()
            await until(lambda: under_way == 0)
        assert most == AT_ONCE

    async def test_number_of_mails_is_bounded_while_they_pause(self) -> None:
        paused = 0

        async def pause(_seconds: float) -> None:
            nonlocal paused
            paused += 1
            await asyncio.Event().wait()

        async def deliver(_mail: Mail) -> None:
            raise ConnectionError

        async with working(Outbox(deliver, pause)) as outbox:
            for _ in range(WAITING):
                outbox.post(MAIL)
            await until(lambda: paused == WAITING)
            with capture_logs() as logs:
                outbox.post(MAIL)
            assert [entry["event"] for entry in logs] == ["mail_dropped"]

    async def test_final_failure_is_logged_once_without_the_address(self) -> None:
        async with postbox([NEVER]) as box, sending(box.url) as outbox:
            with capture_logs() as logs:
                outbox.post(MAIL)
                outbox.post(Mail("bob@example.com", "Next", "one"))
                assert (await box.next())["subject"] == "Next"
        assert box.recipients == 2
        (entry,) = logs
        assert (entry["event"], entry["code"]) == ("mail_refused", 550)
        assert "ada" not in str(entry)

    async def test_failed_login_is_not_retried(
        self, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with postbox(tls="implicit", certificate=certificate) as box:
            with pytest.raises(MailRefused) as refused:
                await by_smtp(with_login(box, "wrong"), "weft@example.com")(MAIL)
        assert refused.value.code == 535
        assert set(box.logins) == {(LOGIN[0], "wrong")}
