"""Identity providers 身份提供方 of a group: what administrators do with them, audited, the secret never.

Two people are needed before a provider, or a change of it, decides anything: nobody activates what they themselves wrote
last. Whoever could write rules and activate them could give any role to themselves. An installation's operator (`system`)
is outside of this rule. docs/decisions/0018-provider-accounts.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from ...auth.oidc import providers
from ...auth.oidc.config import SECRET_PURPOSE
from ...auth.oidc.providers import ProviderInfo
from ...auth.oidc.settings_rules import (
    DEFAULT_SCOPES,
    Changeable,
    checked,
    client_id,
    client_secret,
    email_domain,
    issuer_url,
    provider_code,
)
from ...auth.rights import rights_taken
from ...errors import NotFound, Refused, StaleVersion, WrongState
from ...tenancy.ids import new_id
from ..work import GroupWork, Platform

MANAGE: Final = "accounts:provider:manage"
READ: Final = "accounts:provider:read"

_ENTITY: Final = "IdentityProvider"


async def add_provider(
    work: GroupWork,
    *,
    code: str,
    name: str,
    issuer: str,
    client: str,
    secret: str | None = None,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    claim_names: Mapping[str, str] | None = None,
    role_rules: Sequence[Mapping[str, Any]] = (),
    creates_accounts: bool = False,
) -> UUID:
    """A new provider, as a draft: nobody signs in by it before it is activated.

    Raises:
        Forbidden. Invalid: a part has another form. Refused: CODE_TAKEN, TOO_MANY_PROVIDERS.
    """
    work.require(MANAGE)
    part = checked(Changeable(name, tuple(scopes), claim_names or {}, tuple(role_rules), creates_accounts))
    provider_id = new_id()
    if len(await providers.group_providers(work.session, work.group.id)) >= providers.MOST_PROVIDERS:
        raise Refused("TOO_MANY_PROVIDERS", f"a group has at most {providers.MOST_PROVIDERS}")
    values = {
        "code": provider_code(code),
        "issuer": issuer_url(issuer, loopback=loopback_allowed(work.platform)),
        "client_id": client_id(client),
    }
    made = await providers.insert_provider(
        work.session,
        id=provider_id,
        group_id=work.group.id,
        client_secret_enc=None if secret is None else _sealed(work, provider_id, secret),
        changed_by=work.actor.key,
        created_at=work.now,
        updated_at=work.now,
        **values,
        **part.to_json(),
    )
    if not made:
        raise Refused("CODE_TAKEN", "the group has a provider with this code", path=("code",))
    after = values | part.to_json() | {"secret": secret is not None}
    work.audit("accounts.add_provider", _ENTITY, provider_id, after=after)
    return provider_id


async def change_provider(
    work: GroupWork,
    provider_id: UUID,
    *,
    version: int,
    issuer: str | None = None,
    client: str | None = None,
    name: str | None = None,
    scopes: Sequence[str] | None = None,
    claim_names: Mapping[str, str] | None = None,
    role_rules: Sequence[Mapping[str, Any]] | None = None,
    creates_accounts: bool | None = None,
) -> None:
    """Write what a provider shall be. What was active before stays so until somebody else activates the change.

    Raises:
        Forbidden, NotFound. StaleVersion: ``version`` is not the present one. Invalid: a part has another form.
        Refused: PROVIDER_FIXED; issuer and client id of a provider that was active once (its people are known by them).
    """
    before = await _of(work, provider_id, version=version)
    newest = before.newest
    part = checked(
        Changeable(
            newest.name if name is None else name,
            newest.scopes if scopes is None else tuple(scopes),
            newest.claim_names if claim_names is None else claim_names,
            newest.role_rules if role_rules is None else tuple(role_rules),
            newest.creates_accounts if creates_accounts is None else creates_accounts,
        )
    )
    whom = {
        "issuer": before.issuer if issuer is None else issuer_url(issuer, loopback=loopback_allowed(work.platform)),
        "client_id": before.client_id if client is None else client_id(client),
    }
    was = {"issuer": before.issuer, "client_id": before.client_id}
    if before.fixed and whom != was:
        raise Refused("PROVIDER_FIXED", "another issuer or client id is another provider", path=("issuer",))
    values = {"proposal": part.to_json()} if before.fixed else whom | part.to_json()
    await providers.update_provider(work.session, before, now=work.now, changed_by=work.actor.key, **values)
    work.audit(
        "accounts.change_provider",
        _ENTITY,
        provider_id,
        before=was | newest.to_json(),
        after=whom | part.to_json(),
    )


async def set_secret(work: GroupWork, provider_id: UUID, *, secret: str) -> None:
    """Give the client secret that the provider issued. It counts at once: it opens nothing for anybody here.

    Raises:
        Forbidden, NotFound. Invalid: it has another form.
    """
    before = await _of(work, provider_id)
    sealed = _sealed(work, provider_id, secret)
    await providers.update_provider(work.session, before, now=work.now, client_secret_enc=sealed)
    work.audit("accounts.set_provider_secret", _ENTITY, provider_id)


async def activate_provider(work: GroupWork, provider_id: UUID, *, version: int) -> None:
    """Let a provider, or the change of it that waits, decide who signs in and with which roles.

    Raises:
        Forbidden, NotFound. StaleVersion: ``version`` is not the one that was looked at.
        WrongState: it is active, and nothing waits. Refused: SAME_PERSON, who wrote it last.
    """
    before = await _of(work, provider_id, version=version)
    waits = before.proposal is not None or not before.fixed
    if before.state == "ACTIVE" and not waits:
        raise WrongState("this provider is active", state=before.state)
    if waits and before.changed_by == work.actor.key and not work.actor.system:
        raise Refused("SAME_PERSON", "somebody else has to look at this and activate it")
    part = before.newest.to_json()
    await providers.update_provider(
        work.session,
        before,
        now=work.now,
        state="ACTIVE",
        proposal=None,
        activated_by=work.actor.key,
        activated_at=work.now,
        **part,
    )
    after = {"state": "ACTIVE", "written_by": before.changed_by, **part}
    work.audit("accounts.activate_provider", _ENTITY, provider_id, before={"state": before.state}, after=after)


async def disable_provider(work: GroupWork, provider_id: UUID) -> None:
    """Nobody signs in by it any more; web sessions that came by it end, and the roles it gave. Twice is once.

    Raises:
        Forbidden, NotFound. WrongState: it was never active.
    """
    before = await _of(work, provider_id)
    if before.state == "DRAFT":
        raise WrongState("this provider was never active", state=before.state)
    if before.state != "DISABLED":
        await providers.update_provider(work.session, before, now=work.now, state="DISABLED")
    sessions, memberships = await providers.end_what_it_gave(work.session, before, now=work.now)
    await rights_taken(work.session)
    after = {"state": "DISABLED", "sessions_ended": sessions, "memberships_ended": memberships}
    work.audit("accounts.disable_provider", _ENTITY, provider_id, before={"state": before.state}, after=after)


async def add_domain(work: GroupWork, provider_id: UUID, *, domain: str) -> UUID:
    """Say that people with addresses of this domain sign in at the provider. Counts once the operator confirmed it.

    Raises:
        Forbidden, NotFound. Invalid: not a domain. Refused: DOMAIN_EXISTS, TOO_MANY_DOMAINS.
    """
    before = await _of(work, provider_id)
    found, domain_id = email_domain(domain), new_id()
    if len(await providers.group_domains(work.session, work.group.id, before.id)) >= providers.MOST_DOMAINS:
        raise Refused("TOO_MANY_DOMAINS", f"a provider has at most {providers.MOST_DOMAINS}")
    made = await providers.insert_domain(
        work.session, id=domain_id, group_id=work.group.id, provider_id=before.id, domain=found, created_at=work.now
    )
    if not made:
        raise Refused("DOMAIN_EXISTS", "the provider has this domain", path=("domain",))
    work.audit("accounts.add_email_domain", _ENTITY, provider_id, after={"domain": found})
    return domain_id


async def remove_domain(work: GroupWork, domain_id: UUID) -> UUID:
    """Addresses of the domain lead to this provider no more. Returns the provider's id.

    Raises:
        Forbidden, NotFound.
    """
    work.require(MANAGE)
    gone = await providers.delete_domain(work.session, work.group.id, domain_id)
    before = {"domain": gone.domain, "confirmed": gone.confirmed_at is not None}
    work.audit("accounts.remove_email_domain", _ENTITY, gone.provider_id, before=before)
    return gone.provider_id


def loopback_allowed(platform: Platform) -> bool:
    """May an issuer be this machine, by http: in development and tests only."""
    return platform.settings.outgoing_loopback


def _sealed(work: GroupWork, provider_id: UUID, secret: str) -> bytes:
    value = client_secret(secret).encode()
    return work.platform.sealer(work.group.id, SECRET_PURPOSE).seal(value, bound_to=provider_id.bytes)


async def _of(work: GroupWork, provider_id: UUID, *, version: int | None = None) -> ProviderInfo:
    work.require(MANAGE)
    found = await providers.group_provider(work.session, work.group.id, provider_id, lock=True)
    if found.group_id != work.group.id:
        raise NotFound("no such identity provider")
    if version is not None and version != found.version:
        raise StaleVersion("somebody changed this provider meanwhile")
    return found
