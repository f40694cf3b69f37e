"""Running compiled statements: one store, one role, one snapshot, one round trip."""

from ..engines import Engines
from ..lanes import Row
from ..session import ResolvedStore, store_pipeline
from .compile_sql import Run, Variant, statements


async def read_store(engines: Engines, store: ResolvedStore, variant: Variant, run: Run) -> list[list[Row]]:
    """The rows of a variant's statements, in their order.

    Raises:
        NotFound, Unavailable: see `store_pipeline`.
    """
    return await store_pipeline(engines, store, statements(variant, run))
