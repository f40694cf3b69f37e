"""Which PostgreSQL, where it listens, and who logs in with which password.

Choice: `FORECOURT_DATABASE_URL`; else the embedded server; else local binaries, both started by `tenancy/embedded.py`.
The URL names host, port, database and TLS parameters. A user and password in it are the administrator's: they are
used by `forecourt db bootstrap` and by nothing else, so leave them out of the API's and workers' environment.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import conninfo as libpq
from pydantic import SecretStr
from sqlalchemy import URL

from ..errors import Misconfigured
from ..settings import Settings
from . import embedded
from .names import OWNER

DATABASE = "forecourt"
VERSIONS = embedded.VERSIONS


@dataclass(frozen=True)
class Address:
    """Where a database is: a host name or the folder of a Unix socket, port, database, further libpq parameters."""

    host: str
    port: int
    dbname: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Secrets:
    """What passwords and keys derive from. ``master`` maps version to text; new passwords use the highest version.

    A process without ``owner_password`` (API, workers) cannot log in as the owner, because that one derives from
    nothing.
    """

    master: Mapping[int, str] = field(repr=False)
    owner_password: str | None = field(default=None, repr=False)

    @property
    def version(self) -> int:
        return max(self.master)

    def derive(self, purpose: str, *, version: int | None = None) -> bytes:
        """32 bytes for one purpose: HMAC-SHA256 of ``purpose`` under the master secret of that version.

        Raises:
            Misconfigured: that version is not among the secrets.
        """
        chosen = self.version if version is None else version
        if chosen not in self.master:
            raise Misconfigured(f"master secret version {chosen} is missing")
        return hmac.digest(self.master[chosen].encode(), f"forecourt/{chosen}/{purpose}".encode(), hashlib.sha256)

    def password(self, login: str, *, version: int | None = None) -> str:
        """Password of a login.

        Raises:
            Misconfigured: the owner's, in a process that was not given it.
        """
        if login == OWNER:
            if self.owner_password is None:
                raise Misconfigured("this needs the owner's password: set FORECOURT_OWNER_PASSWORD")
            return self.owner_password
        return self.derive(f"login/{login}", version=version).hex()

    @classmethod
    def load(cls, settings: Settings) -> "Secrets":
        """From the settings, else from two files in ``settings.home``, which are generated on first use.

        The master secret is ``text``, or ``2:text,1:text`` while an older version is still needed. With a master secret
        in the settings nothing is generated: a process that is not given the owner's password does not make one up.
        """
        owner: str | None
        if settings.master_secret is not None:
            master = settings.master_secret.get_secret_value()
            owner = _revealed(settings.owner_password) or _present(settings.home / "owner.secret")
        else:
            master, kept = _generated(settings.home)
            owner = _revealed(settings.owner_password) or kept
        return cls(_versions(master), owner)


@dataclass(frozen=True)
class Server:
    """One database of one server, with the secrets to log in to it."""

    address: Address
    secrets: Secrets = field(repr=False)
    #: Connection string of an administrator, for bootstrap only. None when we were given none.
    administrator: str | None = field(default=None, repr=False)
    #: The server that we started or joined ourselves.
    own: embedded.Running | None = field(default=None, repr=False)

    def conninfo(self, login: str, **params: str) -> str:
        """libpq connection string of a login (`names.OWNER`, `names.CONTROL`, `g_…`, `r_…`)."""
        return libpq.make_conninfo(**self.parameters(login), **params)

    def parameters(self, login: str) -> dict[str, str]:
        """The same as separate libpq parameters."""
        return {
            **self.address.params,
            "host": self.address.host,
            "port": str(self.address.port),
            "dbname": self.address.dbname,
            "user": login,
            "password": self.secrets.password(login),
        }

    def url(self, login: str) -> URL:
        """SQLAlchemy URL of a login; its text hides the password."""
        rest = self.parameters(login)
        user, password, database = rest.pop("user"), rest.pop("password"), rest.pop("dbname")
        return URL.create("postgresql+psycopg", username=user, password=password, database=database, query=rest)


def open_server(settings: Settings, *, throwaway: bool = False, binaries: Path | None = None) -> Server:
    """The server the settings choose, started when it is ours and does not run.

    Raises:
        Misconfigured: the address cannot be read, or there are no binaries.
        Unavailable: our own server does not come up.
    """
    keys = Secrets.load(settings)
    if settings.database_url is not None:
        return _remote(settings.database_url.get_secret_value(), keys)
    running = embedded.start(settings.home, binaries=binaries, throwaway=throwaway)
    address = Address(running.place.sockets, running.place.port, DATABASE)
    return Server(address, keys, running.conninfo(), running)


def check_version(number: int) -> None:
    """Refuse servers we do not support. ``number`` is libpq's, as 150004.

    Raises:
        Misconfigured: the version is not 15 to 18.
    """
    if number // 10_000 not in VERSIONS:
        raise Misconfigured(f"PostgreSQL {number // 10_000}: Forecourt runs on 15 to 18")


def _remote(text: str, keys: Secrets) -> Server:
    for prefix in ("postgresql+psycopg://", "postgres://"):
        if text.startswith(prefix):
            text = "postgresql://" + text.removeprefix(prefix)
    try:
        parts = {name: str(value) for name, value in libpq.conninfo_to_dict(text).items()}
    except Exception as error:  # psycopg's message may quote the password
        raise Misconfigured("FORECOURT_DATABASE_URL cannot be read") from error.__class__()
    administrator = libpq.make_conninfo(**parts) if "user" in parts else None
    for name in ("user", "password", "options", "application_name"):
        parts.pop(name, None)
    address = Address(
        parts.pop("host", "127.0.0.1"), int(parts.pop("port", "5432")), parts.pop("dbname", DATABASE), parts
    )
    return Server(address, keys, administrator)


def _versions(text: str) -> dict[int, str]:
    if ":" not in text:
        versions = {1: text.strip()}
    else:
        pairs = (part.strip().partition(":") for part in text.split(","))
        versions = {int(number): secret for number, _, secret in pairs if number.isdigit()}
    if not versions or any(len(secret) < 16 for secret in versions.values()):
        raise Misconfigured("FORECOURT_MASTER_SECRET needs at least 16 characters, or 2:new,1:old of that length each")
    return versions


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _present(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _generated(home: Path) -> tuple[str, str | None]:
    """The two secrets of a home. Made together; the owner's file may later be kept from a process."""
    home.mkdir(parents=True, exist_ok=True)
    master, owner = home / "master.secret", home / "owner.secret"
    if not master.exists():
        for path in (owner, master):
            embedded.write_secret(path, secrets.token_hex(32), keep=True)
    return master.read_text().strip(), _present(owner)
