"""An actor as the reader of a store sees them."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from uuid import UUID

from ..auth.actor import Actor
from ..tenancy.reader.entity import Viewer


def viewer_of(actor: Actor, store_id: UUID, today: date, permissions: Collection[str]) -> Viewer:
    """Which of these permissions the actor holds at a store, how far, and who they are there.

    Whoever looks as a role gets the role's lists, with rows and values only as far as they could read them themself.
    """
    if actor.viewing is not None:
        role = viewer_of(replace(actor, viewing=None), store_id, today, permissions)
        return replace(role, within=viewer_of(actor.viewing.viewer, store_id, today, permissions))
    reach = {name: int(scope) for name, scope in actor.scopes_at(store_id, permissions).items()}
    employees = actor.employees_at(store_id)
    return Viewer(reach, employees, today, covered=employees - actor.oneself_at(store_id))
