"""The real application over the real database, and directories that are connected to its groups."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import pytest
from starlette.testclient import TestClient

from forecourt.app import build_app
from forecourt.auth.actor import Actor, Membership
from forecourt.domain.directory.access import create_connection
from forecourt.domain.work import GroupWork, Platform, open_group_work
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World

T = TypeVar("T")
USER, GROUP = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group"
STAFF = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Directory:
    """A directory with the token of one connection to a group, a or b."""

    client: TestClient
    world: World
    group: str
    token: str
    made: list[UUID] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """One request."""
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        answer: Any = self.client.request(method, f"/scim/v2{path}", json=body, headers=sent)
        return answer  # type: ignore[no-any-return]

    def create(self, user_name: str | None = None, **more: Any) -> dict[str, Any]:
        """A new person."""
        answer = self.ask("POST", "/Users", {"schemas": [USER], "userName": user_name or fresh(), **more})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def create_group(self, name: str, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A new group with people."""
        listed = [{"value": one["id"]} for one in members]
        answer = self.ask("POST", "/Groups", {"schemas": [GROUP], "displayName": name, "members": listed, **more})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> httpx2.Response:
        """A PATCH."""
        return self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def work(self, do: Callable[[GroupWork], Awaitable[T]], actor: Actor | None = None) -> T:
        """Run a verb in a unit of work of the group, by the system or by `actor`."""
        platform: Platform = self.client.app.state.platform  # type: ignore[attr-defined]
        group = self.world.groups[self.group]

        async def inside() -> T:
            async with open_group_work(platform, group, actor or Actor.for_system("test", group.id)) as work:
                return await do(work)

        assert self.client.portal is not None
        return self.client.portal.call(inside)

    def admin(self, account: UUID | None = None) -> Actor:
        """A group administrator."""
        id_ = account or new_id()
        group = self.world.groups[self.group].id
        return Actor(f"account:{id_}", "王芳", group, account_id=id_, memberships=(Membership("GROUP_ADMIN", None),))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds, seen by its owner."""
        with owner_connection(self.world.server) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def roles(self, person: dict[str, Any]) -> set[tuple[str, str | None]]:
        """Role and store's code of a person's memberships that count now."""
        return set(
            self.rows(
                """select m.role, s.code from control.membership m left join control.store s on s.id = m.store_id
                   where m.account_id = %s and m.valid_to is null""",
                person["id"],
            )
        )


def fresh() -> str:
    """A sign-in name that nobody has."""
    return f"n{new_id().hex}@example.com"


def connect(client: TestClient, world: World, group: str, *, by: Actor | None = None, days: float = 30) -> Directory:
    """Connect a directory to a group."""
    made = Directory(client, world, group, "")
    issued = made.work(lambda work: create_connection(work, label="目录", lifetime=timedelta(days=days)), by)
    made.token = issued.clear
    return made


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    """The application, started."""
    app = build_app(world.server, world.database.settings)
    with TestClient(app, base_url="https://testserver") as made:
        yield made
    tables = ("scim_member", "scim_group", "scim_mapping", "scim_membership", "scim_user", "scim_connection")
    with owner_connection(world.server) as connection:
        for table in tables:
            connection.execute(f"delete from control.{table}".encode())


@pytest.fixture
def directory(client: TestClient, world: World) -> Directory:
    """A directory of group a."""
    return connect(client, world, "a")


@pytest.fixture
def other(client: TestClient, world: World) -> Directory:
    """A directory of group b."""
    return connect(client, world, "b")
