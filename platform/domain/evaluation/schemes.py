"""The group's schemes: the shipped ones are installed with the group; others are written and approved by two people."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ...errors import Invalid, NotFound, Refused, WrongState
from ...tenancy.ids import new_id
from ..wording import storable
from ..work import GroupWork
from .model import Scheme
from .scheme_specs import parse_scheme
from .seed_schemes import SEED_SCHEMES

SHIPPED_BY = "product"
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_/.-]{0,63}", re.ASCII)


async def install_seed_schemes(work: GroupWork) -> int:
    """Give a new group the shipped schemes as active data; returns how many it lacked."""
    present = set(await work.session.scalars(select(Scheme.code).where(Scheme.group_id == work.group.id)))
    missing = [scheme for scheme in SEED_SCHEMES if scheme.code not in present]
    for scheme in missing:
        work.session.add(
            Scheme(
                id=new_id(),
                group_id=work.group.id,
                code=scheme.code,
                number=scheme.version,
                state="ACTIVE",
                body=scheme.to_json(),
                created_by=SHIPPED_BY,
            )
        )
        work.audit("evaluation.install_scheme", "Scheme", after={"code": scheme.code, "number": scheme.version})
    return len(missing)


async def write_scheme(work: GroupWork, body: Mapping[str, Any]) -> UUID:
    """Write a new version of a scheme as a DRAFT; its number follows the newest of its code. Returns its id.

    Nothing is judged by it before somebody else approves it. The `version` in the body is set to the number.

    Raises:
        Invalid: it is no scheme; the path says where.
    """
    work.require("evaluation:scheme:write")
    code = body.get("code") if isinstance(body, Mapping) else None
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise Invalid("a code of capital letters, digits and _ / . -", path=("code",))
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"scheme/{work.group.id}/{code}"))))
    newest = select(func.max(Scheme.number)).where(Scheme.group_id == work.group.id, Scheme.code == code)
    number = (await work.session.scalar(newest) or 0) + 1
    scheme = parse_scheme(storable({**body, "version": number}))
    row = Scheme(
        id=new_id(),
        group_id=work.group.id,
        code=code,
        number=number,
        state="DRAFT",
        body=scheme.to_json(),
        created_at=work.now,
        created_by=work.actor.key,
    )
    work.session.add(row)
    work.audit("evaluation.write_scheme", "Scheme", row.id, after={"code": code, "number": number})
    return row.id


async def approve_scheme(work: GroupWork, scheme_id: UUID) -> None:
    """Make a draft the ACTIVE version of its code; the version before it is SUPERSEDED. By a second person.

    Months that were calculated before keep what they were calculated by.

    Raises:
        NotFound: no such version in this group. WrongState: it is no draft, or a newer version was approved already.
        Refused: SAME_PERSON.
    """
    work.require("evaluation:scheme:approve")
    query = select(Scheme).where(Scheme.id == scheme_id, Scheme.group_id == work.group.id)
    row = (await work.session.scalars(query)).first()
    if row is None:
        raise NotFound("no such scheme")
    # one approval of a code at a time: each then sees what the other made ACTIVE
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"scheme/{work.group.id}/{row.code}"))))
    await work.session.refresh(row)
    if row.state != "DRAFT":
        raise WrongState("only a draft is approved", state=row.state)
    if work.actor.system or work.actor.is_any_of(row.created_by):
        raise Refused("SAME_PERSON", "somebody else has to approve this")
    parse_scheme(row.body)  # what was written under older rules is held to today's
    active = select(Scheme).where(
        Scheme.group_id == work.group.id, Scheme.code == row.code, Scheme.state == "ACTIVE", Scheme.id != row.id
    )
    for earlier in await work.session.scalars(active):
        if earlier.number > row.number:
            raise WrongState("a newer version is active", number=earlier.number)
        earlier.state = "SUPERSEDED"
        work.audit("evaluation.supersede_scheme", "Scheme", earlier.id, after={"state": "SUPERSEDED"})
    row.state, row.approved_by = "ACTIVE", work.actor.key
    work.audit("evaluation.approve_scheme", "Scheme", row.id, before={"state": "DRAFT"}, after={"state": "ACTIVE"})


async def schemes_of(session: AsyncSession, group_id: UUID, *, limit: int = 200) -> list[Scheme]:
    """The group's versions, by code, newest first."""
    query = select(Scheme).where(Scheme.group_id == group_id).order_by(Scheme.code, Scheme.number.desc())
    return list(await session.scalars(query.limit(max(1, min(limit, 500)))))
