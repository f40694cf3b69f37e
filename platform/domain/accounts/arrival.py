"""Somebody arrives from the group's identity provider 单点登录: which account they are, and which roles the claims give them.

A person is recognised by provider and subject alone. At the first time they are linked to an account of the same group that
was made for them, when nobody could have planted it and the address is sure; else an account is made, where the provider may
do so. No person gets a second account: two of them would undo every rule that needs two people.
docs/decisions/0018-provider-accounts.md.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from ...auth.accounts import MANAGE
from ...auth.actor import Actor
from ...auth.oidc import identities
from ...auth.oidc.config import ProviderConfig, ProviderIdentity
from ...auth.oidc.identities import Held, What
from ...auth.oidc.mapping import employee_numbers, given_roles, named_claim, parse_rules
from ...auth.oidc.person import Person, person_of, sign_in_name
from ...auth.oidc.providers import ProviderInfo, group_domains, group_provider
from ...auth.resolve import VISIBLE_STATES
from ...auth.rights import rights_taken
from ...errors import Fault, NotFound, Refused, Unavailable
from ...tenancy.ids import new_id
from ...tenancy.session import ResolvedGroup, ResolvedStore, store_session, stores_of
from ..people.reads import employee_id_of
from ..work import GroupWork, Platform, open_group_work

_MOST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_MOST_TRIES: Final = 5


async def arrive(work: GroupWork, provider: ProviderConfig, identity: ProviderIdentity) -> UUID:
    """The account of somebody whom the provider has just signed in, with the roles that their claims give now.

    The caller has checked the ID token; the work is the system's. What the provider no longer gives ends here; what an
    administrator gave by hand stays.

    Raises:
        Refused: NO_ACCOUNT (``why``: UNKNOWN, or ADDRESS_TAKEN by an account that cannot safely be linked);
            ACCOUNT_DISABLED; PROVIDER_INACTIVE.
        NotFound: the provider is another group's.
    """
    work.require(MANAGE)
    known = await group_provider(work.session, work.group.id, provider.id)
    if identity.provider_id != known.id or identity.issuer != known.issuer:
        raise Fault("an identity of another provider")
    if known.state != "ACTIVE":
        raise Refused("PROVIDER_INACTIVE", "this provider is not active")
    if not 0 < len(identity.subject) <= _MOST_SUBJECT or not identity.subject.isprintable():
        raise Refused("NO_ACCOUNT", "the provider names nobody", why="UNKNOWN")
    domains = await group_domains(work.session, work.group.id, known.id, confirmed=True)
    person = person_of(known.claim_names, identity.claims, {one.domain for one in domains})
    account_id = await identities.recognise(work.session, known.id, identity.subject, now=work.now)
    if account_id is None:
        account_id = await _first_time(work, known, identity.subject, person)
    said: dict[str, Any] = {"display_name": person.name, "language": person.language}
    if person.email_sure:
        said["email"] = person.email
    values = {name: value for name, value in said.items() if value is not None}
    if not await identities.welcome(work.session, work.group.id, account_id, now=work.now, **values):
        raise Refused("ACCOUNT_DISABLED", "this account is disabled")
    await _settle(work, known, account_id, identity.claims)
    return account_id


async def sign_in_from(
    platform: Platform, group: ResolvedGroup, provider: ProviderConfig, identity: ProviderIdentity
) -> UUID:
    """`arrive` as a unit of work of its own, in which a refusal is audited too. Errors as `arrive`."""
    system = Actor.for_system("sign-in", group.id)
    try:
        async with open_group_work(platform, group, system) as work:
            return await arrive(work, provider, identity)
    except Refused as error:
        async with open_group_work(platform, group, system) as work:
            after = {"code": error.code, "why": error.data.get("why")}
            work.audit("accounts.refuse_arrival", "IdentityProvider", provider.id, after=after)
        raise


async def _first_time(work: GroupWork, provider: ProviderInfo, subject: str, person: Person) -> UUID:
    """Link or make the account. Newcomers of a provider wait for one another, so two tabs make one account."""
    await group_provider(work.session, work.group.id, provider.id, lock=True)
    meanwhile = await identities.recognise(work.session, provider.id, subject, now=work.now)
    if meanwhile is not None:
        return meanwhile
    same = await identities.candidates(work.session, work.group.id, person.email) if person.email else []
    if not same:
        if not provider.creates_accounts:
            raise Refused("NO_ACCOUNT", "nobody made an account for this person", why="UNKNOWN")
        account_id, action = await _make(work, person), "accounts.create"
    else:
        account_id, action = same[0].id, "accounts.link_identity"
        safe = len(same) == 1 and person.email_sure and not same[0].has_password and not same[0].known_elsewhere
        if safe and not same[0].active:
            raise Refused("ACCOUNT_DISABLED", "this account is disabled")
        if not safe:
            raise Refused("NO_ACCOUNT", "an account with this address cannot be linked", why="ADDRESS_TAKEN")
    await identities.insert_identity(
        work.session,
        group_id=work.group.id,
        provider_id=provider.id,
        account_id=account_id,
        subject=subject,
        now=work.now,
    )
    work.audit(action, "Account", account_id, after={"provider": provider.code})
    return account_id


async def _make(work: GroupWork, person: Person) -> UUID:
    for _ in range(_MOST_TRIES):
        account_id = new_id()
        mark = secrets.token_hex(5)
        name = sign_in_name(person.email, work.group.code, mark)
        made = await identities.insert_account(
            work.session,
            id=account_id,
            group_id=work.group.id,
            name=name,
            display_name=person.name or person.email or name,
            email=person.email,
            language=person.language or "zh-CN",
            created_at=work.now,
        )
        if made:
            return account_id
    raise Unavailable("no sign-in name was free; try again")


async def _settle(work: GroupWork, provider: ProviderInfo, account_id: UUID, claims: Mapping[str, Any]) -> None:
    """End what the claims no longer give, and give what they do."""
    stores = {one.code: one for one in await stores_of(work.session, work.group.id) if one.state in VISIBLE_STATES}
    now_held = await identities.held(work.session, account_id, provider.id)
    wanted = await _wanted(work, provider, claims, stores, now_held)
    gone = [one for one in now_held if one.what not in wanted]
    new = sorted(wanted - {one.what for one in now_held}, key=str)
    await identities.end(work.session, gone, now=work.now)
    if gone:
        await rights_taken(work.session)
    await identities.give(
        work.session,
        group_id=work.group.id,
        account_id=account_id,
        provider_id=provider.id,
        memberships=new,
        now=work.now,
    )
    if gone or new:
        codes = {store.id: code for code, store in stores.items()}
        work.audit(
            "accounts.roles_by_provider",
            "Account",
            account_id,
            before={"ended": [_said(one.what, codes) for one in gone]},
            after={"provider": provider.code, "given": [_said(one, codes) for one in new]},
        )


async def _wanted(
    work: GroupWork,
    provider: ProviderInfo,
    claims: Mapping[str, Any],
    stores: Mapping[str, ResolvedStore],
    now_held: list[Held],
) -> set[What]:
    given = given_roles(parse_rules(provider.role_rules), claims, stores)
    numbers = employee_numbers(named_claim(provider.claim_names, claims, "employee_no"), given)
    people: dict[UUID, UUID | None] = {}
    for code, number in numbers.items():
        before = next((one.employee_id for one in now_held if one.store_id == stores[code].id), None)
        people[stores[code].id] = await _employee(work, stores[code], number, before)
    places = {one: stores[one.store].id if one.store else None for one in given}
    return {(one.role, at, people.get(at) if at else None) for one, at in places.items()}


async def _employee(work: GroupWork, store: ResolvedStore, number: str, before: UUID | None) -> UUID | None:
    """The employee with a number; while the store cannot answer, who the person was there before."""
    try:
        async with store_session(work.platform.engines, store, read_only=True) as session:
            return await employee_id_of(session, number)
    except (NotFound, Unavailable):
        return before


def _said(what: What, codes: Mapping[UUID, str]) -> dict[str, Any]:
    role, store_id, employee_id = what
    store = codes.get(store_id) if store_id else None
    return {"role": role, "store": store, "employee": str(employee_id) if employee_id else None}
