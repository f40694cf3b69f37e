"""What an administrator may write into a provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.auth.oidc.settings_rules import (
    Changeable,
    checked,
    client_id,
    client_secret,
    domain_of,
    email_domain,
    issuer_url,
    provider_code,
)
from forecourt.errors import Invalid


@pytest.mark.parametrize(
    "url",
    [
        "https://login.example.com",
        "https://login.example.com/tenant/v2.0",
        "https://login.example.com/",
        "https://login.example.com:443/a%20b",
        "https://8.8.8.8/x",
    ],
)
def test_an_issuer_is_kept_as_it_is_written(url: str) -> None:
    assert issuer_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "login.example.com",
        "http://login.example.com",
        "HTTPS://login.example.com",
        "https://Login.example.com",
        "https://user@login.example.com",
        "https://user:pw@login.example.com",
        "https://login.example.com?x=1",
        "https://login.example.com?",
        "https://login.example.com#x",
        "https://login.example.com#",
        "https://login.example.com:8443",
        "https://login.example.com:99999",
        "https://login.example.com\\@evil.example",
        "https://login.exa mple.com",
        "https://[::1",
        "https://",
        "https://登录.example",
        "ftp://login.example.com",
        "javascript:alert(1)",
        "https://login.example.com/\n",
        "https://x/" + "a" * 500,
        "http://127.0.0.1:9000",
        "http://localhost:9000",
    ],
)
def test_what_is_no_issuer_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        issuer_url(url)
    assert refused.value.path == ("issuer",)


def test_this_machine_is_an_issuer_only_where_that_is_allowed() -> None:
    for url in ("http://127.0.0.1:9000/x", "http://localhost:9000", "https://[::1]:1/x"):
        assert issuer_url(url, loopback=True) == url
    for url in ("http://10.0.0.1", "http://localhost.example.com", "http://a@127.0.0.1", "ftp://127.0.0.1"):
        with pytest.raises(Invalid):
            issuer_url(url, loopback=True)


def test_codes_ids_and_secrets_have_a_form() -> None:
    assert provider_code("corp-2") == "corp-2"
    for code in ("", "Corp", "-x", "a/b", "x" * 41, "a_b", "a\n"):
        with pytest.raises(Invalid):
            provider_code(code)
    assert (client_id(" abc "), client_secret(" s p ")) == ("abc", "s p")
    for text in ("", " ", "x" * 1001, "密码", "a\nb"):
        with pytest.raises(Invalid):
            client_id(text)
        with pytest.raises(Invalid) as refused:
            client_secret(text)
        assert text.strip() == "" or text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Corp.Example", "corp.example"),
        ("@corp.example.", "corp.example"),
        ("ｃｏｒｐ.example", "corp.example"),
        ("中国.example", "xn--fiqs8s.example"),
    ],
)
def test_a_domain_has_one_form(text: str, domain: str) -> None:
    assert email_domain(text) == domain
    assert domain_of(f"li.lei@{text.removeprefix('@')}") == domain


@pytest.mark.parametrize(
    "text", ["", "example", "a..b", "-a.example", "a b.example", "1.2.3.4", "a_b.example", "x" * 300]
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        email_domain(text)
    assert domain_of(f"a@{text}") is None


@given(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())))
def test_whatever_an_address_is_there_is_a_domain_or_none(value: object) -> None:
    found = domain_of(value)
    assert found is None or email_domain(found) == found


def part(**values: object) -> Changeable:
    sound: dict[str, object] = {
        "name": "Corp",
        "scopes": ("openid",),
        "claim_names": {},
        "role_rules": (),
        "creates_accounts": False,
    }
    return Changeable(**sound | values)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"name": " "}, ("name",)),
        ({"name": "x" * 101}, ("name",)),
        ({"name": "a\0b"}, ("name",)),
        ({"scopes": ("profile",)}, ("scopes",)),
        ({"scopes": ("openid", "a b")}, ("scopes",)),
        ({"scopes": ("openid", *map(str, range(30)))}, ("scopes",)),
        ({"claim_names": {"admin": "x"}}, ("claimNames", "admin")),
        ({"role_rules": ({"role": "x"},)}, ("roleRules", "0", "role")),
        ({"creates_accounts": "yes"}, ("createsAccounts",)),
    ],
)  # fmt: skip
def test_what_may_change_is_checked_and_says_where(values: dict[str, object], path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as refused:
        checked(part(**values))
    assert refused.value.path == path


def test_what_may_change_is_kept_in_one_form() -> None:
    found = checked(part(name=" Corp ", scopes=("openid", "email", "openid"), claim_names={"email": " upn "}))
    assert (found.name, found.scopes, found.claim_names) == ("Corp", ("openid", "email"), {"email": "upn"})
    assert Changeable.of(found.to_json()) == found == Changeable.of(found)
