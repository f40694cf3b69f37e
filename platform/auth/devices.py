"""A browser in plain words, from what it says of itself. Pure; good enough for its person to recognise it, not proof of anything."""

import re
from dataclasses import dataclass
from typing import Final

#: In this order: many say the names of others, too.
_BROWSERS: Final = (
    ("WeCom", re.compile(r"wxwork/", re.I)),
    ("WeChat", re.compile(r"micromessenger/", re.I)),
    ("DingTalk", re.compile(r"dingtalk", re.I)),
    ("Feishu", re.compile(r"lark/|feishu", re.I)),
    ("Edge", re.compile(r"\bedg(e|a|ios)?/", re.I)),
    ("Opera", re.compile(r"\bopr/|opera", re.I)),
    ("QQ", re.compile(r"qqbrowser/", re.I)),
    ("UC", re.compile(r"ucbrowser/|ubrowser/", re.I)),
    ("Samsung Internet", re.compile(r"samsungbrowser/", re.I)),
    ("Firefox", re.compile(r"firefox/|fxios/", re.I)),
    ("Chrome", re.compile(r"chrome/|crios/|chromium/", re.I)),
    ("Safari", re.compile(r"safari/", re.I)),
)
_SYSTEMS: Final = (
    ("HarmonyOS", re.compile(r"harmonyos|openharmony", re.I)),
    ("iPhone", re.compile(r"iphone", re.I)),
    ("iPad", re.compile(r"ipad", re.I)),
    ("Android", re.compile(r"android", re.I)),
    ("Windows", re.compile(r"windows nt", re.I)),
    ("macOS", re.compile(r"mac os x|macintosh", re.I)),
    ("ChromeOS", re.compile(r"\bcros\b", re.I)),
    ("Linux", re.compile(r"linux", re.I)),
)


@dataclass(frozen=True, slots=True)
class Device:
    """Names of browser and system, as far as they were recognised: names are the same in every language."""

    browser: str | None
    system: str | None


def device_of(user_agent: str | None) -> Device:
    """What a ``User-Agent`` header says in two words."""
    text = (user_agent or "")[:500]
    browser = next((name for name, pattern in _BROWSERS if pattern.search(text)), None)
    system = next((name for name, pattern in _SYSTEMS if pattern.search(text)), None)
    return Device(browser, system)
