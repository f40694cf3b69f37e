"""The quick look that lets commands skip what is done."""

from pathlib import Path

from forecourt.settings import Settings
from forecourt.tenancy.migrate import is_current
from forecourt.tenancy.provision import owner_connection
from forecourt.tenancy.render import control_tree, newest, tenant_tree
from forecourt.tenancy.server import open_server
from tests.conftest import Database


def test_the_head_told_by_file_names_is_the_head_of_the_tree() -> None:
    assert newest("control") == control_tree().head
    assert newest("tenant") == tenant_tree().head


def test_a_migrated_database_is_current_until_a_store_is_behind(database: Database) -> None:
    # Tests of migrations leave the marks of a tree of their own.
    newest_ = (newest("tenant"),)
    with owner_connection(database.server) as connection:
        connection.execute("update control.store set state = 'DELETED' where revision <> %s", newest_)
        connection.execute("update control.schema_revision set revision = %s where tree = 'tenant'", newest_)
    assert is_current(database.server)
    with owner_connection(database.server) as connection:
        connection.execute("update control.schema_revision set revision = '0000' where tree = 'control'")
        try:
            assert not is_current(database.server)
        finally:
            connection.execute(
                "update control.schema_revision set revision = %s where tree = 'control'", (newest("control"),)
            )
    assert is_current(database.server)


def test_a_server_that_nobody_set_up_is_not_current(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    settings = Settings.model_validate(
        {"home": tmp_path, "database_url": url, "master_secret": "s" * 40, "owner_password": "p" * 20}
    )
    assert not is_current(open_server(settings))
