"""Identity providers 身份提供方 of the group in the API: who configures single sign-on, and what the test of one finds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from ..auth.oidc.config import SIGNED_OUT_PATH, backchannel_path, callback_path, start_path
from ..auth.oidc.mapping import CLAIMS
from ..auth.oidc.providers import DomainInfo, ProviderInfo, group_domains, group_provider, group_providers
from ..auth.oidc.settings_rules import Changeable
from ..domain.accounts import providers
from ..domain.accounts.examine import examine_provider
from ..domain.wording import storable
from ..errors import Invalid
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .roots import context_of
from .services import group_reading, group_work, services

PROVIDER, DOMAIN = "IdentityProvider", "EmailDomain"
USER_ERRORS = {
    "CODE_TAKEN": Saying("集团已有使用此代码的身份提供方。", "The group has a provider with this code."),
    "DOMAIN_EXISTS": Saying("该身份提供方已有此域名。", "The provider has this domain already."),
    "PROVIDER_FIXED": Saying(
        "启用过的身份提供方不能更换签发者或客户端标识，请新建一个。",
        "Issuer and client id of a provider that was active cannot change; connect a new provider.",
    ),
    "TOO_MANY_DOMAINS": Saying("该身份提供方的域名过多。", "The provider has too many domains."),
    "TOO_MANY_PROVIDERS": Saying("集团的身份提供方过多。", "The group has too many identity providers."),
}


@strawberry.type(name="EmailDomain", description="An e-mail domain whose people sign in at a provider 邮箱域名.")
class EmailDomainType:
    """A domain; it counts once the installation's operator confirmed it."""

    id: strawberry.ID = strawberry.field(description="Opaque id.")
    domain: str = strawberry.field(description="The domain, in lower case and ASCII 域名.")
    confirmed_at: datetime | None = strawberry.field(
        description="When the operator confirmed it; null: it does not count yet 确认时间."
    )


@strawberry.type(
    name="ProviderSettings", description="What of a provider may change after it was activated 身份提供方设置."
)
class ProviderSettingsType:
    """The changeable part of a provider."""

    name: str = strawberry.field(description="Name to show on the sign-in page 名称.")
    scopes: list[str] = strawberry.field(description="Scopes that are asked for.")
    claim_names: JSON = strawberry.field(
        description=f"Under which claim the provider says what: {', '.join(CLAIMS)} 声明名称."
    )
    role_rules: JSON = strawberry.field(description="Rules from claims to roles at stores 角色规则.")
    creates_accounts: bool = strawberry.field(
        description="Whether people without an account get one at their first sign-in 自动建账号."
    )


@strawberry.type(name="IdentityProvider", description="An identity provider of the group 身份提供方.")
class IdentityProviderType:
    """A provider as administrators see it; its secret is never shown."""

    id: strawberry.ID = strawberry.field(description="Opaque id.")
    code: str = strawberry.field(description="Code within the group; it stands in addresses 代码.")
    issuer: str = strawberry.field(description="Issuer, as its discovery document names it 签发者.")
    client_id: str = strawberry.field(description="Client id that the provider issued 客户端标识.")
    has_secret: bool = strawberry.field(description="Whether a client secret was given 已填写密钥.")
    state: str = strawberry.field(description="DRAFT, ACTIVE or DISABLED 状态.")
    version: int = strawberry.field(description="Counts changes; expected by changes and activation 版本.")
    active: ProviderSettingsType | None = strawberry.field(
        description="What decides at sign-in; null: never activated 生效设置."
    )
    newest: ProviderSettingsType = strawberry.field(description="What was written last 最新设置.")
    waits: bool = strawberry.field(
        description="Whether `newest` waits for somebody other than its writer to activate it 待启用."
    )
    written_by_viewer: bool = strawberry.field(description="Whether the viewer wrote it last 由本人编写.")
    activated_at: datetime | None = strawberry.field(description="When it was last activated 启用时间.")
    updated_at: datetime = strawberry.field(description="When it last changed 更新时间.")
    email_domains: list[EmailDomainType] = strawberry.field(description="Its e-mail domains 邮箱域名.")
    start_url: str = strawberry.field(description="Where a sign-in with it begins 登录地址.")
    redirect_uri: str = strawberry.field(description="To be registered at the provider 回调地址.")
    backchannel_logout_uri: str = strawberry.field(description="To be registered at the provider 后端登出地址.")
    post_logout_redirect_uri: str = strawberry.field(description="To be registered at the provider 退出后返回地址.")


@strawberry.type(name="ProviderFinding", description="Something the test of a provider found 检测结果.")
class ProviderFindingType:
    """A finding; its sentence says what to do."""

    code: str = strawberry.field(description="Stable code; more may be added 代码.")
    severity: str = strawberry.field(description="OK, WARNING or ERROR 程度.")
    message: str = strawberry.field(description="What was found and what to do, in the viewer's language 说明.")


def _settings(source: Any) -> ProviderSettingsType:
    return ProviderSettingsType(**Changeable.of(source).to_json())


def _provider(context: Context, info: ProviderInfo, domains: Sequence[DomainInfo]) -> IdentityProviderType:
    base, group = services(context).platform.settings.public_url.rstrip("/"), context.group.code
    names = ("code", "issuer", "client_id", "has_secret", "state", "version", "activated_at", "updated_at")
    return IdentityProviderType(
        id=strawberry.ID(context.id_of_group(PROVIDER, info.id)),
        active=_settings(info) if info.fixed else None,
        newest=_settings(info.newest),
        waits=info.proposal is not None or not info.fixed,
        written_by_viewer=info.changed_by == context.actor.key,
        email_domains=[
            EmailDomainType(
                id=strawberry.ID(context.id_of_group(DOMAIN, one.id)), domain=one.domain, confirmed_at=one.confirmed_at
            )
            for one in domains
            if one.provider_id == info.id
        ],
        start_url=base + start_path(group, info.code),
        redirect_uri=base + callback_path(group, info.code),
        backchannel_logout_uri=base + backchannel_path(group, info.code),
        post_logout_redirect_uri=base + SIGNED_OUT_PATH,
        **{name: getattr(info, name) for name in names},
    )


async def _one(context: Context, provider_id: UUID) -> IdentityProviderType:
    known = services(context)
    async with group_reading(context) as session:
        info = await group_provider(session, known.group.id, provider_id)
        return _provider(context, info, await group_domains(session, known.group.id, provider_id))


async def _changed(context: Context, provider_id: UUID) -> Done:
    return Done(values={"identityProvider": await _one(context, provider_id)})


@strawberry.type
class GroupProviders:
    """Fields of Group."""

    @strawberry.field(description="Identity providers by code 身份提供方. Needs accounts:provider:read.")  # type: ignore[untyped-decorator]
    async def identity_providers(self, info: strawberry.Info) -> list[IdentityProviderType]:
        context = context_of(info)
        context.actor.require(providers.READ, None)
        known = services(context)
        async with group_reading(context) as session:
            found = await group_providers(session, known.group.id)
            domains = await group_domains(session, known.group.id)
        return [_provider(context, one, domains) for one in found]


def _json(value: Any, kind: type, name: str) -> Any:
    """A JSON value of this kind, or None; everything inside it is read where it is used."""
    if value is not None and not isinstance(value, kind):
        raise Invalid("an object" if kind is dict else "a list", path=(name,))
    return storable(value, name)


# --- changing --------------------------------------------------------------------------------------------------------

_RULES = "Rules from claims to roles, such as {claim, equals, role, store} or {claim, matches, role} 角色规则."


@strawberry.input(description="A new identity provider, as a draft.")
class CreateIdentityProviderInput:
    """Input of createIdentityProvider."""

    code: str = strawberry.field(description="Code: 1 to 40 of a-z, 0-9 and - 代码.")
    name: str = strawberry.field(description="Name to show, up to 100 characters 名称.")
    issuer: str = strawberry.field(description="Issuer: an https URL without query or fragment 签发者.")
    client_id: str = strawberry.field(description="Client id 客户端标识.")
    client_secret: str | None = strawberry.field(
        default=None, description="Client secret; it is sealed and never shown 客户端密钥."
    )
    scopes: list[str] | None = strawberry.field(default=None, description="Scopes; openid among them.")
    claim_names: JSON | None = strawberry.field(default=None, description="Names of claims 声明名称.")
    role_rules: JSON | None = strawberry.field(default=None, description=_RULES)
    creates_accounts: bool = strawberry.field(
        default=False, description="Make accounts at the first sign-in 自动建账号."
    )


async def _create(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        work.require(providers.MANAGE)
        plain = {} if given.scopes is None else {"scopes": given.scopes}
        made = await providers.add_provider(
            work,
            code=given.code,
            name=given.name,
            issuer=given.issuer,
            client=given.client_id,
            secret=given.client_secret,
            claim_names=_json(given.claim_names, dict, "claimNames"),
            role_rules=_json(given.role_rules, list, "roleRules") or [],
            creates_accounts=given.creates_accounts,
            **plain,
        )
    return await _changed(context, made)


@strawberry.input(description="What an identity provider shall be; what is left out stays.")
class UpdateIdentityProviderInput:
    """Input of updateIdentityProvider."""

    id: strawberry.ID = strawberry.field(description="Id of the provider 身份提供方.")
    expected_version: int = strawberry.field(description="Its version as it was read 版本.")
    name: str | None = strawberry.field(default=None, description="Name to show 名称.")
    issuer: str | None = strawberry.field(default=None, description="Issuer, while it was never active 签发者.")
    client_id: str | None = strawberry.field(
        default=None, description="Client id, while it was never active 客户端标识."
    )
    scopes: list[str] | None = strawberry.field(default=None, description="Scopes; openid among them.")
    claim_names: JSON | None = strawberry.field(default=None, description="Names of claims 声明名称.")
    role_rules: JSON | None = strawberry.field(default=None, description=_RULES)
    creates_accounts: bool | None = strawberry.field(
        default=None, description="Make accounts at the first sign-in 自动建账号."
    )


async def _update(context: Context, given: Any) -> Done:
    provider_id = context.resolve_of_group(given.id, PROVIDER)
    async with group_work(context) as work:
        work.require(providers.MANAGE)
        await providers.change_provider(
            work,
            provider_id,
            version=given.expected_version,
            issuer=given.issuer,
            client=given.client_id,
            name=given.name,
            scopes=given.scopes,
            claim_names=_json(given.claim_names, dict, "claimNames"),
            role_rules=_json(given.role_rules, list, "roleRules"),
            creates_accounts=given.creates_accounts,
        )
    return await _changed(context, provider_id)


@strawberry.input(description="A client secret for an identity provider.")
class SetIdentityProviderSecretInput:
    """Input of setIdentityProviderSecret."""

    id: strawberry.ID = strawberry.field(description="Id of the provider 身份提供方.")
    client_secret: str = strawberry.field(description="The secret; it is sealed and never shown 客户端密钥.")


async def _secret(context: Context, given: Any) -> Done:
    provider_id = context.resolve_of_group(given.id, PROVIDER)
    async with group_work(context) as work:
        await providers.set_secret(work, provider_id, secret=given.client_secret)
    return await _changed(context, provider_id)


@strawberry.input(description="Which provider to activate, as it was looked at.")
class ActivateIdentityProviderInput:
    """Input of activateIdentityProvider."""

    id: strawberry.ID = strawberry.field(description="Id of the provider 身份提供方.")
    expected_version: int = strawberry.field(description="Its version as it was looked at 版本.")


async def _activate(context: Context, given: Any) -> Done:
    provider_id = context.resolve_of_group(given.id, PROVIDER)
    async with group_work(context) as work:
        await providers.activate_provider(work, provider_id, version=given.expected_version)
    return await _changed(context, provider_id)


@strawberry.input(description="Which provider.")
class IdentityProviderInput:
    """Input of disableIdentityProvider and testIdentityProvider."""

    id: strawberry.ID = strawberry.field(description="Id of the provider 身份提供方.")


async def _disable(context: Context, given: Any) -> Done:
    provider_id = context.resolve_of_group(given.id, PROVIDER)
    async with group_work(context) as work:
        await providers.disable_provider(work, provider_id)
    return await _changed(context, provider_id)


async def _test(context: Context, given: Any) -> Done:
    provider_id = context.resolve_of_group(given.id, PROVIDER)
    known = services(context)
    results = await examine_provider(known.platform, known.group, context.actor, provider_id)
    shown = [
        ProviderFindingType(code=one.code, severity=one.severity.value, message=one.sentence(context.language))
        for one in results
    ]
    return Done(values={"findings": shown, "identityProvider": await _one(context, provider_id)})


@strawberry.input(description="A domain for a provider.")
class AddEmailDomainInput:
    """Input of addEmailDomain."""

    provider_id: strawberry.ID = strawberry.field(description="Id of the provider 身份提供方.")
    domain: str = strawberry.field(description="Domain, such as example.com 域名.")


async def _add_domain(context: Context, given: Any) -> Done:
    provider_id = context.resolve_of_group(given.provider_id, PROVIDER)
    async with group_work(context) as work:
        await providers.add_domain(work, provider_id, domain=given.domain)
    return await _changed(context, provider_id)


@strawberry.input(description="Which domain to take away.")
class RemoveEmailDomainInput:
    """Input of removeEmailDomain."""

    id: strawberry.ID = strawberry.field(description="Id of the domain 邮箱域名.")


async def _remove_domain(context: Context, given: Any) -> Done:
    domain_id = context.resolve_of_group(given.id, DOMAIN)
    async with group_work(context) as work:
        provider_id = await providers.remove_domain(work, domain_id)
    return await _changed(context, provider_id)


_NEEDS = "Needs accounts:provider:manage."
_VALUES = {"identityProvider": (IdentityProviderType, "The provider after the change 身份提供方.")}
MUTATIONS = (
    Mutation(
        name="createIdentityProvider",
        description=f"Connect an identity provider, as a draft 新建身份提供方. {_NEEDS}",
        input=CreateIdentityProviderInput,
        run=_create,
        values=_VALUES,
    ),
    Mutation(
        name="updateIdentityProvider",
        description=f"Write a change that somebody else activates 修改身份提供方. {_NEEDS}",
        input=UpdateIdentityProviderInput,
        run=_update,
        values=_VALUES,
    ),
    Mutation(
        name="setIdentityProviderSecret",
        description=f"Give the client secret, at once 设置客户端密钥. {_NEEDS}",
        input=SetIdentityProviderSecretInput,
        run=_secret,
        values=_VALUES,
    ),
    Mutation(
        name="activateIdentityProvider",
        description=f"Let what somebody else wrote decide at sign-in 启用身份提供方. {_NEEDS}",
        input=ActivateIdentityProviderInput,
        run=_activate,
        values=_VALUES,
    ),
    Mutation(
        name="disableIdentityProvider",
        description=f"End sign-in by a provider, its sessions and the roles it gave 停用身份提供方. {_NEEDS}",
        input=IdentityProviderInput,
        run=_disable,
        values=_VALUES,
    ),
    Mutation(
        name="testIdentityProvider",
        description=f"Ask the provider, and say what is wrong 检测身份提供方. {_NEEDS}",
        input=IdentityProviderInput,
        run=_test,
        values={**_VALUES, "findings": (list[ProviderFindingType], "What was found, errors first 检测结果.")},
    ),
    Mutation(
        name="addEmailDomain",
        description=f"Say whose addresses belong to a provider; the operator confirms it 添加邮箱域名. {_NEEDS}",
        input=AddEmailDomainInput,
        run=_add_domain,
        values=_VALUES,
    ),
    Mutation(
        name="removeEmailDomain",
        description=f"Take a domain from its provider 移除邮箱域名. {_NEEDS}",
        input=RemoveEmailDomainInput,
        run=_remove_domain,
        values=_VALUES,
    ),
)
