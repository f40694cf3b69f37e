"""What a contact value is, and what a consent sets."""

import pytest

from forecourt.domain.customers.rules import USUAL_REVEALS, check_consent, contact_value, flag_of, is_unusual
from forecourt.errors import Invalid


@pytest.mark.parametrize(
    ("kind", "value"),
    [("PHONE", "138 0013 8000"), ("PHONE", "+86-10-62551234"), ("EMAIL", "wang@example.cn"), ("WECHAT", "wang_fang8")],
)
def test_contacts_that_are_kept(kind: str, value: str) -> None:
    assert contact_value(kind, f" {value} ") == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("PHONE", "a friend"),
        ("PHONE", "12"),
        ("PHONE", "1" * 40),
        ("PHONE", "138\x000013800"),
        ("EMAIL", "wang"),
        ("EMAIL", "a@b@c"),
        ("EMAIL", "a b@c"),
        ("WECHAT", "王芳王芳王芳"),
        ("FAX", "62551234"),
    ],
)
def test_contacts_that_are_refused(kind: str, value: str) -> None:
    with pytest.raises(Invalid):
        contact_value(kind, value)


def test_what_a_consent_sets() -> None:
    assert flag_of("SURVEY", "GIVEN") == ("consent_survey", True)
    assert flag_of("MARKETING", "WITHDRAWN") == ("consent_marketing", False)
    assert flag_of("CONTACT", "WITHDRAWN") == ("do_not_contact", True)
    assert flag_of("CONTACT", "GIVEN") == ("do_not_contact", False)
    for words in (("SALE", "GIVEN", "WEB"), ("SURVEY", "MAYBE", "WEB"), ("SURVEY", "GIVEN", "PIGEON")):
        with pytest.raises(Invalid):
            check_consent(*words)


def test_one_reveal_a_day_is_the_first_unusual_one() -> None:
    assert [count for count in range(100) if is_unusual(count)] == [USUAL_REVEALS + 1]
