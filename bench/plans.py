"""What the statements of a new plan cost, by levels: pieces of text put together, against row rules and sub-selects written out in each.

    python bench/plans.py [--rounds 15]

Both ways make the statements of the same shapes, all columns of every level and its total, for somebody who sees the whole store
and for somebody who sees their own rows. They take turns; printed are medians of CPU milliseconds and of the ratios.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from statistics import median
from typing import Any
from unittest.mock import patch
from uuid import UUID

from forecourt.domain.entities import ENTITIES
from forecourt.tenancy.reader import sql
from forecourt.tenancy.reader.compile_sql import Program
from forecourt.tenancy.reader.entity import Reach, Viewer
from forecourt.tenancy.reader.pieces import Placeholder
from forecourt.tenancy.reader.shape import Child, Shape

STEPS = ("vehicles", "repairOrders", "vehicle", "customer", "vehicles", "repairOrders")
LEVELS = (1, 2, 3, 5, 7)


@contextmanager
def written_out() -> Iterator[None]:
    """Parents as sub-selects and row rules as predicates, with aliases of their own in every level."""
    with (
        patch.object(Placeholder, "row_rule", Viewer.row_rule),
        patch.object(Placeholder, "above", lambda _, values: values),
        patch.object(sql, "alias_of", lambda table, depth=0: table.alias()),
    ):
        yield


def shape(entity: str, steps: tuple[str, ...]) -> Shape:
    """All columns of an entity, with what these steps lead to."""
    relations = ENTITIES[entity].relation_by_name
    below = {step: Child(step, shape(relations[step].target, steps[1:])) for step in steps[:1]}
    fields = frozenset(item.name for item in ENTITIES[entity].fields if item.made is None)
    return Shape(entity, fields, below, total=True)


def milliseconds(make: Callable[[], Any]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    make()
    return (time.process_time() - start) * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python bench/plans.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    permissions = {grant.permission for entity in ENTITIES for grant in entity.grants}
    print("levels  reach   put together   written out   ratio")
    for levels in LEVELS:
        asked = {"customers": shape("Customer", STEPS[: levels - 1])}
        for reach in (Reach.STORE, Reach.OWN):
            viewer = Viewer(dict.fromkeys(permissions, reach), frozenset({UUID(int=7)}), date(2026, 3, 1))

            def make(viewer: Viewer = viewer, asked: dict[str, Shape] = asked) -> None:
                Program(ENTITIES, viewer, asked, {}).variant({})

            make()
            pairs = []
            for _ in range(rounds):
                together = milliseconds(make)
                with written_out():
                    pairs.append((together, milliseconds(make)))
            one, two = (median(side) for side in zip(*pairs, strict=True))
            ratio = median(b / a for a, b in pairs)
            print(f"{levels:6}  {reach.name:6} {one:9.1f} ms {two:11.1f} ms {ratio:7.2f}")


if __name__ == "__main__":
    main()
