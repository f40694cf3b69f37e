"""Testing a provider: what of the group's rows the test needs, read first, so that no transaction waits for the provider."""

from uuid import UUID

from ...auth.actor import Actor
from ...auth.oidc.config import SIGNED_OUT_PATH, backchannel_path, callback_path, load_provider_by_id
from ...auth.oidc.diagnose import Subject, diagnose
from ...auth.oidc.findings import Finding
from ...auth.oidc.mapping import parse_rules
from ...auth.oidc.model import PROVIDER_STATES
from ...auth.oidc.providers import group_domains, group_provider
from ...tenancy.session import ResolvedGroup, control_session, group_session, stores_of
from ..work import Platform
from .providers import MANAGE


async def examine_provider(platform: Platform, group: ResolvedGroup, actor: Actor, provider_id: UUID) -> list[Finding]:
    """What is right and wrong with a provider, and with the change of it that waits; errors first. Changes nothing.

    Raises:
        Forbidden, NotFound.
    """
    actor.require(MANAGE, None)
    async with group_session(platform.engines, group, read_only=True) as session:
        info = await group_provider(session, group.id, provider_id)
        domains = await group_domains(session, group.id, provider_id)
        stores = await stores_of(session, group.id)
    # The secret is readable to nobody but the control login; the row was found to be the group's.
    async with control_session(platform.engines) as session:
        config = await load_provider_by_id(session, platform.sealer, info.id, states=PROVIDER_STATES)
    base = platform.settings.public_url.rstrip("/")
    subject = Subject(
        config=config,
        scopes=info.newest.scopes,
        rules=parse_rules(info.newest.role_rules),
        waits=info.proposal is not None,
        stores=frozenset(store.code for store in stores),
        unconfirmed=[one.domain for one in domains if one.confirmed_at is None],
        redirect_uri=base + callback_path(group.code, info.code),
        backchannel_uri=base + backchannel_path(group.code, info.code),
        logout_uri=base + SIGNED_OUT_PATH,
    )
    return await diagnose(platform.outgoing, subject, now=platform.clock.now())
