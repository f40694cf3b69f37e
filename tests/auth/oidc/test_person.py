"""Claims about a person: used when they are sound, left out when they are not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.auth.accounts import account_name
from forecourt.auth.oidc.person import Person, person_of, sign_in_name

DOMAINS = {"corp.example"}


@pytest.mark.parametrize(
    ("claims", "person"),
    [
        ({"name": " 李  雷 ", "email": "li@corp.example", "email_verified": True, "locale": "zh_CN"},
         Person("李 雷", "li@corp.example", True, "zh-CN")),
        ({"email": "li@CORP.example", "email_verified": "true"}, Person(None, "li@CORP.example", True, None)),
        ({"email": "li@corp.example"}, Person(None, "li@corp.example", False, None)),
        ({"email": "li@corp.example", "email_verified": False}, Person(None, "li@corp.example", False, None)),
        ({"email": "li@corp.example", "email_verified": "false"}, Person(None, "li@corp.example", False, None)),
        ({"email": "li@corp.example", "email_verified": [True]}, Person(None, "li@corp.example", False, None)),
        ({"email": "li@other.example", "email_verified": True}, Person(None, "li@other.example", False, None)),
        ({"email": "li@evil.example@corp.example x", "email_verified": True}, Person(None, None, False, None)),
        ({"name": "a\0b", "locale": "fr", "email": ["li@corp.example"]}, Person(None, None, False, None)),
        ({"name": "x" * 201, "locale": "en-GB"}, Person(None, None, False, "en")),
        ({"name": "\u202egnp.exe"}, Person(None, None, False, None)),
    ],
)  # fmt: skip
def test_what_is_said_of_a_person(claims: dict[str, Any], person: Person) -> None:
    assert person_of({}, claims, DOMAINS) == person


def test_claims_may_have_other_names() -> None:
    names = {"email": "upn", "email_verified": "xms_edov", "name": "display"}
    claims = {"upn": "li@corp.example", "xms_edov": 1, "display": "Li"}
    assert person_of(names, claims, DOMAINS) == Person("Li", "li@corp.example", True, None)


@pytest.mark.parametrize(
    ("email", "group", "name"),
    [
        ("Li.Lei@corp.example", "HARMONY", "li.lei.ab12@harmony"),
        ("José@x.example", "G 1", "jose.ab12@g1"),
        ("李雷@x.example", "集团", "user.ab12@group"),
        (None, "-x-", "user.ab12@x"),
    ],
)
def test_a_sign_in_name_can_be_read_and_is_valid(email: str | None, group: str, name: str) -> None:
    assert sign_in_name(email, group, "ab12") == name == account_name(name)


@given(email=st.none() | st.text(), group=st.text())
def test_a_sign_in_name_is_always_valid_and_marked(email: str | None, group: str) -> None:
    name = sign_in_name(email, group, "0123456789")
    assert account_name(name) == name
    assert ".0123456789@" in name
