"""Which server, and which passwords."""

import os
import stat
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from forecourt.errors import Misconfigured
from forecourt.settings import Settings
from forecourt.tenancy.names import CONTROL, OWNER
from forecourt.tenancy.server import Secrets, check_version, open_server

MASTER = "a master secret of some length"


def settings(home: Path, **fields: str) -> Settings:
    return Settings(home=home, **{name: SecretStr(value) for name, value in fields.items()})  # type: ignore[arg-type]


def test_an_address_in_the_settings_is_used_and_its_user_is_the_administrator_only(tmp_path: Path) -> None:
    url = "postgresql://root:pw@db.example:6543/cars?sslmode=require&sslrootcert=/etc/ca.pem&options=-c%20role%3Dx"
    server = open_server(settings(tmp_path, database_url=url, master_secret=MASTER, owner_password="owner password"))
    assert (server.address.host, server.address.port, server.address.dbname) == ("db.example", 6543, "cars")
    assert dict(server.address.params) == {"sslmode": "require", "sslrootcert": "/etc/ca.pem"}
    assert server.administrator is not None and "user=root" in server.administrator
    assert "user=forecourt_control" in server.conninfo(CONTROL) and "user=root" not in server.conninfo(CONTROL)
    assert server.url(CONTROL).query["sslmode"] == "require"
    assert server.secrets.password(CONTROL) not in f"{server!r} {server.url(CONTROL)} {server.secrets!r}"
    assert "pw@" not in repr(server)


def test_an_address_without_a_user_has_no_administrator(tmp_path: Path) -> None:
    server = open_server(settings(tmp_path, database_url="postgres://127.0.0.1/cars", master_secret=MASTER))
    assert server.administrator is None and server.address.port == 5432
    with pytest.raises(Misconfigured, match="owner's password"):
        server.conninfo(OWNER)


def test_an_address_that_cannot_be_read_is_refused_without_being_quoted(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_server(settings(tmp_path, database_url="postgresql://u:topsecret@[bad", master_secret=MASTER))
    assert "topsecret" not in str(refused.value)


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found: list[Secrets] = []
    threads = [threading.Thread(target=lambda: found.append(Secrets.load(settings(home)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(secret.master[1], secret.owner_password) for secret in found}) == 1
    for name in ("master.secret", "owner.secret"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert sorted(os.listdir(home)) == ["master.secret", "owner.secret"]
    os.unlink(home / "owner.secret")  # as for API and workers
    kept = Secrets.load(settings(home))
    assert kept.owner_password is None and kept.master == found[0].master
    assert not (home / "owner.secret").exists()


def test_passwords_derive_by_login_and_version() -> None:
    keys = Secrets({1: "old secret, long enough", 2: "new secret, long enough"}, None)
    assert keys.version == 2
    assert keys.password("g_x") == keys.password("g_x", version=2) != keys.password("g_x", version=1)
    assert keys.password("g_x") != keys.password("r_x")
    assert len(keys.derive("contact data of a group")) == 32
    with pytest.raises(Misconfigured):
        keys.derive("x", version=3)


@pytest.mark.parametrize("text", ["short", "2:short,1:long enough to be one", "x:long enough to be one"])
def test_a_weak_master_secret_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured):
        Secrets.load(settings(tmp_path, master_secret=text))


def test_versions_15_to_18_are_supported() -> None:
    for good in (150004, 160000, 170010, 180006):
        check_version(good)
    for bad in (140012, 190000):
        with pytest.raises(Misconfigured):
            check_version(bad)
