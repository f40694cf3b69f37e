"""Who may ask the API for its schema: a switch of the installation."""

from typing import Literal

from ..auth.actor import Actor
from .cost import Priced

#: ADMINISTRATORS: who may connect programs, of the whole group.
Readers = Literal["everybody", "administrators", "nobody"]
ADMINISTRATORS = "accounts:client:manage"

_ASKING = ("__schema", "__type")


def may_read(readers: Readers, actor: Actor) -> bool:
    """May this actor ask for the schema?"""
    return readers == "everybody" or (readers == "administrators" and actor.scope(ADMINISTRATORS, None) is not None)


def asks_for_schema(priced: Priced) -> bool:
    """Does an operation ask for the schema? `__typename` is no such question."""
    return any(root.node.name.value in _ASKING for root in priced.roots)
