"""Which settings there are, and whether a set of values makes sense. Pure: every reader of settings must accept it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from ...errors import Invalid, Refused
from ..care import task_rules as care
from ..customers import rules as customers
from ..evaluation import settings_rules as evaluation
from ..evaluation.settings_rules import MonthSettings
from ..surveys import policy_rules as surveys

#: Every key that something reads, alphabetised.
KEYS = tuple(sorted(evaluation.KEYS | care.KEYS | customers.KEYS | surveys.KEYS))


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a key: of the group when `store` is None, valid from a day, until another day (exclusive) or for good."""

    key: str
    store: UUID | None
    value: Any
    valid_from: date
    valid_to: date | None
    locked: bool = False

    def on(self, day: date) -> bool:
        """Is it valid on that day?"""
        return self.valid_from <= day and (self.valid_to is None or self.valid_to > day)


def check_new(new: Value) -> None:
    """What one value must be by itself.

    Raises:
        Invalid: a key that nothing reads, an empty period, or a store's value that locks.
    """
    if new.key not in KEYS:
        raise Invalid("no such setting", path=("key",))
    if new.valid_to is not None and new.valid_to <= new.valid_from:
        raise Invalid("a setting ends after it begins", path=("validTo",))
    if new.locked and new.store is not None:
        raise Invalid("only a value of the group can be locked", path=("locked",))


def check_together(values: Sequence[Value], new: Value) -> None:
    """Whether the group and every store can be read on every day from the new value on; `new` is the last of `values`.

    Raises:
        Refused: LOCKED, the group does not let its stores differ on one of the days.
        Invalid: what would result cannot be read; the path begins with `value`.
    """
    stores: set[UUID | None] = {new.store} if new.store is not None else {None, *(one.store for one in values)}
    for day in _days(values, new):
        if new.store is not None and new.on(day) and is_locked(values, new.key, day):
            raise Refused("LOCKED", "the group does not let its stores differ here", path=("key",))
        for store in stores:
            verify(chosen(values, store, day))


def is_locked(values: Sequence[Value], key: str, day: date) -> bool:
    """Does the group's value of the day bind every store?"""
    found = _levels(values, None, day)[0].get(key)
    return found is not None and found.locked


def chosen(values: Sequence[Value], store: UUID | None, day: date) -> dict[str, Any]:
    """The value of each key for a store (None: for the group) on a day, as `configuration.resolved_settings` finds it."""
    of_group, of_store = _levels(values, store, day)
    bound = {key: one for key, one in of_group.items() if one.locked}
    return {key: one.value for key, one in (of_group | of_store | bound).items()}


def _levels(values: Sequence[Value], store: UUID | None, day: date) -> tuple[dict[str, Value], dict[str, Value]]:
    """What holds in the group and in the store: of one level's values the one that began last, then the one written last."""
    of_group: dict[str, Value] = {}
    of_store: dict[str, Value] = {}
    for one in sorted(values, key=lambda each: each.valid_from):
        if one.on(day) and one.store in (None, store):
            (of_group if one.store is None else of_store)[one.key] = one
    return of_group, of_store


def verify(values: Mapping[str, Any]) -> None:
    """Every reader accepts these values.

    Raises:
        Invalid: one does not.
    """
    try:
        MonthSettings.from_dict(_of(values, evaluation.KEYS))
        care.policy_from(_of(values, care.KEYS))
        customers.usual_reveals(_of(values, customers.KEYS))
        surveys.policy_from(_of(values, surveys.KEYS))
    except Invalid as error:
        raise Invalid(error.message, path=("value", *error.path)) from error


def _of(values: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in keys}


def _days(values: Sequence[Value], new: Value) -> Iterator[date]:
    """The days on which something begins or ends while the new value is there, with its first day."""
    ends = new.valid_to or date.max
    moments = {new.valid_from}
    for one in values:
        moments |= {day for day in (one.valid_from, one.valid_to) if day is not None and new.valid_from < day < ends}
    yield from sorted(moments)
