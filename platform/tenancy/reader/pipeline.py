"""Running compiled statements: one store, one role, one snapshot, one round trip."""

from collections.abc import Coroutine
from typing import Any

from ..engines import Engines
from ..lanes import Row
from ..session import ResolvedStore, store_pipeline
from .compile_sql import Run, Variant, statements


def read_store(
    engines: Engines, store: ResolvedStore, variant: Variant, run: Run
) -> Coroutine[Any, Any, list[list[Row]]]:
    """The rows of a variant's statements, in their order.

    Raises:
        NotFound, Unavailable: see `store_pipeline`.
    """
    return store_pipeline(engines, store, statements(variant, run))
