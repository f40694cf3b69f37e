"""Errors as the API shows them: a code from one catalogue, a message in the caller's language, nothing of the inside."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError

from ..errors import (
    Forbidden,
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

#: Codes of `userErrors`: why a rule said no. Doors add theirs by `user_error_codes` of `schema.build`.
USER_ERRORS: Mapping[str, Saying] = {
    "EMPTY_TEXT": Saying("请填写内容。", "Please write something here."),
    "INVALID": Saying("输入无效。", "The input is not valid."),
    "NOT_AN_EMPLOYEE": Saying("须由本店员工操作。", "Only a member of the store's staff can do this."),
    "OWN_ACCOUNT": Saying("不能对本人账号执行此操作。", "Nobody does this to their own account."),
    "OWN_WORK": Saying("涉及本人工作，须由他人处理。", "This is about your own work; somebody else must do it."),
    "REASON_NEEDED": Saying("请填写理由。", "Please give the reason."),
    "REFUSED": Saying("规则不允许此操作。", "A rule does not allow this."),
    "SAME_PERSON": Saying("须由另一人办理。", "Somebody else must do this: two people are needed."),
    "STALE_VERSION": Saying("数据已被他人更改，请重新读取。", "Somebody changed this meanwhile; please read again."),
    "WRONG_STATE": Saying("当前状态不允许此操作。", "The present state does not allow this."),
}


def code_of(error: BaseException) -> str:
    """The catalogue's code for what went wrong in a resolver."""
    match error:
        case Unauthenticated() | Forbidden() | NotFound() | Throttled() | Unavailable():
            return error.code
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
