"""Every operation of the product with what it needs: the table `access.csv`, written by hand and read by people.

A line says where an operation is done (``store``, ``group``, ``anywhere``: for the group or at any store, ``system``: by the
product itself), which permission it needs (of several, ``a | b``, one is enough; none: everybody who is signed in), and for
each role how far it reaches: O own rows, T team, D department, S store, R region's stores, G group, + allowed to everybody,
empty refused. Tests hold it against the role table and against the live product, called as each role; this page and
`explainAccess` are made from it.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

#: What a cell says of a role.
CELLS: Final = ("", "O", "T", "D", "S", "R", "G", "+")
PLACES: Final = ("store", "group", "anywhere", "system")


@dataclass(frozen=True, slots=True)
class Operation:
    """One line: ``Mutation.approveRun``, ``Group.accounts``, the rows of ``Customer``, a masked ``KpiValue.x``, ``Job.care.tick``."""

    name: str
    place: str
    needs: tuple[str, ...]
    cells: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The part before the first dot, or ``Type`` for the rows of a type."""
        head, dot, _ = self.name.partition(".")
        return head if dot else "Type"


@cache
def operations() -> Mapping[str, Operation]:
    """Every line by the name of its operation, in the order of the file."""
    text = (files("forecourt.auth") / "access.csv").read_text(encoding="utf-8")
    found: dict[str, Operation] = {}
    for line in csv.DictReader(text.splitlines()):
        name, place, needs = line.pop("operation"), line.pop("where"), line.pop("needs")
        if name in found or place not in PLACES or not set(line.values()) <= set(CELLS):
            raise ValueError(f"access.csv: {name}")
        permissions = tuple(part.strip() for part in needs.split("|") if part.strip())
        found[name] = Operation(name, place, permissions, MappingProxyType(line))
    return MappingProxyType(found)


def operation(type_: str, field: str | None = None) -> Operation | None:
    """The line of a field, or else of the rows of its type; None when there is neither."""
    known = operations()
    return known.get(f"{type_}.{field}") or known.get(type_) if field else known.get(type_)
