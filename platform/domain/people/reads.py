"""Reading people."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from .model import Employee, Position


async def employee_id_of(session: AsyncSession, employee_no: str) -> UUID | None:
    """Id of the employee with a number, None when there is none."""
    return await session.scalar(select(Employee.id).where(Employee.employee_no == employee_no))


async def employee_ids_of(session: AsyncSession, numbers: Collection[str]) -> dict[str, UUID]:
    """Employee number → id, of those numbers that there are."""
    query = select(Employee.employee_no, Employee.id).where(Employee.employee_no.in_(sorted(numbers)))
    return {row.employee_no: row.id for row in await session.execute(query)}


async def holders_of(session: AsyncSession, day: date) -> dict[str, str]:
    """Role → number of one employed person who holds it on a day (the smallest number)."""
    query = (
        select(Position.role, func.min(Employee.employee_no))
        .join(Employee, Employee.id == Position.employee_id)
        .where(
            Position.valid_from <= day,
            or_(Position.valid_to.is_(None), Position.valid_to > day),
            or_(Employee.left_on.is_(None), Employee.left_on > day),
        )
        .group_by(Position.role)
    )
    return dict((await session.execute(query)).tuples().all())
