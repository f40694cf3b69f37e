"""The group's identity providers, for its administrators: connect, change, test, activate, disable; domains.

    GET  /settings/identity          the list, and the form for a new one
    POST /settings/identity          connect
    GET  /settings/identity/{code}   one of them
    POST /settings/identity/{code}   what its buttons do (`do`)

Changes want a proof of who it is that is not older than `web_sessions.FRESH`, as for one's own password.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..auth.oidc.mapping import CLAIMS
from ..auth.oidc.rule_lines import from_lines, to_lines
from ..auth.oidc.settings_rules import DEFAULT_SCOPES
from ..auth.roles import ROLES
from ..clock import SYSTEM_CLOCK
from ..errors import Forbidden, Invalid, NotFound
from .desk import WebDesk
from .routes import guarded
from .visit import Visit, see_other, staff_page

HOME: Final = "/settings/identity"
_MANAGE: Final = "accounts:provider:manage"
_READ: Final = "accounts:provider:read"
#: What may be missing in the words of the page, and how a refusal of the API names it.
FIELDS: Final = (
    *("code", "name", "issuer", "clientId", "clientSecret", "scopes"),
    *("claimNames", "roleRules", "createsAccounts", "domain"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing was done: the API's message, the field it is about, and (rules) the line."""

    message: str
    field: str | None = None
    line: int | None = None


class _Refusal(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def identity_routes(desk: WebDesk) -> list[BaseRoute]:
    """The addresses of these pages."""
    middleware = guarded(desk)
    one = HOME + "/{code}"
    return [
        Route(HOME, staff_page(desk, show_all), methods=["GET"], middleware=middleware),
        Route(HOME, staff_page(desk, connect), methods=["POST"], middleware=middleware),
        Route(one, staff_page(desk, show), methods=["GET"], middleware=middleware),
        Route(one, staff_page(desk, act), methods=["POST"], middleware=middleware),
    ]


async def show_all(visit: Visit) -> Response:
    """Every provider."""
    return await _list(visit, _empty(), None)


async def connect(visit: Visit) -> Response:
    """Make a draft, and go to its page."""
    fields = await visit.form()
    if _stale(visit):
        return see_other("/account/prove", next=HOME)
    try:
        data = await _asked(
            visit,
            await visit.ask(
                "create_identity_provider",
                input={"code": fields.get("code", "").strip(), **_whom(fields), **_secret(fields), **_settings(fields)},
            ),
        )
    except _Refusal as refusal:
        return await _list(visit, _empty() | dict(fields), refusal.problem)
    return see_other(f"{HOME}/{data['identityProvider']['code']}", done="provider-made")


async def show(visit: Visit) -> Response:
    """One provider."""
    provider = await _provider(visit)
    return _page(visit, provider, _filled(provider))


async def act(visit: Visit) -> Response:
    """What one of the buttons does. A test answers at once; everything else leads back to the page."""
    fields = await visit.form()
    provider = await _provider(visit)
    here, wish = f"{HOME}/{provider['code']}", fields.get("do", "")
    if wish != "test" and _stale(visit):
        return see_other("/account/prove", next=here)
    try:
        if wish == "test":
            answer = await _asked(visit, await visit.ask("test_identity_provider", input={"id": provider["id"]}))
            return _page(visit, provider, _filled(provider), findings=answer["findings"])
        await _do(visit, wish, provider, fields)
    except _Refusal as refusal:
        return _page(visit, provider, _filled(provider) | dict(fields), problem=refusal.problem)
    return see_other(here, done=f"provider-{wish}")


async def _do(visit: Visit, wish: str, provider: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    this = {"id": provider["id"]}
    version = {"expectedVersion": int(fields["version"]) if fields.get("version", "").isdecimal() else -1}
    match wish:
        case "save":
            whom = {} if provider["activatedAt"] else _whom(fields)
            given = this | version | whom | _settings(fields)
            await _asked(visit, await visit.ask("update_identity_provider", input=given))
        case "secret":
            given = this | {"clientSecret": fields.get("clientSecret", "")}
            await _asked(visit, await visit.ask("set_identity_provider_secret", input=given))
        case "activate":
            await _asked(visit, await visit.ask("activate_identity_provider", input=this | version))
        case "disable":
            await _asked(visit, await visit.ask("disable_identity_provider", input=this))
        case "add-domain":
            given = {"providerId": provider["id"], "domain": fields.get("domain", "")}
            await _asked(visit, await visit.ask("add_email_domain", input=given))
        case "remove-domain":
            await _asked(visit, await visit.ask("remove_email_domain", input={"id": fields.get("domainId", "")}))
        case _:
            raise NotFound("no such action")


async def _asked(visit: Visit, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload of the one mutation of an answer; raises `_Refusal` when it was refused."""
    payload: Mapping[str, Any] = next(iter(data.values()))
    for error in payload["userErrors"]:
        path: Sequence[str] = error["path"][1:]
        field = path[0] if path and path[0] in FIELDS else None
        rule = int(path[1]) + 1 if field == "roleRules" and len(path) > 1 and path[1].isdecimal() else None
        raise _Refusal(Problem(error["message"], field, rule))
    return payload


async def _provider(visit: Visit) -> Mapping[str, Any]:
    found = await _providers(visit)
    code = visit.request.path_params["code"]
    provider = next((one for one in found if one["code"] == code), None)
    if provider is None:
        raise NotFound("no such identity provider")
    return provider


async def _providers(visit: Visit) -> list[Mapping[str, Any]]:
    if not visit.who.can(_READ, None):
        raise Forbidden("this needs the permission accounts:provider:read")
    data = await visit.ask("identity_providers")
    found: list[Mapping[str, Any]] = data["group"]["identityProviders"]
    return found


async def _list(visit: Visit, form: Mapping[str, str], problem: Problem | None) -> Response:
    return visit.page(
        "identity/list.html",
        status=200 if problem is None else 422,
        providers=await _providers(visit),
        form=form,
        problem=problem,
        **_common(visit),
    )


def _page(
    visit: Visit,
    provider: Mapping[str, Any],
    form: Mapping[str, str],
    *,
    problem: Problem | None = None,
    findings: Sequence[Mapping[str, Any]] | None = None,
) -> Response:
    return visit.page(
        "identity/provider.html",
        status=200 if problem is None else 422,
        provider=provider,
        form=form,
        problem=problem,
        findings=findings,
        admin=any(rule["role"] == "GROUP_ADMIN" for rule in provider["newest"]["roleRules"]),
        active_rules=to_lines(provider["active"]["roleRules"]) if provider["active"] else "",
        **_common(visit),
    )


def _common(visit: Visit) -> dict[str, Any]:
    return {
        "may": visit.who.can(_MANAGE, None),
        "claims": CLAIMS,
        "roles": sorted(ROLES),
        "done": visit.request.query_params.get("done"),
    }


def _stale(visit: Visit) -> bool:
    """Did the person not prove lately who they are?"""
    return visit.session is None or not visit.session.is_fresh(SYSTEM_CLOCK.now())


def _whom(fields: Mapping[str, str]) -> dict[str, str]:
    return {"issuer": fields.get("issuer", "").strip(), "clientId": fields.get("clientId", "").strip()}


def _secret(fields: Mapping[str, str]) -> dict[str, str]:
    secret = fields.get("clientSecret", "").strip()
    return {"clientSecret": secret} if secret else {}


def _settings(fields: Mapping[str, str]) -> dict[str, Any]:
    try:
        rules = from_lines(fields.get("roleRules", ""))
    except Invalid as error:
        raise _Refusal(Problem("", "roleRules", int(error.data["line"]))) from error
    names = {name: fields.get(f"claim-{name}", "").strip() for name in CLAIMS}
    return {
        "name": fields.get("name", ""),
        "scopes": fields.get("scopes", "").split(),
        "claimNames": {name: value for name, value in names.items() if value},
        "roleRules": rules,
        "createsAccounts": fields.get("createsAccounts") == "yes",
    }


def _empty() -> dict[str, str]:
    names = (
        "code",
        "name",
        "issuer",
        "clientId",
        "roleRules",
        "createsAccounts",
        *(f"claim-{name}" for name in CLAIMS),
    )
    return dict.fromkeys((*names, "version"), "") | {"scopes": " ".join(DEFAULT_SCOPES)}


def _filled(provider: Mapping[str, Any]) -> dict[str, str]:
    """What stands in the form: what was written last."""
    newest = provider["newest"]
    return _empty() | {
        "code": provider["code"],
        "name": newest["name"],
        "issuer": provider["issuer"],
        "clientId": provider["clientId"],
        "scopes": " ".join(newest["scopes"]),
        "roleRules": to_lines(newest["roleRules"]),
        "createsAccounts": "yes" if newest["createsAccounts"] else "",
        **{f"claim-{name}": value for name, value in newest["claimNames"].items()},
    }
