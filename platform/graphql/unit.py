"""The unit of work of one mutation: left open by the action's door, read for the payload, and committed after that.

A payload shows what its mutation did, so its rows are read where it was written, before the commit. And they are read
before the audit is appended: whoever holds the head of the chain must wait for nobody (`domain/audit_log.py`).
"""

from contextlib import AsyncExitStack
from types import TracebackType

from ..domain.work import Work


class Unit:
    """What a mutation holds open. As a context manager it commits at its end, or rolls back when something was raised."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self._held = AsyncExitStack()

    def hold(self, work: Work, held: AsyncExitStack) -> None:
        """Keep a unit of work open whose block ended without an error."""
        self.work, self._held = work, held

    async def commit(self) -> None:
        """Commit what is held, if anything: whatever follows may rely on it."""
        self.work = None
        await self._held.aclose()

    async def __aenter__(self) -> "Unit":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.work = None
        return bool(await self._held.__aexit__(kind, error, trace))
