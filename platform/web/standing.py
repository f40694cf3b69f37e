"""Rights for a while: looking as a role, and letting a colleague stand in."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from ..auth.roles import ROLES, UNDELEGABLE_ROLES
from ..errors import Forbidden
from .stores import nodes
from .visit import Visit, see_other

#: Roles one can look as, in the order of the role table.
LOOKS = tuple(role for role in ROLES if role not in UNDELEGABLE_ROLES)


async def show_view_as(visit: Visit) -> Response:
    """The form that begins a look."""
    if not visit.may_look():
        raise Forbidden("this needs the permission accounts:view:start")
    data = await visit.ask("view_as")
    return visit.page(
        "view_as.html",
        stores=nodes(data["group"]["stores"]),
        looks=LOOKS,
        refused=visit.request.query_params.get("refused"),
    )


async def start_view_as(visit: Visit) -> Response:
    """Begin to look as a role, and go where it begins its day."""
    fields = await visit.form()
    minutes = fields.get("minutes", "")
    given = {
        "role": fields.get("role", ""),
        "storeId": fields.get("store") or None,
        "region": fields.get("region") or None,
        "employeeNo": fields.get("employee") or None,
        "minutes": int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 4 else 30,
        "reason": fields.get("reason", "")[:500],
    }
    data = await visit.ask("start_view_as", input=given)
    errors = data["startViewAs"]["userErrors"]
    return see_other("/view-as", refused=str(errors[0]["code"])) if errors else see_other("/")


async def end_view_as(visit: Visit) -> Response:
    """Look as oneself again."""
    await visit.form()
    if visit.who.viewing is not None:
        await visit.ask("end_view_as", input={})
    return see_other("/")


async def show_standing(visit: Visit) -> Response:
    """The visitor's roles, and who stands in for which."""
    data = await visit.ask("standing")
    return visit.page(
        "standing.html",
        roles=data["viewer"]["memberships"],
        delegations=data["delegations"],
        roles_that_stay=UNDELEGABLE_ROLES,
        done=visit.request.query_params.get("done"),
        refused=visit.request.query_params.get("refused"),
    )


async def choose_stand_in(visit: Visit) -> Response:
    """The form for one role: who, from when to when, why."""
    membership = visit.request.query_params.get("role", "")
    data = await visit.ask("colleagues", membership=membership)
    return visit.page(
        "stand_in.html",
        membership=membership,
        colleagues=data["colleagues"],
    )


async def delegate(visit: Visit) -> Response:
    """Let a colleague stand in, until the end of a day of the group."""
    fields = await visit.form()
    first, last = _day(fields.get("from", "")), _day(fields.get("to", ""))
    if last is None:
        return see_other("/standing", refused="INVALID")
    zone = ZoneInfo(str((await visit.ask("places"))["group"]["timeZone"]))
    begins = None if first is None else datetime.combine(first, time(), zone)
    given: dict[str, Any] = {
        "membershipId": fields.get("membership", ""),
        "accountId": fields.get("account", ""),
        "validFrom": begins.isoformat() if begins else None,
        "validTo": datetime.combine(last, time(23, 59, 59), zone).isoformat(),
        "reason": fields.get("reason", "")[:500],
    }
    data = await visit.ask("delegate_role", input=given)
    errors = data["delegateRole"]["userErrors"]
    return (
        see_other("/standing", refused=str(errors[0]["code"])) if errors else see_other("/standing", done="delegated")
    )


async def end_delegation(visit: Visit) -> Response:
    """End a delegation."""
    fields = await visit.form()
    data = await visit.ask("end_delegation", input={"id": fields.get("id", "")})
    errors = data["endDelegation"]["userErrors"]
    return see_other("/standing", refused=str(errors[0]["code"])) if errors else see_other("/standing", done="ended")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
