"""Web sessions 会话, the history of sign-ins 登录记录 and the second factor 两步验证: one's own, and for who manages accounts.

Passwords, codes and seeds do not pass through here: a document is no place for them, so that no log or tool of the API's can
come to hold one. The pages take them (`web/account_desk.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from ..auth.account_reads import find_info, find_own_group
from ..auth.devices import device_of
from ..auth.history import list_sign_ins
from ..auth.own_sessions import list_sessions
from ..auth.second_factor import factor_info
from ..auth.tokens import list_tokens
from ..domain.accounts import actions
from ..errors import Invalid
from .accounts import ACCOUNT, AccessTokenType, own_account_id, token_type
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .roots import context_of
from .services import group_reading, group_work

SESSION, SIGN_IN = "WebSession", "SignIn"
USER_ERRORS = {
    "NO_EMAIL": Saying("该账号没有电子邮件地址。", "The account has no mail address."),
    "NO_SECOND_FACTOR": Saying("该账号未启用两步验证。", "The account has no second factor."),
}
_MOST = 200


@strawberry.type(name="Device", description="A browser as it describes itself; no proof of anything 设备.")
class DeviceType:
    """Names of browser and system."""

    browser: str | None = strawberry.field(description="Browser, when recognised 浏览器.")
    system: str | None = strawberry.field(description="System, when recognised 操作系统.")


@strawberry.type(name="WebSession", description="A browser that is signed in 会话.")
class SessionType:
    """An open session."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the session.")
    created_at: datetime = strawberry.field(description="When it began 登录时间.")
    last_seen_at: datetime = strawberry.field(description="When it was last seen, to a minute 最近活动.")
    expires_at: datetime = strawberry.field(description="When it ends at the latest 最晚失效时间.")
    method: str = strawberry.field(description="PASSWORD, PASSWORD_AND_CODE or PROVIDER 登录方式.")
    address: str | None = strawberry.field(description="Network address of the sign-in 网络地址.")
    device: DeviceType = strawberry.field(description="What it is 设备.")
    current: bool = strawberry.field(description="Is it the one that asks? 当前会话.")


@strawberry.type(name="SignIn", description="An attempt to sign in to an account 登录记录.")
class SignInType:
    """One line of the history."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the line.")
    at: datetime = strawberry.field(description="When 时间.")
    method: str = strawberry.field(description="PASSWORD, PASSWORD_AND_CODE or PROVIDER 登录方式.")
    outcome: str = strawberry.field(
        description="SUCCEEDED, CODE_ASKED, WRONG_PASSWORD, WRONG_CODE, THROTTLED or REFUSED 结果."
    )
    address: str | None = strawberry.field(description="Network address 网络地址.")
    device: DeviceType = strawberry.field(description="What it came from 设备.")


@strawberry.type(name="SecondFactor", description="The second factor of a local account 两步验证.")
class SecondFactorType:
    """State of the second factor; never its seed."""

    since: datetime | None = strawberry.field(description="Since when there is one; null: there is none 启用时间.")
    recovery_codes_left: int = strawberry.field(description="Recovery codes not used yet 剩余恢复码.")
    required: bool = strawberry.field(description="Does the group want one? 是否强制.")


@strawberry.type(name="OwnAccount", description="The viewer's own account 本人账号.")
class OwnAccountType:
    """What a person may know of their own account."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the account.")
    name: str = strawberry.field(description="Sign-in name 登录名.")
    display_name: str = strawberry.field(description="Name to show 显示名.")
    email: str | None = strawberry.field(description="E-mail address 电子邮件.")
    language: str = strawberry.field(description="Language, zh-CN or en 语言.")
    created_at: datetime = strawberry.field(description="When it was made 创建时间.")


def _device(user_agent: str | None) -> DeviceType:
    found = device_of(user_agent)
    return DeviceType(browser=found.browser, system=found.system)


async def _account_of(context: Context, session: Any, account_id: str | None) -> UUID:
    """The account that is asked about: the viewer's own, or another with accounts:account:read."""
    if account_id is None:
        return own_account_id(context)
    found = context.resolve_of_group(account_id, ACCOUNT)
    if found != context.actor.account_id:
        await find_info(session, context.actor, found)
    return found


async def _sessions(context: Context, account_id: str | None) -> list[SessionType]:
    async with group_reading(context) as session:
        account = await _account_of(context, session, account_id)
        found = await list_sessions(session, context.actor, account, clock=context.clock)
    names = ("created_at", "last_seen_at", "expires_at", "method", "address", "current")
    return [
        SessionType(
            id=strawberry.ID(context.id_of_group(SESSION, item.id)),
            device=_device(item.user_agent),
            **{name: getattr(item, name) for name in names},
        )
        for item in found
    ]


async def _sign_ins(context: Context, account_id: str | None, first: int) -> list[SignInType]:
    if not 1 <= first <= _MOST:
        raise Invalid(f"1 to {_MOST} rows", path=("first",), limit=_MOST)
    async with group_reading(context) as session:
        account = await _account_of(context, session, account_id)
        found = await list_sign_ins(session, context.actor, account, limit=first)
    return [
        SignInType(
            id=strawberry.ID(context.id_of_group(SIGN_IN, item.id)),
            at=item.at,
            method=item.method,
            outcome=item.outcome,
            address=item.address,
            device=_device(item.user_agent),
        )
        for item in found
    ]


async def _factor(context: Context, account_id: str | None) -> SecondFactorType:
    async with group_reading(context) as session:
        account = await _account_of(context, session, account_id)
        found = await factor_info(session, context.actor, account)
    return SecondFactorType(
        since=found.confirmed_at, recovery_codes_left=found.recovery_codes_left, required=found.required
    )


_WHOSE = strawberry.argument(description="Id of the account, with accounts:account:read; without: the viewer's own.")
_HOW_MANY = strawberry.argument(description="This many, 1 to 200.")


@strawberry.type
class ViewerAccount:
    """Fields of Viewer. A program has no account: what needs one answers NOT_FOUND."""

    @strawberry.field(description="The viewer's own account 本人账号.")  # type: ignore[untyped-decorator]
    async def account(self, info: strawberry.Info) -> OwnAccountType:
        context = context_of(info)
        async with group_reading(context) as session:
            found = await find_own_group(session, context.actor, own_account_id(context))
        names = ("name", "display_name", "email", "language", "created_at")
        id_ = strawberry.ID(context.id_of_group(ACCOUNT, found.id))
        return OwnAccountType(id=id_, **{name: getattr(found, name) for name in names})

    @strawberry.field(description="Open web sessions, the one last seen first, at most 100 会话.")  # type: ignore[untyped-decorator]
    async def sessions(self, info: strawberry.Info) -> list[SessionType]:
        return await _sessions(context_of(info), None)

    @strawberry.field(description="Attempts to sign in, newest first 登录记录.")  # type: ignore[untyped-decorator]
    async def sign_ins(self, info: strawberry.Info, first: Annotated[int, _HOW_MANY] = 50) -> list[SignInType]:
        return await _sign_ins(context_of(info), None, first)

    @strawberry.field(description="The viewer's second factor 两步验证.")  # type: ignore[untyped-decorator]
    async def second_factor(self, info: strawberry.Info) -> SecondFactorType:
        return await _factor(context_of(info), None)

    @strawberry.field(description="The viewer's bearer tokens, newest first, at most 100 令牌.")  # type: ignore[untyped-decorator]
    async def tokens(self, info: strawberry.Info) -> list[AccessTokenType]:
        context = context_of(info)
        async with group_reading(context) as session:
            found = await list_tokens(session, context.actor, own_account_id(context))
        return [token_type(context, item) for item in found]


@strawberry.type
class GroupSessions:
    """Fields of Group."""

    @strawberry.field(description="Open web sessions of an account, at most 100 会话.")  # type: ignore[untyped-decorator]
    async def sessions(
        self, info: strawberry.Info, account_id: Annotated[strawberry.ID | None, _WHOSE] = None
    ) -> list[SessionType]:
        return await _sessions(context_of(info), account_id)

    @strawberry.field(description="Attempts to sign in to an account, newest first 登录记录.")  # type: ignore[untyped-decorator]
    async def sign_ins(
        self,
        info: strawberry.Info,
        account_id: Annotated[strawberry.ID | None, _WHOSE] = None,
        first: Annotated[int, _HOW_MANY] = 50,
    ) -> list[SignInType]:
        return await _sign_ins(context_of(info), account_id, first)

    @strawberry.field(description="The second factor of an account 两步验证.")  # type: ignore[untyped-decorator]
    async def second_factor(
        self, info: strawberry.Info, account_id: Annotated[strawberry.ID | None, _WHOSE] = None
    ) -> SecondFactorType:
        return await _factor(context_of(info), account_id)


# --- changing --------------------------------------------------------------------------------------------------------


@strawberry.input(description="Which session to end.")
class EndSessionInput:
    """Input of endSession."""

    id: strawberry.ID = strawberry.field(description="Id of the session 会话.")


async def _end(context: Context, given: Any) -> Done:
    session_id = context.resolve_of_group(given.id, SESSION)
    async with group_work(context) as work:
        await actions.end_session(work, session_id)
    return Done(values={"id": given.id})


@strawberry.input(description="Nothing to say: the viewer's own sessions are meant.")
class EndOtherSessionsInput:
    """Input of endOtherSessions."""

    client_mutation_id: str | None = strawberry.field(default=None, description="Unused; inputs have a field.")


async def _end_others(context: Context, _: Any) -> Done:
    async with group_work(context) as work:
        count = await actions.end_other_sessions(work)
    return Done(values={"count": count})


@strawberry.input(description="Whose sessions to end.")
class EndSessionsOfInput:
    """Input of endSessionsOf."""

    account_id: strawberry.ID = strawberry.field(description="Id of the account 账号.")


async def _end_of(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.account_id, ACCOUNT)
    async with group_work(context) as work:
        count = await actions.end_sessions_of(work, account_id)
    return Done(values={"count": count})


@strawberry.input(description="Whose lost second factor to take away, and how it was made sure who asked.")
class RemoveSecondFactorInput:
    """Input of removeSecondFactor."""

    account_id: strawberry.ID = strawberry.field(description="Id of the account 账号.")
    reason: str = strawberry.field(
        description="Why, and how the person proved who they are, up to 500 characters 原因."
    )


async def _remove(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.account_id, ACCOUNT)
    async with group_work(context) as work:
        await actions.remove_second_factor(work, account_id, reason=given.reason)
    return Done(values={"accountId": given.account_id})


@strawberry.input(description="Whether local accounts of the group need a second factor.")
class RequireSecondFactorInput:
    """Input of requireSecondFactor."""

    required: bool = strawberry.field(description="True: who has none must set one up at the next sign-in 是否强制.")


async def _require(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        await actions.require_second_factor(work, required=given.required)
    return Done(values={"required": given.required})


@strawberry.input(description="Who gets a link to choose a password.")
class SendPasswordLinkInput:
    """Input of sendPasswordLink."""

    account_id: strawberry.ID = strawberry.field(description="Id of the account 账号.")


async def _send(context: Context, given: Any) -> Done:
    account_id = context.resolve_of_group(given.account_id, ACCOUNT)
    async with group_work(context) as work:
        await actions.send_password_link(work, account_id)
    return Done(values={"accountId": given.account_id})


@strawberry.input(description="The viewer's language.")
class SetOwnLanguageInput:
    """Input of setOwnLanguage."""

    language: str = strawberry.field(description="Language, zh-CN or en 语言.")


async def _language(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        await actions.change_language(work, given.language)
    return Done(values={"language": given.language})


_COUNT = {"count": (int, "How many sessions ended 结束的会话数.")}
_ACCOUNT = {"accountId": (strawberry.ID, "The account 账号.")}
MUTATIONS: Sequence[Mutation] = (
    Mutation(
        name="endOtherSessions",
        description="Sign oneself out everywhere else 退出其他会话.",
        input=EndOtherSessionsInput,
        run=_end_others,
        values=_COUNT,
    ),
    Mutation(
        name="endSession",
        description="End a web session: one's own, or with accounts:session:end 结束会话.",
        input=EndSessionInput,
        run=_end,
        values={"id": (strawberry.ID, "Opaque id of the session.")},
    ),
    Mutation(
        name="endSessionsOf",
        description="Sign somebody out everywhere 强制下线. Needs accounts:session:end.",
        input=EndSessionsOfInput,
        run=_end_of,
        values=_COUNT,
    ),
    Mutation(
        name="removeSecondFactor",
        description="Take away somebody's lost second factor 解除两步验证. Needs accounts:account:manage.",
        input=RemoveSecondFactorInput,
        run=_remove,
        values=_ACCOUNT,
    ),
    Mutation(
        name="requireSecondFactor",
        description="Whether local accounts need a second factor 强制两步验证. Needs accounts:account:manage.",
        input=RequireSecondFactorInput,
        run=_require,
        values={"required": (bool, "As it is now 是否强制.")},
    ),
    Mutation(
        name="sendPasswordLink",
        description="Send somebody a link to choose a password 发送设置密码链接. Needs accounts:account:manage.",
        input=SendPasswordLinkInput,
        run=_send,
        values=_ACCOUNT,
    ),
    Mutation(
        name="setOwnLanguage",
        description="Choose the language of one's own account 设置语言.",
        input=SetOwnLanguageInput,
        run=_language,
        values={"language": (str, "As it is now 语言.")},
    ),
)
