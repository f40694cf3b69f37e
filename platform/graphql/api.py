"""The product's schema: the generated reads, and each feature's own fields and mutations."""

from collections.abc import Mapping
from functools import lru_cache

from ..domain.entities import ENTITIES
from . import (
    accounts,
    audit,
    benchmark,
    care,
    changes,
    clients,
    complaints,
    customers,
    directory,
    evaluation,
    explain,
    interchange,
    jobs,
    providers,
    rates,
    sessions,
    settings,
    standing,
    surveys,
    templates,
    upserts,
)
from .errors import USER_ERRORS, Saying
from .export import sdl
from .live import fields as live
from .schema import ApiSchema, Parts, build


def user_errors() -> Mapping[str, Saying]:
    """Codes of refusals. A code has one saying: what two features share stands in `errors.USER_ERRORS`."""
    found: dict[str, Saying] = dict(USER_ERRORS)
    for feature in (
        accounts,
        care,
        clients,
        complaints,
        customers,
        directory,
        evaluation,
        providers,
        sessions,
        settings,
        standing,
        surveys,
        templates,
        upserts,
    ):
        twice = found.keys() & feature.USER_ERRORS.keys()
        if twice:
            raise ValueError(f"two features say {', '.join(sorted(twice))}")
        found |= feature.USER_ERRORS
    return found


@lru_cache(maxsize=1)
def api_schema() -> ApiSchema:
    """The schema of this process."""
    return build(
        ENTITIES,
        Parts(
            group=(
                accounts.GroupAccounts,
                audit.GroupAudit,
                benchmark.GroupBenchmarks,
                clients.GroupClients,
                directory.GroupDirectory,
                jobs.GroupJobs,
                providers.GroupProviders,
                sessions.GroupSessions,
                settings.GroupSettings,
                templates.GroupTemplates,
            ),
            query=(explain.QueryAccess, rates.QueryRates, standing.QueryStanding),
            store=(benchmark.StoreBenchmarks, changes.StoreChanges),
            viewer=(sessions.ViewerAccount,),
            subscription=(live.LiveChanges,),
            mutations=(
                *accounts.MUTATIONS,
                *audit.MUTATIONS,
                *benchmark.MUTATIONS,
                *care.MUTATIONS,
                *clients.MUTATIONS,
                *complaints.MUTATIONS,
                *customers.MUTATIONS,
                *directory.MUTATIONS,
                *evaluation.MUTATIONS,
                *interchange.MUTATIONS,
                *jobs.MUTATIONS,
                *providers.MUTATIONS,
                *sessions.MUTATIONS,
                *settings.MUTATIONS,
                *standing.MUTATIONS,
                *surveys.MUTATIONS,
                *templates.MUTATIONS,
                *upserts.MUTATIONS,
            ),
            user_errors=user_errors(),
        ),
    )


def schema_text() -> str:
    """The schema in SDL, sorted."""
    return sdl(api_schema())
