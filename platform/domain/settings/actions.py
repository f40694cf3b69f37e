"""Changing configuration (requirements A14). Values are added, never changed, so what held on a day stays known."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from ...errors import NotFound, Refused
from ...tenancy.control import ConfigSetting, Store
from ...tenancy.ids import new_id
from ..wording import storable
from ..work import GroupWork
from .reads import MOST, all_settings
from .rules import Value, check_new, check_together


async def set_setting(
    work: GroupWork,
    *,
    key: str,
    value: Any,
    valid_from: date,
    valid_to: date | None = None,
    store_id: UUID | None = None,
    locked: bool = False,
) -> UUID:
    """Set a value from a day on, for the group or one of its stores. Returns the id of the new value.

    The whole configuration that would result is read as every month, call and survey would read it, for each store and
    on each day on which anything changes; what cannot be read is refused.

    Raises:
        NotFound: the group has no such store. Refused: LOCKED, TOO_MANY. Invalid: an unknown key, an empty period, or
            values that cannot be read.
    """
    work.require("tenancy:setting:write")
    new = Value(key, store_id, storable(value, "value"), valid_from, valid_to, locked)
    check_new(new)
    if store_id is not None:
        found = select(Store.id).where(Store.id == store_id, Store.group_id == work.group.id, Store.state != "DELETED")
        if await work.session.scalar(found) is None:
            raise NotFound("no such store")
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"settings/{work.group.id}"))))
    rows = await all_settings(work.session, work.group.id)
    if len(rows) >= MOST:
        raise Refused("TOO_MANY", "the group has more settings than can be checked together")
    known = [Value(r.key, r.store_id, r.value["value"], r.valid_from, r.valid_to, r.locked) for r in rows]
    check_together([*known, new], new)
    setting_id = new_id()
    work.session.add(
        ConfigSetting(
            id=setting_id,
            group_id=work.group.id,
            store_id=store_id,
            key=key,
            value={"value": value},
            locked=locked,
            valid_from=valid_from,
            valid_to=valid_to,
            created_at=work.now,
            created_by=work.actor.key,
        )
    )
    before = [one for one in known if one.key == key and one.store == store_id and one.on(valid_from)]
    work.audit(
        "settings.set",
        "ConfigSetting",
        setting_id,
        before={"value": before[-1].value} if before else None,
        after={
            "key": key,
            "value": value,
            "store": str(store_id) if store_id else None,
            "locked": locked,
            "valid_from": valid_from.isoformat(),
            "valid_to": valid_to.isoformat() if valid_to else None,
        },
    )
    return setting_id
