"""The product's schema: the generated reads, and each feature's own fields and mutations."""

from collections.abc import Mapping
from functools import lru_cache

from ..domain.entities import ENTITIES
from . import benchmark, evaluation, interchange, jobs
from .errors import Saying
from .export import sdl
from .schema import ApiSchema, Parts, build

_USER_ERRORS: Mapping[str, Saying] = {**evaluation.USER_ERRORS}


@lru_cache(maxsize=1)
def api_schema() -> ApiSchema:
    """The schema of this process."""
    return build(
        ENTITIES,
        Parts(
            group=(benchmark.GroupBenchmarks, jobs.GroupJobs),
            store=(benchmark.StoreBenchmarks,),
            mutations=(
                *benchmark.MUTATIONS,
                *evaluation.MUTATIONS,
                *interchange.MUTATIONS,
                *jobs.MUTATIONS,
            ),
            user_errors=_USER_ERRORS,
        ),
    )


def schema_text() -> str:
    """The schema in SDL, sorted."""
    return sdl(api_schema())
