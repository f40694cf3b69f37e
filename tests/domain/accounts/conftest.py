"""The office of group a."""

from collections.abc import Iterator

import pytest

from forecourt.tenancy.engines import Engines
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.domain.accounts.office import Office, make_office


def clear(world: World) -> None:
    """Forget every provider, and what came by it: a group has a bounded number of them."""
    with owner_connection(world.server) as connection:
        connection.execute("delete from control.external_identity")
        connection.execute("delete from control.web_session where provider_id is not null")
        connection.execute("delete from control.membership where provider_id is not null")
        connection.execute("delete from control.email_domain")
        connection.execute("delete from control.identity_provider")


@pytest.fixture
def office(world: World, engines: Engines) -> Iterator[Office]:
    """See `Office`; no group has a provider before and after."""
    clear(world)
    yield make_office(world, engines)
    clear(world)
