"""The unit of work of one mutation: left open by the action's door, read for the payload, and committed after that.

A payload shows what its mutation did, so its rows are read where it was written, before the commit. And they are read
before the audit is appended: whoever holds the head of the chain must wait for nobody (`domain/audit_log.py`).
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType

from ..domain.work import GroupWork, Work
from .idempotency import Claim


class Unit:
    """What a mutation holds open. As a context manager it commits at its end, or rolls back when something was raised.

    `claim`: of a mutation under an idempotency key; then units of the group are held as well, for its record.
    """

    def __init__(self, claim: Claim | None = None) -> None:
        self.claim = claim
        self.work: Work | None = None
        self.group: GroupWork | None = None
        self._held = AsyncExitStack()
        self._afterwards: list[Callable[[], None]] = []

    def hold(self, work: Work | GroupWork, held: AsyncExitStack) -> None:
        """Keep a unit of work open whose block ended without an error."""
        if isinstance(work, Work):
            self.work = work
        else:
            self.group = work
        self._held = held

    def afterwards(self, call: Callable[[], None]) -> None:
        """To be called when it is committed."""
        self._afterwards.append(call)

    async def commit(self) -> None:
        """Commit what is held, if anything: whatever follows may rely on it."""
        self.work = self.group = None
        await self._held.aclose()

    async def __aenter__(self) -> "Unit":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.work = self.group = None
        suppressed = bool(await self._held.__aexit__(kind, error, trace))
        if error is None:
            for call in self._afterwards:
                call()
        return suppressed
