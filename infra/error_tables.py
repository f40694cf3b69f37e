"""The tables of docs/errors.md, made from the catalogues of `platform/graphql`. Used by `fresh.py`."""

from collections.abc import Iterable, Mapping
from inspect import getmembers, isfunction

from forecourt.graphql import http, malformed
from forecourt.graphql.api import user_errors
from forecourt.graphql.errors import ADVICE, CATALOGUE, KeyRefused, Saying

#: What the functions of `malformed` are shown with.
EXAMPLES: Mapping[str, tuple[object, ...]] = {
    "expected": (dict, []),
    "key": (255,),
    "methods": ("GET, POST",),
    "not_json": (1, 12),
    "not_utf8": (7,),
    "too_long": (1_000_000,),
}


def errors() -> dict[str, str]:
    """The tables by name."""
    return {"codes": _codes(), "refusals": _refusals(), "keys": _keys(), "malformed": _malformed()}


def _table(head: str, rows: Iterable[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])


def _both(saying: Saying) -> str:
    return f"{saying.en} | {saying.zh}".replace("\n", " ")


def _codes() -> str:
    rows = []
    for code, saying in CATALOGUE.items():
        advice, status = ADVICE[code], http._STATUS.get(code, 400)
        again = f"{advice.again.en} {advice.again.zh}"
        rows.append(f"| `{code}` | {status} | {again} | {_both(saying)} | {_both(advice.doing)} |")
    return _table("| Code 代码 | Status 状态码 | Again? 可重试 | Message | 信息 | What to do | 怎么办 |", rows)


def _refusals() -> str:
    rows = [f"| `{code}` | {_both(saying)} |" for code, saying in sorted(user_errors().items())]
    return _table("| Code 代码 | Message | 信息 |", rows)


def _keys() -> str:
    rows = [f"| {one.status} | `{one.code}` | {_both(one.saying)} |" for one in KeyRefused.__subclasses__()]
    return _table("| Status 状态码 | Code 代码 | Message | 信息 |", rows)


def sayings() -> list[Saying]:
    """Everything that is said of a request that is none; of a message with numbers in it, an example."""
    found = [value for _, value in getmembers(malformed) if isinstance(value, Saying)]
    for name, function in getmembers(malformed, isfunction):
        if function.__module__ == malformed.__name__ and not name.startswith("_"):
            found.append(function(*EXAMPLES[name]))
    return found


def _malformed() -> str:
    rows = sorted(f"| {_both(saying)} |" for saying in sayings())
    return _table("| Message | 信息 |", rows)
