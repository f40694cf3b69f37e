"""What is forgotten every day: counts, steps and sessions that are over. Each in bounded pieces, the rest the next day."""

from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from .attempts import forget_attempts
from .steps import forget_steps
from .web_sessions import forget_sessions


async def forget_ended(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Delete what no longer matters to anybody, of every group; in a control session."""
    await forget_attempts(session, clock=clock)
    await forget_steps(session, clock=clock)
    await forget_sessions(session, clock=clock)
