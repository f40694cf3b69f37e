"""Browsers in plain words, and nothing about those that nobody knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.auth.devices import Device, device_of

_MOZILLA = "Mozilla/5.0"


@pytest.mark.parametrize(
    ("user_agent", "browser", "system"),
    [
        (
            f"{_MOZILLA} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
            "Chrome",
            "Windows",
        ),
        (f"{_MOZILLA} (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", "Edge", "Windows"),
        (f"{_MOZILLA} (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/18 Safari/605", "Safari", "macOS"),
        (f"{_MOZILLA} (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile MicroMessenger/8.0", "WeChat", "iPhone"),
        (
            f"{_MOZILLA} (Linux; Android 15) Chrome/120 Mobile Safari/537 wxwork/4.1 MicroMessenger/7",
            "WeCom",
            "Android",
        ),
        (f"{_MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux"),
        ("curl/8.5.0", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_known_browsers(user_agent: str | None, browser: str | None, system: str | None) -> None:
    assert device_of(user_agent) == Device(browser, system)


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    assert isinstance(device_of(text), Device)
