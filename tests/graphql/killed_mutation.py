"""A process that runs one mutation under an idempotency key, and is held at one point of its end.

`python -m tests.graphql.killed_mutation HOME GROUP STORE POINT`; the points are those of `tests.domain.killed_unit`, of the
transaction that writes in the store.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from psycopg.pq.abc import PGresult
from sqlalchemy.ext.asyncio import AsyncSession

from forecourt.app import operation_context
from forecourt.auth.actor import Actor, Membership
from forecourt.clock import SetClock
from forecourt.composition import open_platform, without_owner
from forecourt.domain.work import Platform
from forecourt.graphql import ids
from forecourt.graphql.api import api_schema
from forecourt.graphql.context import Context
from forecourt.settings import Settings
from forecourt.tenancy import session as session_module
from forecourt.tenancy.lane import Statement
from forecourt.tenancy.server import open_server
from forecourt.tenancy.session import ResolvedGroup, control_session, resolve_group
from forecourt.tenancy.writer import Writer
from tests.domain.desk import START
from tests.domain.killed_unit import APPLICATION, hold
from tests.graphql.keyed import FILE, answered

KEY = "killed-1"


def asked(platform: Platform, group: ResolvedGroup, store: UUID) -> tuple[Context, dict[str, object]]:
    """The caller's context, and the input."""
    members = (Membership("CS_AGENT", store),)
    actor = Actor("account:killed", "王芳", group.id, account_id=UUID(int=7), memberships=members)
    given = {
        "storeId": ids.store_id(store), "record": "COMPLAINT", "area": "SALES", "kind": "SERVICE",
        "receivedAt": "2026-09-07T01:00:00Z", "text": "没有回电话",
    }  # fmt: skip
    return operation_context(platform, actor, group, language="en", request_id="r-1"), {"input": given}


def hold_before() -> None:
    send_last = session_module.send_last

    async def held(session: AsyncSession, *, commit: bool = True) -> None:
        if session.info["writes"] is not None:
            hold()
        await send_last(session, commit=commit)

    pytest.MonkeyPatch().setattr(session_module, "send_last", held)


def hold_sent() -> None:
    send, answered_ = Writer.send, Writer._answered

    async def sent(self: Writer, role: str, statements: Sequence[Statement]) -> list[PGresult]:
        async def unread(writer: Writer) -> None:
            if role.startswith("s_") and statements[-1].text == "commit":
                hold()
            await answered_(writer)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Writer, "_answered", unread)
            return await send(self, role, statements)

    pytest.MonkeyPatch().setattr(Writer, "send", sent)


async def main(home: str, group: str, store: str, point: str) -> None:
    settings = Settings(home=Path(home))
    server = without_owner(open_server(settings, throwaway=True))
    async with open_platform(server, settings, application=APPLICATION) as platform:
        platform = Platform(platform.engines, SetClock(START))
        async with control_session(platform.engines) as session:
            resolved = await resolve_group(session, UUID(group))
        {"before": hold_before, "sent": hold_sent}[point]()
        context, given = asked(platform, resolved, UUID(store))
        await answered(api_schema(), context, FILE, given, KEY)
        print("answered", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
