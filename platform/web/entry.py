"""The ways to a sign-in: by work e-mail, or from the group's own page.

    POST /sign-in/company     an address; its domain leads to the company's identity provider, if one is confirmed for it
    GET  /sign-in/{group}     the group's providers beside the form

Neither says whether an account exists. A group without providers, and a code that no group has, show the plain form.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .desk import Onward, WebDesk
from .door import sign_in_form
from .entry_desk import EntryDesk
from .ratelimit import Buckets
from .routes import guarded
from .visit import Handler, Visit, open_page, safe_next

EntryHandler = Callable[[Visit, EntryDesk], Awaitable[Response]]


def entry_routes(desk: WebDesk, entry: EntryDesk, *, rate: int = 60) -> list[BaseRoute]:
    """The addresses. They come after every other one below /sign-in, because a group's code may be any word."""
    middleware, visitors = guarded(desk), Buckets(burst=rate, per_minute=rate)

    def page(path: str, handler: EntryHandler, method: str) -> Route:
        return Route(path, open_page(desk, limited(handler)), methods=[method], middleware=middleware)

    def limited(handler: EntryHandler) -> Handler:
        async def handle(visit: Visit) -> Response:
            visitors.take(visit.request.client.host if visit.request.client else "")
            return await handler(visit, entry)

        return handle

    return [page("/sign-in/company", company, "POST"), page("/sign-in/{group}", show_group, "GET")]


async def company(visit: Visit, entry: EntryDesk) -> Response:
    """Go on to the provider of the address' domain; without one, the plain form with the address as name."""
    fields = await visit.form()
    email, back = fields.get("email", "").strip(), safe_next(fields.get("next"))
    way = await entry.way_of(email)
    if way is None:
        return sign_in_form(visit, problem="no-provider", name=email, back=back)
    # A page and not a redirect: the policy's form-action holds for redirects after a form, and the provider is elsewhere.
    return visit.page("sso_onward.html", onward=Onward(_start(way.path, back), way.name), leaving=False)


async def show_group(visit: Visit, entry: EntryDesk) -> Response:
    """The form, and the group's active providers."""
    back = safe_next(visit.request.query_params.get("next"))
    ways = [(_start(way.path, back), way.name) for way in await entry.ways_into(visit.request.path_params["group"])]
    return sign_in_form(visit, problem=None, name="", back=back, ways=ways)


def _start(path: str, back: str) -> str:
    return path if back == "/" else f"{path}?{urlencode({'next': back})}"
