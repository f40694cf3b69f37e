"""The words of letters to the person of an account, in both languages. No links but the one that was asked for: nobody
should get used to clicking in letters about security."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

#: kind → (subject, what it says) by language. Holes: group, person, name, link, address, when.
WORDS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = MappingProxyType(
    {
        "INVITATION": {
            "en": (
                "{group}: your account",
                "An account was made for you. Your sign-in name is {name}.\n\nChoose a password here within 72 hours; the link"
                " works once:\n\n{link}\n\nIf you did not expect this, leave the link alone and tell your administrator.",
            ),
            "zh-CN": (
                "{group}：您的账号",
                "已为您开通账号，登录名为 {name}。\n\n请在72小时内通过以下链接设置密码（链接仅可使用一次）：\n\n{link}\n\n"
                "如果您对此并不知情，请勿打开链接，并告知管理员。",
            ),
        },
        "RESET": {
            "en": (
                "{group}: choose a new password",
                "Somebody, probably you, asked for a new password for the account {name}.\n\nChoose it here within 30 minutes;"
                " the link works once:\n\n{link}\n\nAll sessions and API tokens of the account end with it. If it was not you,"
                " do nothing: your password stays as it is.",
            ),
            "zh-CN": (
                "{group}：重设密码",
                "有人（可能是您本人）申请重设账号 {name} 的密码。\n\n请在30分钟内通过以下链接设置新密码（链接仅可使用一次）：\n\n"
                "{link}\n\n设置后，该账号的所有会话和API令牌都将失效。如果不是您本人操作，无需处理，密码不会改变。",
            ),
        },
        "PROVIDER_ONLY": {
            "en": (
                "{group}: signing in",
                "Somebody, probably you, asked for a new password for the account {name}. This account has no password here."
                " Please use your company's sign-in at {address}; if you have none, ask your administrator.",
            ),
            "zh-CN": (
                "{group}：登录方式",
                "有人（可能是您本人）申请重设账号 {name} 的密码。该账号在此没有密码，请在 {address} 使用公司统一登录；"
                "如没有公司账号，请联系管理员。",
            ),
        },
        "PASSWORD_CHANGED": {
            "en": ("{group}: your password was changed", "The password of your account {name} was changed at {when}."),
            "zh-CN": ("{group}：密码已更改", "您的账号 {name} 的密码已于 {when} 更改。"),
        },
        "FACTOR_ADDED": {
            "en": (
                "{group}: a second factor was set up",
                "A device for one-time codes was set up for your account {name} at {when}.",
            ),
            "zh-CN": ("{group}：已启用两步验证", "您的账号 {name} 已于 {when} 绑定动态验证码设备。"),
        },
        "FACTOR_REMOVED": {
            "en": (
                "{group}: the second factor was removed",
                "The device for one-time codes was removed from your account {name} at {when}. The password alone is enough"
                " to sign in now.",
            ),
            "zh-CN": (
                "{group}：两步验证已解除",
                "您的账号 {name} 的动态验证码设备已于 {when} 解除绑定，现在仅凭密码即可登录。",
            ),
        },
        "RECOVERY_CODES_MADE": {
            "en": (
                "{group}: new recovery codes",
                "New recovery codes were made for your account {name} at {when}. The earlier ones do not work any more.",
            ),
            "zh-CN": ("{group}：恢复码已更新", "您的账号 {name} 已于 {when} 生成新的恢复码，原有恢复码已失效。"),
        },
        "RECOVERY_CODE_USED": {
            "en": (
                "{group}: a recovery code was used",
                "Somebody signed in to your account {name} with a recovery code at {when}.",
            ),
            "zh-CN": ("{group}：恢复码已被使用", "有人于 {when} 使用恢复码登录了您的账号 {name}。"),
        },
        "CODES_GUESSED": {
            "en": (
                "{group}: somebody knows your password",
                "Somebody gave the right password of your account {name} and several wrong one-time codes, last at {when}."
                " They did not get in. If it was not you, change your password now.",
            ),
            "zh-CN": (
                "{group}：您的密码可能已泄露",
                "有人输入了您的账号 {name} 的正确密码，但多次输入错误的动态验证码，最近一次为 {when}，未能登录。"
                "如果不是您本人操作，请立即更改密码。",
            ),
        },
    }
)

_ENDS: Final = MappingProxyType(
    {
        "en": "Hello {person},\n\n{said}{unless}\n\n{group}\n",
        "zh-CN": "{person}，您好：\n\n{said}{unless}\n\n{group}\n",
    }
)
_UNLESS: Final = MappingProxyType(
    {
        "en": "\n\nIf it was not you, sign in, change your password, end all other sessions, and tell your administrator.",
        "zh-CN": "\n\n如果不是您本人操作，请登录后更改密码、结束其他会话，并告知管理员。",
    }
)
#: These say themselves what to do.
_COMPLETE: Final = frozenset({"INVITATION", "RESET", "PROVIDER_ONLY", "CODES_GUESSED"})


def letter_text(
    kind: str,
    *,
    language: str,
    person: str,
    sign_in_name: str,
    group: str,
    address: str,
    link: str | None,
    at: datetime,
    time_zone: str,
) -> tuple[str, str]:
    """Subject and text of a letter."""
    subject, said = WORDS[kind][language]
    when = at.astimezone(ZoneInfo(time_zone)).strftime("%Y-%m-%d %H:%M")
    holes = {
        "group": group,
        "name": sign_in_name,
        "link": link or "",
        "address": address,
        "when": f"{when} ({time_zone})",
    }
    unless = "" if kind in _COMPLETE else _UNLESS[language]
    text = _ENDS[language].format(person=person, said=said.format(**holes), unless=unless, group=group)
    return " ".join(subject.format(**holes).split()), text
