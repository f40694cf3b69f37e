"""Groups and stores: made whole or not at all, and only the transitions that exist."""

from uuid import UUID

import psycopg
import pytest

from forecourt.errors import Invalid, NotFound, Refused, Unavailable, WrongState
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.names import CONTROL, group_login
from forecourt.tenancy.provision import (
    NewStore,
    archive_store,
    close_store,
    create_group,
    create_store,
    delete_store,
    owner_connection,
    provision_store,
    resume_store,
    rotate_logins,
    store_state,
    suspend_store,
)
from forecourt.tenancy.render import Head
from forecourt.tenancy.server import Secrets
from tests.conftest import World
from tests.tenancy.catalog import catalog
from tests.tenancy.sample import head


def new(code: str) -> NewStore:
    return NewStore(code, "A store", "HX", "Asia/Shanghai")


def test_a_store_that_cannot_be_made_says_so_and_can_be_tried_again(world: World) -> None:
    group = world.groups["a"].id
    broken = Head("0001", head().sql + "select 1 / 0;")
    with owner_connection(world.server) as connection:
        with pytest.raises(Unavailable) as refused:
            create_store(connection, group, new("f1"), head=broken)
        store_id = UUID(refused.value.data["store"])
        state, failure = connection.execute(
            "select state, failure from control.store where id = %s", (store_id,)
        ).fetchone() or (None, None)
        assert (state, failure) == ("FAILED", "division by zero")
        left = connection.execute("select count(*) from pg_roles where rolname = %s", (f"s_{store_id.hex}",)).fetchone()
        assert left == (0,)
        provision_store(connection, store_id, head=head())
        assert store_state(connection, store_id) == (group, "ACTIVE")
        with pytest.raises(WrongState):
            provision_store(connection, store_id, head=head())
        for step in (close_store, archive_store, delete_store):
            step(connection, store_id)


def test_a_stores_life(world: World) -> None:
    with owner_connection(world.server) as connection:
        store_id = create_store(connection, world.groups["a"].id, new("life"), head=head())
        schema = f"s_{store_id.hex}"
        with pytest.raises(WrongState):
            delete_store(connection, store_id)
        with pytest.raises(WrongState):
            resume_store(connection, store_id)
        suspend_store(connection, store_id)
        resume_store(connection, store_id)
        close_store(connection, store_id)
        archive_store(connection, store_id)
        login = world.server.conninfo(group_login(world.groups["a"].id))
        with psycopg.connect(login) as writer:
            writer.execute(f"set local role {schema}".encode())
            writer.execute(f"select * from {schema}.person".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute(f"insert into {schema}.person (id) values (1)".encode())
        delete_store(connection, store_id)
        assert store_state(connection, store_id)[1] == "DELETED"
        gone = connection.execute(
            "select to_regnamespace(%s), (select count(*) from pg_roles where rolname = %s)", (schema, schema)
        ).fetchone()
        assert gone == (None, 0)
        with pytest.raises(WrongState):
            suspend_store(connection, store_id)
        with pytest.raises(NotFound):
            suspend_store(connection, new_id())


@pytest.mark.parametrize(
    ("code", "zone", "currency"), [("a b", "Asia/Shanghai", "CNY"), ("ab", "Mars/Base", "CNY"), ("ab", "UTC", "yuan")]
)
def test_what_a_group_is_called_is_checked(world: World, code: str, zone: str, currency: str) -> None:
    with owner_connection(world.server) as connection, pytest.raises(Invalid):
        create_group(connection, world.server.secrets, code=code, name="x", time_zone=zone, currency=currency)


def test_codes_are_unique_within_their_owner(world: World) -> None:
    with owner_connection(world.server) as connection:
        with pytest.raises(Refused, match="code"):
            create_group(connection, world.server.secrets, code="SECRET-A", name="x", time_zone="UTC")
        with pytest.raises(Refused, match="code"):
            create_store(connection, world.groups["a"].id, new("a1"), head=head())
        with pytest.raises(NotFound):
            create_store(connection, new_id(), new("a1"), head=head())
        roles = connection.execute("select count(*) from pg_roles where rolname ~ '^g_'").fetchone()
        groups = connection.execute("select count(*) from control.dealer_group").fetchone()
        assert roles == groups


def test_what_provisioning_makes_equals_the_migrations_from_the_base(world: World) -> None:
    """The product's own head.sql against its own steps."""
    with owner_connection(world.server) as connection:
        whole = create_store(connection, world.groups["b"].id, new("whole"))
        stepwise = create_store(connection, world.groups["b"].id, new("steps"), head=Head("", "select 1;"))
    assert migrate(world.server).migrated == [stepwise]
    with owner_connection(world.server) as connection:
        facts = [catalog(connection, f"s_{store.hex}") for store in (whole, stepwise)]
        assert facts[0] == facts[1]
        for store in (whole, stepwise):
            for step in (close_store, archive_store, delete_store):
                step(connection, store)


def test_rotation_gives_every_login_the_newest_password(world: World) -> None:
    old = world.server.secrets
    newer = Secrets({**old.master, 2: "another secret of the master"}, old.owner_password)
    login = group_login(world.groups["a"].id)
    with owner_connection(world.server) as connection:
        try:
            assert rotate_logins(connection, newer) >= 4
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(world.server.conninfo(login))
            parameters = {**world.server.parameters(login), "password": newer.password(login)}
            psycopg.connect(**parameters).close()  # type: ignore[arg-type]
        finally:
            rotate_logins(connection, old)
    psycopg.connect(world.server.conninfo(login)).close()
    psycopg.connect(world.server.conninfo(CONTROL)).close()
