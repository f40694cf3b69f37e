"""A process that files complaints as mutations do, and can be held at one point of the first one's end.

`python -m tests.domain.killed_unit HOME GROUP STORE POINT`. It prints "held" when it has come to the point:

- ``before``: the last message but one is answered, the last one is not sent;
- ``sent``: the last message, with the COMMIT, is sent, and nobody reads its answer;
- ``never``: it prints the number of each unit that was committed, and goes on.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from psycopg.pq.abc import PGresult

from forecourt.auth.actor import Actor
from forecourt.composition import open_platform, without_owner
from forecourt.domain import tables
from forecourt.domain.complaints.actions import file_complaint
from forecourt.domain.work import Platform, open_work
from forecourt.settings import Settings
from forecourt.tenancy import session as session_module
from forecourt.tenancy.lane import Statement
from forecourt.tenancy.server import open_server
from forecourt.tenancy.session import ResolvedStore, control_session, read_in, resolve_store
from forecourt.tenancy.writer import Writer

assert tables.MODULES
APPLICATION = "killed unit"
JOB = "tests.killed"


async def unit(platform: Platform, store: ResolvedStore) -> None:
    """A complaint, its job, event and audit, in the messages of a mutation."""
    async with open_work(platform, store, Actor.for_system("test", store.group_id)) as work:
        await file_complaint(
            work,
            record="COMPLAINT",
            area="SALES",
            kind="SERVICE",
            received_at=work.now,
            text="没有回电话",
        )
        work.enqueue(JOB)
        work.end()
        await read_in(work.session, store, [Statement("select 1")])


def hold() -> None:
    """This process does nothing more."""
    print("held", flush=True)
    time.sleep(600)


def hold_before() -> None:
    async def held(*_: object, **__: object) -> None:
        hold()

    pytest.MonkeyPatch().setattr(session_module, "send_last", held)


def hold_sent() -> None:
    send, answered = Writer.send, Writer._answered

    async def sent(self: Writer, role: str, statements: Sequence[Statement]) -> list[PGresult]:
        async def unread(writer: Writer) -> None:
            if statements[-1].text == "commit":
                hold()
            await answered(writer)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Writer, "_answered", unread)
            return await send(self, role, statements)

    pytest.MonkeyPatch().setattr(Writer, "send", sent)


def go_on() -> None:
    """No point to stop at."""


async def main(home: str, group: str, store: str, point: str) -> None:
    settings = Settings(home=Path(home))
    server = without_owner(open_server(settings, throwaway=True))
    async with open_platform(server, settings, application=APPLICATION) as platform:
        async with control_session(platform.engines) as session:
            resolved = await resolve_store(session, UUID(group), UUID(store))
        {"before": hold_before, "sent": hold_sent, "never": go_on}[point]()
        number = 0
        while True:
            await unit(platform, resolved)
            number += 1
            print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
