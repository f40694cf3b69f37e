"""Errors as the API shows them: a code from one catalogue, a message in the caller's language, nothing of the inside."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from graphql import GraphQLError

from ..errors import (
    Forbidden,
    ForecourtError,
    NotFound,
    Refused,
    StaleVersion,
    Throttled,
    Unauthenticated,
    Unavailable,
    WrongState,
)
from .measure import TooLarge
from .saying import Saying

logger = logging.getLogger("forecourt.graphql")

#: graphql-core guesses what a wrong name should have been, and so tells names of the schema to whoever may not ask for it.
_GUESS = re.compile(r" Did you mean [^?]*\?")


#: `extensions.code` of every top-level error.
CATALOGUE: Mapping[str, Saying] = {
    "UNAUTHENTICATED": Saying("请先登录。", "Please sign in."),
    "FORBIDDEN": Saying("您没有权限执行此操作。", "You may not do this."),
    "VIEW_ONLY": Saying("正在以角色查看，不能更改任何内容。", "You are looking as a role: nothing can be changed."),
    "NOT_FOUND": Saying("没有找到。", "Not found."),
    "BAD_USER_INPUT": Saying("输入无效。", "The input is not valid."),
    "CONFLICT": Saying("数据已被更改，请重新读取。", "The data changed meanwhile; please read again."),
    "COST_LIMIT": Saying("查询过大。", "The query asks for too much."),
    "THROTTLED": Saying("请求过于频繁，请稍后再试。", "Too many requests; please try again later."),
    "TIMEOUT": Saying("处理超时。", "It took too long."),
    "UNAVAILABLE": Saying("暂时无法提供服务，请稍后再试。", "Not available at the moment; please try again later."),
    "INTERNAL": Saying("系统内部错误。", "Something went wrong inside."),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What a program does about a code: whether the same request may be sent again, and what to do, in both languages."""

    again: Saying
    doing: Saying


_NO, _LATER = Saying("否", "no"), Saying("稍后", "later")
#: What to do about each code of the catalogue (docs/errors.md).
ADVICE: Mapping[str, Advice] = {
    "UNAUTHENTICATED": Advice(
        Saying("取得新令牌后", "with a new token"), Saying("重新取得令牌一次。", "Get a new token, once.")
    ),
    "FORBIDDEN": Advice(_NO, Saying("请集团管理员授予权限。", "Ask the group's administrator for the permission.")),
    "VIEW_ONLY": Advice(_NO, Saying("先结束以角色查看。", "End looking as a role first.")),
    "NOT_FOUND": Advice(
        _NO, Saying("检查编号；不存在与不可见不作区分。", "Check the id. Not there and not for you look the same.")
    ),
    "BAD_USER_INPUT": Advice(
        _NO,
        Saying(
            "改正请求；extensions.part 指出有误的部分。", "Correct the request; extensions.part names what is wrong."
        ),
    ),
    "CONFLICT": Advice(
        Saying("重新读取后", "after reading"),
        Saying(
            "重新读取再决定；键正在使用时，按 Retry-After 以同一键重试。",
            "Read again and decide; where a key is in use, send it again after Retry-After.",
        ),
    ),
    "COST_LIMIT": Advice(_NO, Saying("减少一次请求的内容。", "Ask for less at once.")),
    "THROTTLED": Advice(_LATER, Saying("等待 extensions.retryAfter 秒。", "Wait extensions.retryAfter seconds.")),
    "TIMEOUT": Advice(
        _LATER,
        Saying(
            "减少内容，或稍后再试；变更请使用幂等键。", "Ask for less, or later; a mutation with its idempotency key."
        ),
    ),
    "UNAVAILABLE": Advice(
        _LATER,
        Saying(
            "稍后再试，间隔逐次加长；变更请使用幂等键。",
            "Later, waiting longer each time; a mutation with its idempotency key.",
        ),
    ),
    "INTERNAL": Advice(
        _LATER,
        Saying(
            "将 extensions.requestId 告知运营方；变更请使用幂等键重试。",
            "Tell the operator extensions.requestId; a mutation again with its idempotency key.",
        ),
    ),
}

#: Codes of `userErrors`: why a rule said no. Doors add theirs by `user_error_codes` of `schema.build`.
USER_ERRORS: Mapping[str, Saying] = {
    "CURSOR_EXPIRED": Saying(
        "游标已过期：请从 latestCursor 重新开始。", "The cursor is too old: begin anew from latestCursor."
    ),
    "EMPTY_TEXT": Saying("请填写内容。", "Please write something here."),
    "INVALID": Saying("输入无效。", "The input is not valid."),
    "NOT_AN_EMPLOYEE": Saying("须由本店员工操作。", "Only a member of the store's staff can do this."),
    "OWN_ACCOUNT": Saying("不能对本人账号执行此操作。", "Nobody does this to their own account."),
    "OWN_WORK": Saying("涉及本人工作，须由他人处理。", "This is about your own work; somebody else must do it."),
    "REASON_NEEDED": Saying("请填写理由。", "Please give the reason."),
    "REFUSED": Saying("规则不允许此操作。", "A rule does not allow this."),
    "SAME_PERSON": Saying("须由另一人办理。", "Somebody else must do this: two people are needed."),
    "STALE_VERSION": Saying(
        "数据已被他人更改。请重新读取，确认后以新的版本号再次提交。",
        "Somebody changed this meanwhile. Read it again, and send your change with the version you then see.",
    ),
    "WRONG_STATE": Saying("当前状态不允许此操作。", "The present state does not allow this."),
}


#: The header of an idempotency key, as a part of a request.
KEY = "idempotency-key"


class KeyRefused(ForecourtError):
    """The key keeps a mutation from running. `status` is of a request of which nothing ran."""

    code = "CONFLICT"
    status = 409
    saying: Saying
    headers: ClassVar[Mapping[str, str]] = {}


class KeyInUse(KeyRefused):
    """A request under this key is running now."""

    saying = Saying(
        "使用此键的请求正在执行。请稍后以同一键重试。", "A request under this key is running. Send it again later."
    )
    headers: ClassVar[Mapping[str, str]] = {"retry-after": "1"}


class KeyReused(KeyRefused):
    """The key came with another request before."""

    code = "BAD_USER_INPUT"
    status = 422
    saying = Saying(
        "此键已用于另一请求。请为每个新请求使用新的键。",
        "This key came with another request. Use a new key for a new request.",
    )


class RightsChanged(KeyRefused):
    """The caller may do other things than when the request ran, so its answer is not shown again."""

    code = "FORBIDDEN"
    status = 403
    saying = Saying(
        "该请求已执行；此后您的权限有变，其结果不再显示。请重新读取。",
        "It was carried out. Your rights changed since, so its answer is not shown again: read what you need.",
    )


def code_of(error: BaseException) -> str:
    """The catalogue's code for what went wrong in a resolver."""
    match error:
        case Unauthenticated() | Forbidden() | NotFound() | Throttled() | KeyRefused():
            return error.code
        case Unavailable():  # also somebody else whom the product asks
            return Unavailable.code
        case StaleVersion() | WrongState():
            return "CONFLICT"
        case Refused():
            return "BAD_USER_INPUT"
        case TimeoutError():
            return "TIMEOUT"
        case _:
            return "INTERNAL"


def formatted(error: GraphQLError, *, language: str, request_id: str) -> dict[str, Any]:
    """One error of a response. Errors of the document itself keep their text; every other gets the catalogue's."""
    large: GraphQLError = error
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        large = cause
        cause = cause.original_error
    extensions: dict[str, Any] = {}
    if cause is None:
        code = str((error.extensions or {}).get("code", "BAD_USER_INPUT"))
        message = _GUESS.sub("", error.message)
        if isinstance(large, TooLarge):
            code, extensions = "COST_LIMIT", {"limit": large.limit}
            message = f"{CATALOGUE[code].in_language(language)} {large.in_language(language)}"
    else:
        code = code_of(cause)
        message = CATALOGUE[code].in_language(language)
        if isinstance(cause, Refused):
            extensions = {"reason": cause.code, "detail": cause.message}
        if isinstance(cause, KeyRefused):
            text = cause.saying.in_language(language)
            message = f"{KEY}: {text}" if text == cause.saying.en else f"{KEY}：{text}"
            extensions = {"part": KEY}
        if isinstance(cause, Throttled):
            extensions = {"retryAfter": cause.retry_after}
    if code == "INTERNAL":
        logger.error("a request failed", exc_info=cause, extra={"request_id": request_id})
        extensions = {"requestId": request_id}
    answer: dict[str, Any] = {"message": message}
    if error.locations:
        answer["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        answer["path"] = list(error.path)
    return answer | {"extensions": {"code": code, **extensions}}


__all__ = ["CATALOGUE", "USER_ERRORS", "Saying", "code_of", "formatted"]
