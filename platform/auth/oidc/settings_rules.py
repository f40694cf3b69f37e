"""The form of what an administrator says of an identity provider. Pure: no database, no network."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any, Final, Self
from urllib.parse import urlsplit

from ...errors import Invalid
from .mapping import parse_claim_names, parse_rules

DEFAULT_SCOPES: Final = ("openid", "profile", "email")

_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749, section 3.3
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MOST_SCOPES: Final = 20


@dataclass(frozen=True, slots=True)
class Changeable:
    """What of a provider may change after its first activation."""

    name: str
    scopes: tuple[str, ...]
    claim_names: Mapping[str, str]
    role_rules: tuple[Mapping[str, Any], ...]
    creates_accounts: bool

    def to_json(self) -> dict[str, Any]:
        """As `IdentityProvider.proposal` keeps it."""
        plain = asdict(self)
        return plain | {"scopes": list(self.scopes), "role_rules": [dict(rule) for rule in self.role_rules]}

    @classmethod
    def of(cls, source: Any) -> Self:
        """Those parts of a row, or of what `to_json` made."""
        names = ("name", "scopes", "claim_names", "role_rules", "creates_accounts")
        values = {name: _part(source, name) for name in names}
        return cls(
            name=values["name"],
            scopes=tuple(values["scopes"]),
            claim_names=values["claim_names"],
            role_rules=tuple(values["role_rules"]),
            creates_accounts=values["creates_accounts"],
        )


def checked(given: Changeable) -> Changeable:
    """The same in its one form.

    Raises:
        Invalid: a part has another form; ``path`` says which, as the API names it.
    """
    name = given.name.strip()
    if not name or len(name) > 100 or not all(_printable(one) for one in name):
        raise Invalid("a provider needs a name to show, of at most 100 characters", path=("name",))
    with_path(parse_claim_names, given.claim_names, "claimNames")
    with_path(parse_rules, given.role_rules, "roleRules")
    if not isinstance(given.creates_accounts, bool):
        raise Invalid("true or false", path=("createsAccounts",))
    names = parse_claim_names(given.claim_names)
    return Changeable(name, _scopes(given.scopes), names, given.role_rules, given.creates_accounts)


def with_path(read: Any, value: object, name: str) -> None:
    """Run a reader whose errors lie below the field of this name."""
    try:
        read(value)
    except Invalid as error:
        raise Invalid(error.message, path=(name, *error.path), **error.data) from error


def provider_code(text: str) -> str:
    """The code of a provider within its group, such as ``corp``: it stands in addresses.

    Raises:
        Invalid: another form.
    """
    if not _CODE.fullmatch(text):
        raise Invalid("a code has 1 to 40 of a-z, 0-9 and -", path=("code",))
    return text


def client_id(text: str) -> str:
    """The name that the provider gave this installation.

    Raises:
        Invalid: empty, too long, or characters that no client id has (RFC 6749, appendix A.1).
    """
    found = text.strip()
    if not 1 <= len(found) <= 300 or any(not 32 <= ord(one) <= 126 for one in found):
        raise Invalid("1 to 300 plain characters", path=("clientId",))
    return found


def client_secret(text: str) -> str:
    """A client secret.

    Raises:
        Invalid: empty, too long, or characters that no secret has (RFC 6749, appendix A.2). Never says the value.
    """
    found = text.strip()
    if not 1 <= len(found) <= 1000 or any(not 32 <= ord(one) <= 126 for one in found):
        raise Invalid("1 to 1000 plain characters", path=("clientSecret",))
    return found


def issuer_url(text: str, *, loopback: bool = False) -> str:
    """An issuer, exactly as its discovery document must name it (OpenID Connect Discovery 1.0, section 2).

    ``loopback``: http and any port to this machine are allowed too, for development and tests.

    Raises:
        Invalid: not an https URL with a plain host, or it has user information, a query or a fragment.
    """
    wrong = Invalid("an issuer is a URL such as https://login.example.com/tenant", path=("issuer",))
    if not 1 <= len(text) <= 500 or any(not 33 <= ord(one) <= 126 or one in '\\"<>^`{|}' for one in text):
        raise wrong
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise wrong from error
    if not host or "@" in parts.netloc or "?" in text or "#" in text or parts.netloc != parts.netloc.lower():
        raise wrong
    if loopback and parts.scheme in ("http", "https") and (host == "localhost" or _is_loopback(host)):
        return text
    if parts.scheme != "https" or not text.startswith("https://") or port not in (None, 443):
        raise Invalid("an issuer begins with https:// and uses port 443", path=("issuer",))
    return text


def email_domain(text: str) -> str:
    """A domain of e-mail addresses, in lower case and ASCII (IDNA).

    Raises:
        Invalid: not a full domain name.
    """
    wrong = Invalid("a domain is a name such as example.com", path=("domain",))
    found = unicodedata.normalize("NFKC", text).strip().lower().removeprefix("@").rstrip(".")
    try:
        found = found.encode("idna").decode("ascii") if found else ""
    except UnicodeError as error:
        raise wrong from error
    labels = found.split(".")
    if len(labels) < 2 or len(found) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise wrong
    if labels[-1].isdigit():
        raise wrong
    return found


def domain_of(address: object) -> str | None:
    """The domain of an e-mail address; None when it is none."""
    if not isinstance(address, str) or len(address) > 254:
        return None
    local, at, domain = address.strip().rpartition("@")
    if not at or not local or not local.isprintable() or any(one.isspace() for one in local):
        return None
    try:
        return email_domain(domain)
    except Invalid:
        return None


def _part(source: Any, name: str) -> Any:
    return source[name] if isinstance(source, Mapping) else getattr(source, name)


def _scopes(given: Sequence[str]) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(given))
    if len(scopes) > _MOST_SCOPES or not all(isinstance(one, str) and _SCOPE.fullmatch(one) for one in scopes):
        raise Invalid(f"at most {_MOST_SCOPES} scopes, without spaces", path=("scopes",))
    if "openid" not in scopes:
        raise Invalid("the scope openid is needed", path=("scopes",))
    return scopes


def _printable(character: str) -> bool:
    return character.isprintable() and unicodedata.category(character) != "Cs"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
