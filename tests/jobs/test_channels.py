"""What carries messages: a real SMTP server, and files by default. Nothing goes to a generated number."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from forecourt.domain.surveys.messages import OutgoingMessage, Receipt, survey_message
from forecourt.domain.surveys.seed_templates import SERVICE
from forecourt.errors import Misconfigured, Unavailable
from forecourt.jobs.channels import FileChannel, Gateway, SmtpChannel, make_channels
from forecourt.settings import Settings

pytestmark = pytest.mark.anyio


def message(address: str = "gu.ke@example.com", store: str = "和美汽车一店") -> OutgoingMessage:
    return survey_message(
        id_="0199.0.email",
        channel="EMAIL",
        address=address,
        questionnaire=SERVICE,
        store_name=store,
        link="https://example.com/s/abc/token",
        language="zh-CN",
        reminder=False,
    )


class Mailbox:
    """Takes mail; refuses some recipients."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        if address.startswith("full"):
            return "452 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.mails.append(envelope)
        return "250 taken"


class AnyPort(Controller):
    """A server on a free port, not tried out by a connection of its own."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it untyped


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    controller = AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield box, controller.port
    finally:
        controller.stop()


async def test_mail_arrives_with_the_id_that_makes_it_recognisable(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    channel = SmtpChannel(f"smtp://127.0.0.1:{port}", "survey@forecourt.invalid")
    for _ in range(2):  # a repetition carries the same Message-ID
        receipt = await channel.send(message())
        assert receipt == Receipt(True, "<0199.0.email@forecourt.invalid>")
    first, second = (mail.content.decode() for mail in box.mails)
    assert "Message-ID: <0199.0.email@forecourt.invalid>" in first and "Message-ID: <0199.0.email@" in second
    assert "Auto-Submitted: auto-generated" in first
    assert box.mails[0].rcpt_tos == ["gu.ke@example.com"]


async def test_a_mailbox_that_is_not_there_bounces_and_a_full_one_waits(mailbox: tuple[Mailbox, int]) -> None:
    channel = SmtpChannel(f"smtp://127.0.0.1:{mailbox[1]}", "survey@forecourt.invalid")
    assert not (await channel.send(message("nobody@example.com"))).delivered
    with pytest.raises(Unavailable):
        await channel.send(message("full@example.com"))


async def test_a_line_break_adds_no_header(mailbox: tuple[Mailbox, int]) -> None:
    channel = SmtpChannel(f"smtp://127.0.0.1:{mailbox[1]}", "survey@forecourt.invalid")
    assert not (await channel.send(message("a@example.com\nBcc: b@example.com"))).delivered
    assert mailbox[0].mails == []


async def test_a_server_that_is_away_is_tried_later_and_its_words_stay_inside() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(Unavailable) as error:
        await SmtpChannel(f"smtp://127.0.0.1:{port}", "s@forecourt.invalid", timeout=2).send(message())
    assert "example.com" not in str(error.value)
    with pytest.raises(Misconfigured):
        SmtpChannel("mail.example.com", "s@forecourt.invalid")


async def test_by_default_everything_is_written_to_files(tmp_path: Path) -> None:
    channels = make_channels(Settings(home=tmp_path, smtp_url=None))
    assert all(isinstance(channel, FileChannel) for channel in channels.values())
    for _ in range(2):
        await channels["SMS"].send(message("13912345678"))
    [written] = list((tmp_path / "sms").iterdir())
    assert written.stat().st_mode & 0o777 == 0o600
    content = json.loads(written.read_text(encoding="utf-8"))
    assert content["to"] == "13912345678" and "https://example.com/s/abc/token" in content["text"]
    assert isinstance(make_channels(Settings(home=tmp_path, smtp_url="smtp://localhost"))["EMAIL"], SmtpChannel)


async def test_a_gateway_is_given_the_idempotency_key(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    class Provider:
        async def send_sms(self, number: str, text: str, *, idempotency_key: str) -> Receipt:
            seen.append((number, idempotency_key))
            return Receipt(True, "ref")

    channel = make_channels(Settings(home=tmp_path), sms=Provider())["SMS"]
    assert isinstance(channel, Gateway)
    assert (await channel.send(message("13912345678"))).reference == "ref"
    assert seen == [("13912345678", "0199.0.email")]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("reminder", [False, True])
def test_a_message_says_who_asks_and_how_to_decline(language: str, reminder: bool) -> None:
    for channel in ("SMS", "EMAIL"):
        made = survey_message(
            id_="1",
            channel=channel,
            address="x",
            questionnaire=SERVICE,
            store_name="和美汽车一店",
            link="https://example.com/s/abc/token",
            language=language,
            reminder=reminder,
        )
        assert "和美汽车一店" in made.text and made.text.count("https://example.com/s/abc/token") == 1
        assert ("decline" in made.text or "do not want" in made.text) if language == "en" else "不" in made.text
    assert len(made.subject) < 100
