"""What attackers try first is refused; long passphrases of any composition are not."""

import pytest

from forecourt.auth.password_rules import LONGEST, SHORTEST, weakness

WORDS = ("wang.fang", "王芳", "wang.fang@harmony.example", "HARMONY", "和谐汽车集团")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "LENGTH"),
        ("x" * (LONGEST + 1), "LENGTH"),
        ("wang.fang-2026", "CONTEXT"),
        ("WANG.FANG.HARMONY", "CONTEXT"),
        ("ｗａｎｇ.ｆａｎｇ１２３", "CONTEXT"),
        ("forecourt-admin", "CONTEXT"),
        ("dealership-store", "CONTEXT"),
        ("和谐汽车集团和谐汽车集团", "CONTEXT"),
        ("password1234", "COMMON"),
        ("P@ssw0rd!2026", "COMMON"),
        ("qwertyuiop123", "COMMON"),
        ("1qaz2wsx3edc4rfv", "COMMON"),
        ("123456789012345", "CONTEXT"),
        ("abcdefghijklmnop", "COMMON"),
        ("iloveyou2024!", "COMMON"),
        ("welcomewelcome1", "COMMON"),
        ("Summer2026Summer", "COMMON"),
        ("xyxyxyxyxyxyxyxy", "CONTEXT"),
        ("zyxwvutsrqponm", "COMMON"),
    ],
)
def test_what_is_tried_first_is_refused(password: str, why: str) -> None:
    found = weakness(password, WORDS)
    assert found == why or (why == "CONTEXT" and found == "COMMON")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "four quiet horses swim",
        "五匹安静的马在河里游泳吃草",
        "tG7#kQ2m!zR9",
        "        a b c d e f g h",
        "the workshop closes at noon on every second thursday",
        "x7" * 5 + "quiet river",
        "a" + "bQ9 dT5 kW3 " * 21,
    ],
)
def test_any_composition_is_taken(password: str) -> None:
    assert SHORTEST <= len(password) <= LONGEST
    assert weakness(password, WORDS) is None
