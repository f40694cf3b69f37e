"""Rights for a while: standing in on holidays, looking as a role, break-glass. Each with a reason, an end and audit rows."""

from datetime import datetime, timedelta
from uuid import UUID

from ...auth import accounts, delegations, view_as
from ...auth.model import BREAK_GLASS_HOURS
from ...auth.rights import rights_taken
from ...auth.view_as import ViewAs
from ...errors import Forbidden, Invalid
from ..wording import reason as reason_of
from ..wording import wording
from ..work import GroupWork


async def delegate_role(
    work: GroupWork,
    membership_id: UUID,
    delegate_id: UUID,
    *,
    valid_from: datetime | None = None,
    valid_to: datetime,
    reason: str,
) -> UUID:
    """Let a colleague cover a membership. Errors as `auth.delegations.delegate_role`; Refused: REASON_NEEDED."""
    why = reason_of(reason)
    made = await delegations.delegate_role(
        work.session,
        work.actor,
        membership_id,
        delegate_id,
        valid_from=valid_from,
        valid_to=valid_to,
        reason=why,
        clock=work.platform.clock,
    )
    after = {
        "delegator": str(made.delegator),
        "delegate": str(made.delegate),
        "role": made.role,
        "store": str(made.store_id) if made.store_id else None,
        "from": (valid_from or work.now).isoformat(),
        "to": valid_to.isoformat(),
    }
    work.audit("accounts.delegate", "Membership", made.id, reason=why, after=after)
    return made.id


async def end_delegation(work: GroupWork, delegation_id: UUID) -> None:
    """End a delegation now. Errors as `auth.delegations.end_delegation`."""
    ended = await delegations.end_delegation(work.session, work.actor, delegation_id, clock=work.platform.clock)
    await rights_taken(work.session)
    before = {"delegator": str(ended.delegator), "delegate": str(ended.delegate), "role": ended.role}
    work.audit("accounts.end_delegation", "Membership", ended.id, before=before)


async def start_view(
    work: GroupWork,
    *,
    role: str,
    store_id: UUID | None = None,
    region: str | None = None,
    employee_id: UUID | None = None,
    reason: str,
    minutes: int = view_as.MINUTES,
) -> ViewAs:
    """Begin to look as a role. Errors as `auth.view_as.start_view`; Refused: REASON_NEEDED; Forbidden: a program."""
    if work.actor.account_id is None or work.actor.client_id is not None:
        raise Forbidden("people look as a role, programs do not")
    why = reason_of(reason)
    started = await view_as.start_view(
        work.session,
        work.actor,
        role=role,
        store_id=store_id,
        region=region,
        employee_id=employee_id,
        reason=why,
        minutes=minutes,
        clock=work.platform.clock,
    )
    after = {
        "role": role,
        "store": str(store_id) if store_id else None,
        "region": region,
        "employee": str(employee_id) if employee_id else None,
        "until": started.expires_at.isoformat(),
    }
    work.audit("accounts.start_view", "ViewAs", started.id, reason=why, after=after)
    return started


async def end_view(work: GroupWork, *, note: str | None = None) -> None:
    """Look as oneself again. Errors as `auth.view_as.end_view`."""
    said = wording(note, path="note", most=500) if note else None
    ended = await view_as.end_view(work.session, work.actor, clock=work.platform.clock)
    work.audit("accounts.end_view", "ViewAs", ended, reason=said)


async def break_glass(work: GroupWork, account_id: UUID, *, store_id: UUID | None, hours: int, reason: str) -> UUID:
    """Let an operator of the installation in, at a store or for the group's control rows, for a working day at most.

    Only from the machine itself (the system's actor): nobody in the group gives it, and everybody who reads the group's
    accounts sees it with its reason. It ends by itself; the group's administrator may end it earlier.

    Raises:
        Forbidden: anybody but the system. Invalid: not 1 to 8 hours. Refused: REASON_NEEDED. NotFound: no such account or store.
    """
    if not work.actor.system:
        raise Forbidden("break-glass is done on the machine")
    if not 1 <= hours <= BREAK_GLASS_HOURS:
        raise Invalid(f"1 to {BREAK_GLASS_HOURS} hours", path=("hours",))
    why = reason_of(reason)
    until = work.now + timedelta(hours=hours)
    membership_id = await accounts.add_membership(
        work.session,
        work.actor,
        account_id,
        role="PLATFORM_OPERATOR",
        store_id=store_id,
        valid_from=work.now,
        valid_to=until,
        reason=why,
        clock=work.platform.clock,
    )
    after = {
        "account": str(account_id),
        "store": str(store_id) if store_id else None,
        "until": until.isoformat(),
    }
    work.audit("accounts.break_glass", "Membership", membership_id, reason=why, after=after)
    return membership_id
