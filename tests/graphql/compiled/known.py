"""What earlier answers taught: cursors by list, ids by type, values by field."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from forecourt.graphql import ids

_KEPT = 40


@dataclass(eq=False)
class Spot:
    """A place of the answer: response key → (type, field, what stands below)."""

    fields: dict[str, tuple[str, str, "Spot"]] = field(default_factory=dict)
    #: of a connection: its list and order, which its cursors belong to
    cursors: str | None = None


@dataclass
class Known:
    """Fills while documents run."""

    codes: Sequence[str] = ()
    #: by code, the id of each store of the group; and the store that the next documents are mostly about
    stores: Mapping[str, UUID] = field(default_factory=dict)
    here: str | None = None
    cursors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    values: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))

    def ids_here(self, types: Sequence[str]) -> list[str]:
        """Ids of these types that belong to the store in question."""
        found = ((text, ids.parse(text)) for type_ in types for text in self.ids[type_])
        at = None if self.here is None else self.stores.get(self.here)
        return [text for text, named in found if named is not None and named.store == at]

    def learn(self, spot: Spot, answer: dict[str, Any]) -> set[str]:
        """Take what an answer shows; the labels of the fields that stood in it."""
        seen: set[str] = set()
        self._walk(spot, answer.get("data"), spot.cursors, seen)
        return seen

    def _walk(self, spot: Spot, found: Any, cursors: str | None, seen: set[str]) -> None:
        if isinstance(found, list):
            for item in found[:12]:
                self._walk(spot, item, cursors, seen)
            return
        if not isinstance(found, dict):
            return
        for key, value in found.items():
            if key not in spot.fields:
                continue
            type_, name, below = spot.fields[key]
            seen.add(f"{type_}.{name}")
            if value is None:
                continue
            if isinstance(value, dict | list) and below.fields:
                self._walk(below, value, below.cursors or cursors, seen)
            elif name in ("cursor", "startCursor", "endCursor", "latestCursor") and cursors is not None:
                _keep(self.cursors[cursors], value)
            else:
                for one in value if isinstance(value, list) else [value]:
                    self._value(type_, name, one)

    def _value(self, type_: str, name: str, value: Any) -> None:
        if isinstance(value, dict | list):
            return
        _keep(self.values[type_, name], value)
        if isinstance(value, str) and len(value) > 40:
            named = ids.parse(value)
            if named is not None:
                _keep(self.ids[named.type], value)


def _keep(kept: list[Any], value: Any) -> None:
    if value not in kept:
        kept.append(value)
        del kept[:-_KEPT]
