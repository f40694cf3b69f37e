"""The declared masks of `auth/masks.py`, as the entities take them."""

from typing import Any, TypedDict

from sqlalchemy.orm import InstrumentedAttribute

from ..auth.masks import MASKS


class Masked(TypedDict, total=False):
    """Arguments of `reader.entity.value`."""

    permission: str
    least: tuple[InstrumentedAttribute[Any], int]


def mask(name: str, counted: InstrumentedAttribute[Any] | None = None) -> Masked:
    """The mask of "Type.field"; `counted` is the column that the mask's `of` names.

    Raises:
        KeyError: the table has no such mask. ValueError: `counted` is not the column that it names.
    """
    found = MASKS[name]
    if (None if counted is None else counted.key) != found.of:
        raise ValueError(f"the mask of {name} counts {found.of}")
    if counted is None:
        return {"permission": found.permission}
    return {"permission": found.permission, "least": (counted, found.least)}
