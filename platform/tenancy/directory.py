"""Looking up groups and stores by what people call them, over a plain connection (commands, workers)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from ..errors import NotFound, WrongState


def group_id_of(connection: Connection[Any], code: str) -> UUID:
    """Id of the group with a code. Raises NotFound."""
    row = connection.execute("select id from control.dealer_group where code = %s", (code,)).fetchone()
    if row is None:
        raise NotFound(f"no group {code!r}")
    found: UUID = row[0]
    return found


def store_id_of(connection: Connection[Any], group_code: str, store_code: str) -> UUID:
    """Id of a group's store that is not deleted. Raises NotFound."""
    row = connection.execute(
        """select s.id from control.store s join control.dealer_group g on g.id = s.group_id
           where g.code = %s and s.code = %s and s.state <> 'DELETED'""",
        (group_code, store_code),
    ).fetchone()
    if row is None:
        raise NotFound(f"group {group_code} has no store {store_code!r}")
    found: UUID = row[0]
    return found


def check_tenant(connection: psycopg.Connection[Any], group_id: UUID, store_id: UUID | None) -> None:
    """Whether a group and store exist, belong together and may be worked for.

    Raises:
        NotFound: they do not, or the store is another group's; WrongState: the store is not active.
    """
    row = connection.execute(
        """select s.id, s.state from control.dealer_group g
           left join control.store s on s.group_id = g.id and s.id = %s where g.id = %s""",
        (store_id, group_id),
    ).fetchone()
    if row is None or (store_id is not None and row[0] is None):
        raise NotFound("no such group or store")
    if store_id is not None and row[1] != "ACTIVE":
        raise WrongState("this store is not active", state=row[1])


@dataclass(frozen=True, slots=True)
class ListedStore:
    """A store as a list shows it."""

    code: str
    name: str
    state: str
    status: str
    revision: str


def list_stores(connection: Connection[Any], group_id: UUID) -> list[ListedStore]:
    """A group's stores by code, at most 5,000, deleted ones left out."""
    rows = connection.execute(
        """select code, name, state, status, revision from control.store
           where group_id = %s and state <> 'DELETED' order by code limit 5000""",
        (group_id,),
    )
    return [ListedStore(*row) for row in rows]
