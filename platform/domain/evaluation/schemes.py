"""The group's schemes: the shipped ones are installed with the group; others are written and approved by two people."""

from sqlalchemy import select

from ...tenancy.ids import new_id
from ..work import GroupWork
from .model import Scheme
from .seed_schemes import SEED_SCHEMES

SHIPPED_BY = "product"


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
