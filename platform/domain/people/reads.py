"""Reading people."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .model import Employee


async def employee_id_of(session: AsyncSession, employee_no: str) -> UUID | None:
    """Id of the employee with a number, None when there is none."""
    return await session.scalar(select(Employee.id).where(Employee.employee_no == employee_no))
