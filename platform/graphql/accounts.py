"""Accounts 账号 of the group in the API: who signs in, with which roles; bearer tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from ..auth.account_reads import AccountInfo, MembershipInfo, find_info, list_accounts, memberships_of
from ..auth.roles import ROLES
from ..auth.tokens import TokenInfo, list_tokens
from ..domain.accounts import actions
from ..domain.people.reads import employee_id_of
from ..domain.wording import storable, wording
from ..errors import Invalid, NotFound, Refused
from . import ids
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .pages import ListPage, check_first, cursor_of, key_behind, not_a_cursor
from .roots import context_of
from .services import group_reading, group_work
from .types import PageInfo

ACCOUNT, MEMBERSHIP, TOKEN = "Account", "AccountMembership", "AccessToken"
USER_ERRORS = {
    "BREAK_GLASS": Saying("该角色不能手工授予。", "Nobody gives this role by hand."),
    "MEMBERSHIP_EXISTS": Saying("该账号在此已有该角色。", "The account has this role there already."),
    "NAME_TAKEN": Saying("该登录名已被使用。", "This sign-in name is taken."),
    "NO_EMPLOYEE": Saying("该门店没有此工号。", "The store has no employee with this number."),
    "WEAK_PASSWORD": Saying("密码过于简单。", "This password is too easy to guess."),
}
_PAGE, _MOST = 50, 200
_LIST = "account"


@strawberry.type(
    name="AccountMembership", description="A role of an account, at a store or of the group, for a time 任职."
)
class AccountMembershipType:
    """A membership; ended ones stay, as they say who could do what."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the membership.")
    role: str = strawberry.field(description="Code of the role 角色.")
    store: strawberry.ID | None = strawberry.field(description="Id of the store; null: of a region or the group 门店.")
    region: str | None = strawberry.field(description="The region whose stores it reaches 区域.")
    valid_from: datetime = strawberry.field(description="Since when 开始时间.")
    valid_to: datetime | None = strawberry.field(description="Until when; null: for good 结束时间.")
    by_provider: bool = strawberry.field(
        description="An identity provider gives it, anew at each sign-in; false: an administrator did 由身份提供方授予."
    )
    delegated_by: str | None = strawberry.field(description="Name of whose holiday it covers 代理谁.")
    reason: str | None = strawberry.field(description="Why, for delegations and break-glass 原因.")


@strawberry.type(name="Account", description="Somebody, or a program, that signs in 账号.")
class AccountType:
    """An account as the people who manage accounts see it."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the account.")
    name: str = strawberry.field(description="Sign-in name 登录名.")
    display_name: str = strawberry.field(description="Name to show 显示名.")
    email: str | None = strawberry.field(description="E-mail address 电子邮件.")
    state: str = strawberry.field(description="ACTIVE or DISABLED 状态.")
    language: str = strawberry.field(description="Language, zh-CN or en 语言.")
    created_at: datetime = strawberry.field(description="When it was made 创建时间.")
    last_sign_in_at: datetime | None = strawberry.field(description="When it last signed in 最近登录.")
    memberships: list[AccountMembershipType] = strawberry.field(description="Its roles, oldest first 任职.")


@strawberry.type(name="AccountEdge", description="An account in a list.")
class AccountEdge:
    """Relay's edge."""

    node: AccountType = strawberry.field(description="The account.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(name="AccountConnection", description="A page of accounts.")
class AccountConnection:
    """Relay's connection."""

    edges: list[AccountEdge] = strawberry.field(description="The accounts of the page.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


@strawberry.type(
    name="AccessToken", description="A bearer token of an account; the token itself is never shown again 令牌."
)
class AccessTokenType:
    """What is known of a token."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the token.")
    label: str = strawberry.field(description="What it is for 用途.")
    created_at: datetime = strawberry.field(description="When it was issued 签发时间.")
    expires_at: datetime = strawberry.field(description="When it ends 到期时间.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked 吊销时间.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to some minutes 最近使用.")


def _account(context: Context, info: AccountInfo, memberships: Sequence[MembershipInfo]) -> AccountType:
    names = ("name", "display_name", "email", "state", "language", "created_at", "last_sign_in_at")
    return AccountType(
        id=strawberry.ID(context.id_of_group(ACCOUNT, info.id)),
        memberships=[
            AccountMembershipType(
                id=strawberry.ID(context.id_of_group(MEMBERSHIP, item.id)),
                role=item.role,
                store=strawberry.ID(ids.store_id(item.store_id)) if item.store_id else None,
                region=item.region,
                valid_from=item.valid_from,
                valid_to=item.valid_to,
                by_provider=item.provider_id is not None,
                delegated_by=item.delegator,
                reason=item.reason,
            )
            for item in memberships
            if item.account_id == info.id
        ],
        **{name: getattr(info, name) for name in names},
    )


async def _one(context: Context, account_id: UUID) -> AccountType:
    async with group_reading(context) as session:
        info = await find_info(session, context.actor, account_id)
        return _account(context, info, await memberships_of(session, context.actor, [account_id]))


def _name(cursor: str) -> str:
    name = key_behind(_LIST, cursor)
    if not (name.isascii() and name.isprintable()):
        raise not_a_cursor()
    return name


@strawberry.type
class GroupAccounts:
    """Fields of Group."""

    @strawberry.field(description="The group's accounts by sign-in name 账号. Needs accounts:account:read.")  # type: ignore[untyped-decorator]
    async def accounts(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="This many, 1 to 200.")] = _PAGE,
        after: Annotated[str | None, strawberry.argument(description="Only accounts behind this cursor.")] = None,
    ) -> AccountConnection:
        context = context_of(info)
        context.actor.require("accounts:account:read", None)
        check_first(first, _MOST)
        behind = "" if after is None else _name(after)
        async with group_reading(context) as session:
            found = await list_accounts(session, context.actor, after=behind, limit=first)
            further = await list_accounts(session, context.actor, after=found[-1].name, limit=1) if found else []
            roles = await memberships_of(session, context.actor, [item.id for item in found])
        edges = [AccountEdge(node=_account(context, item, roles), cursor=cursor_of(_LIST, item.name)) for item in found]
        page: Any = ListPage(edges, bool(further), after is not None)
        return AccountConnection(edges=edges, page_info=page)

    @strawberry.field(description="Bearer tokens of an account, newest first, at most 100 令牌.")  # type: ignore[untyped-decorator]
    async def tokens(
        self,
        info: strawberry.Info,
        account_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="Id of the account, with accounts:account:read; without: the viewer's own."
            ),
        ] = None,
    ) -> list[AccessTokenType]:
        context = context_of(info)
        account = own_account_id(context) if account_id is None else context.resolve_of_group(account_id, ACCOUNT)
        async with group_reading(context) as session:
            if account != context.actor.account_id:
                await find_info(session, context.actor, account)
            found = await list_tokens(session, context.actor, account)
        return [token_type(context, item) for item in found]


def token_type(context: Context, item: TokenInfo) -> AccessTokenType:
    """A token as the API shows it."""
    names = ("label", "created_at", "expires_at", "revoked_at", "last_used_at")
    return AccessTokenType(
        id=strawberry.ID(context.id_of_group(TOKEN, item.id)), **{name: getattr(item, name) for name in names}
    )


def own_account_id(context: Context) -> UUID:
    """The viewer's own account. Raises NotFound for a program."""
    if context.actor.account_id is None:
        raise NotFound("the viewer has no account")
    return context.actor.account_id


# --- changing --------------------------------------------------------------------------------------------------------


@strawberry.input(description="A new account, without password or role.")
class CreateAccountInput:
    """Input of createAccount."""

    name: str = strawberry.field(description="Sign-in name: 2 to 100 of a-z, digits and . _ @ + - 登录名.")
    display_name: str = strawberry.field(description="Name to show, up to 200 characters 显示名.")
    email: str | None = strawberry.field(default=None, description="E-mail address 电子邮件.")
    language: str = strawberry.field(default="zh-CN", description="Language, zh-CN or en 语言.")
    invite: bool = strawberry.field(
        default=False, description="Send its person a link to choose a password; needs the e-mail address 邀请."
    )


async def _create(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        account_id = await actions.create_account(
            work,
            name=given.name,
            display_name=given.display_name,
            email=given.email,
            language=given.language,
            invite=given.invite,
        )
    return Done(values={"account": await _one(context, account_id)})


@strawberry.input(description="A role for an account.")
class AddMembershipInput:
    """Input of addMembership."""

    account_id: strawberry.ID = strawberry.field(description="Id of the account 账号.")
    role: str = strawberry.field(description=f"One of {', '.join(sorted(ROLES))} 角色.")
    store_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the store; roles of HQ take none 门店."
    )
    region: str | None = strawberry.field(
        default=None, description="A region, for REGION_MANAGER: the stores whose region is this 区域."
    )
    employee_no: str | None = strawberry.field(
        default=None, description="Employee number there: whose own rows the person sees 工号."
    )
    valid_from: datetime | None = strawberry.field(
        default=None, description="Since when; without: from now on 开始时间."
    )
    valid_to: datetime | None = strawberry.field(default=None, description="Until when; without: for good 结束时间.")


async def _add(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.account_id, ACCOUNT)
    store = None if given.store_id is None else (await context.resolve(given.store_id, ids.STORE))[0]
    context.actor.require("accounts:account:manage", None)
    employee_id = None
    if given.employee_no is not None:
        if store is None:
            raise Invalid("an employee belongs to a store", path=("storeId",))
        number = wording(given.employee_no, path="employeeNo", most=100)
        async with context.open_store(store) as session:
            employee_id = await employee_id_of(session, number)
        if employee_id is None:
            raise Refused("NO_EMPLOYEE", "no such employee", path=("employeeNo",))
    async with group_work(context) as work:
        await actions.add_membership(
            work,
            account_id,
            role=given.role,
            store_id=store.id if store else None,
            region=None if given.region is None else wording(given.region, path="region", most=100),
            employee_id=employee_id,
            valid_from=given.valid_from,
            valid_to=given.valid_to,
        )
    return Done(values={"account": await _one(context, account_id)})


@strawberry.input(description="Which role to take away.")
class EndMembershipInput:
    """Input of endMembership."""

    id: strawberry.ID = strawberry.field(description="Id of the membership 任职.")


async def _end(context: Context, given: Any) -> Done:
    membership_id = context.resolve_of_group(given.id, MEMBERSHIP)
    async with group_work(context) as work:
        account_id = await actions.end_membership(work, membership_id)
    return Done(values={"account": await _one(context, account_id)})


@strawberry.input(description="Which account.")
class AccountInput:
    """Input of disableAccount, enableAccount and removePassword."""

    id: strawberry.ID = strawberry.field(description="Id of the account 账号.")


async def _disable(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.id, ACCOUNT)
    async with group_work(context) as work:
        await actions.disable_account(work, account_id)
    return Done(values={"account": await _one(context, account_id)})


async def _enable(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.id, ACCOUNT)
    async with group_work(context) as work:
        await actions.enable_account(work, account_id)
    return Done(values={"account": await _one(context, account_id)})


@strawberry.input(description="A new password for an account.")
class SetPasswordInput:
    """Input of setPassword."""

    id: strawberry.ID = strawberry.field(description="Id of the account 账号.")
    password: str = strawberry.field(description="The password; it is hashed and never shown 密码.")


async def _password(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.id, ACCOUNT)
    async with group_work(context) as work:
        await actions.set_password(work, account_id, password=storable(given.password, "password"))
    return Done(values={"account": await _one(context, account_id)})


async def _no_password(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.id, ACCOUNT)
    async with group_work(context) as work:
        await actions.remove_password(work, account_id)
    return Done(values={"account": await _one(context, account_id)})


@strawberry.input(description="A bearer token for an account.")
class IssueTokenInput:
    """Input of issueToken."""

    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the account, with accounts:account:manage; without: the viewer's own 账号."
    )
    label: str = strawberry.field(description="What it is for, up to 100 characters 用途.")
    days: int = strawberry.field(default=90, description="How many days it is valid, 1 to 366 有效天数.")


async def _issue(context: Context, given: Any) -> Done:
    account_id = (
        own_account_id(context) if given.account_id is None else context.resolve_of_group(given.account_id, ACCOUNT)
    )
    if not 1 <= given.days <= 366:
        raise Invalid("1 to 366 days", path=("days",))
    async with group_work(context) as work:
        issued = await actions.issue_token(work, account_id, label=given.label, lifetime=timedelta(days=given.days))
    shown: Mapping[str, Any] = {
        "id": context.id_of_group(TOKEN, issued.id),
        "token": issued.clear,
        "expiresAt": issued.expires_at,
    }
    return Done(values=shown)


@strawberry.input(description="Which token to end.")
class RevokeTokenInput:
    """Input of revokeToken."""

    id: strawberry.ID = strawberry.field(description="Id of the token 令牌.")


async def _revoke(context: Context, given: Any) -> Done:
    token_id = context.resolve_of_group(given.id, TOKEN)
    async with group_work(context) as work:
        await actions.revoke_token(work, token_id)
    return Done(values={"id": given.id})


_VALUES = {"account": (AccountType, "The account after the change 账号.")}
MUTATIONS = (
    Mutation(
        name="createAccount",
        description="Make an account 新建账号. Needs accounts:account:manage.",
        input=CreateAccountInput,
        run=_create,
        values=_VALUES,
    ),
    Mutation(
        name="addMembership",
        description="Give an account a role 授予角色. Needs accounts:account:manage.",
        input=AddMembershipInput,
        run=_add,
        values=_VALUES,
    ),
    Mutation(
        name="endMembership",
        description="Take a role away, from now on 收回角色. Needs accounts:account:manage.",
        input=EndMembershipInput,
        run=_end,
        values=_VALUES,
    ),
    Mutation(
        name="disableAccount",
        description="End an account's sign-in, tokens and sessions 停用账号. Needs accounts:account:manage.",
        input=AccountInput,
        run=_disable,
        values=_VALUES,
    ),
    Mutation(
        name="enableAccount",
        description="Let an account sign in again 启用账号. Needs accounts:account:manage.",
        input=AccountInput,
        run=_enable,
        values=_VALUES,
    ),
    Mutation(
        name="setPassword",
        description="Give somebody else's account a password; sessions and tokens end 重置密码. Needs accounts:account:manage.",
        input=SetPasswordInput,
        run=_password,
        values=_VALUES,
    ),
    Mutation(
        name="removePassword",
        description="Leave somebody else's account to the identity provider 取消密码. Needs accounts:account:manage.",
        input=AccountInput,
        run=_no_password,
        values=_VALUES,
    ),
    Mutation(
        name="issueToken",
        description="Issue a bearer token: one's own, or with accounts:account:manage 签发令牌.",
        input=IssueTokenInput,
        run=_issue,
        values={
            "id": (strawberry.ID, "Opaque id of the token."),
            "token": (str, "The token, shown this once 令牌."),
            "expiresAt": (datetime, "When it ends 到期时间."),
        },
    ),
    Mutation(
        name="revokeToken",
        description="End a bearer token: one's own, or with accounts:account:manage 吊销令牌.",
        input=RevokeTokenInput,
        run=_revoke,
        values={"id": (strawberry.ID, "Opaque id of the token.")},
    ),
)
