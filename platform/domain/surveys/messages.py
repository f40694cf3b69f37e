"""What leaves the house: a message to one customer, and the interface of whatever carries it. No SMTP and no HTTP here."""

from dataclasses import dataclass, field
from typing import Protocol

from .templates import Questionnaire


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message. `address` and `text` (with its link) are kept out of logs and tracebacks.

    Attributes:
        id: the idempotency key; the same for every attempt at the same message.
        channel: SMS or EMAIL.
    """

    id: str
    channel: str
    address: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    language: str
    store_name: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a channel says: taken for delivery, or refused for good (no such number or mailbox)."""

    delivered: bool
    reference: str | None = None


class Channel(Protocol):
    """Carries messages of one kind. Sending the same id again should be recognised by the provider."""

    async def send(self, message: OutgoingMessage) -> Receipt:
        """Hand the message over.

        Raises:
            Unavailable: not now; the same message may be tried again.
        """


def survey_message(
    *,
    id_: str,
    channel: str,
    address: str,
    questionnaire: Questionnaire,
    store_name: str,
    link: str,
    language: str,
    reminder: bool,
) -> OutgoingMessage:
    """The invitation or a reminder in one language: who asks, why it is asked, the link, and that it may be declined."""
    title = questionnaire.title.in_language(language)
    if language == "en":
        subject = f"{store_name}: {title}" + (" (reminder)" if reminder else "")
        lead = "A short reminder: we" if reminder else "We"
        short = f"[{store_name}] {lead} would like your honest opinion ({title}, about 2 minutes): {link} To decline, open the link."
        purpose = questionnaire.purpose.en
        long = (
            f"Dear customer,\n\n{lead} would like your honest opinion. It takes about two minutes.\n\n{link}\n\n"
            f"Why we ask: {purpose}\n\n"
            "The link is yours alone and works once. If you do not want to be asked any more, open it and choose"
            f' "Do not ask me again".\n\n{store_name}\n'
        )
    else:
        subject = f"{store_name}：{title}" + ("（提醒）" if reminder else "")
        lead = "温馨提醒：" if reminder else ""
        short = (
            f"【{store_name}】{lead}诚邀您填写{title}，约2分钟，请按真实感受作答：{link} 如不愿参与，可在页面中谢绝。"
        )
        long = (
            f"尊敬的客户：\n\n{lead}我们希望听到您真实的意见，大约需要两分钟。\n\n{link}\n\n"
            f"为什么问您：{questionnaire.purpose.zh}\n\n"
            f"此链接仅供您本人使用一次。如果不希望再收到调查邀请，请打开链接并选择“不再邀请我”。\n\n{store_name}\n"
        )
    text = short if channel == "SMS" else long
    return OutgoingMessage(id_, channel, address, subject, text, language, store_name)
