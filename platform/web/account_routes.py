"""The pages of one's own account, and those before a session, by address."""

from starlette.routing import BaseRoute, Route

from . import account, forgot, second_step
from .account import AccountHandler, sensitive, with_desk
from .account_desk import AccountDesk
from .desk import WebDesk
from .routes import guarded
from .visit import open_page, staff_page


def account_routes(desk: WebDesk, accounts: AccountDesk) -> list[BaseRoute]:
    """Every one of them. `sensitive` ones want a fresh proof of who it is."""
    middleware = guarded(desk)

    def own(path: str, handler: AccountHandler, method: str = "GET") -> Route:
        return Route(path, staff_page(desk, with_desk(accounts, handler)), methods=[method], middleware=middleware)

    def fresh(path: str, handler: AccountHandler, method: str = "POST") -> Route:
        return Route(path, staff_page(desk, sensitive(accounts, handler)), methods=[method], middleware=middleware)

    def everybody(path: str, handler: AccountHandler, method: str = "GET") -> Route:
        return Route(path, open_page(desk, with_desk(accounts, handler)), methods=[method], middleware=middleware)

    return [
        own("/account", account.show),
        own("/account/language", account.set_language, "POST"),
        own("/account/prove", account.show_prove),
        own("/account/prove", account.prove, "POST"),
        fresh("/account/password", account.show_password, "GET"),
        fresh("/account/password", account.change_password),
        fresh("/account/second-factor/begin", account.begin_factor),
        fresh("/account/second-factor", account.show_factor, "GET"),
        fresh("/account/second-factor", account.confirm_factor),
        fresh("/account/second-factor/remove", account.remove_factor),
        fresh("/account/second-factor/codes", account.renew_codes),
        fresh("/account/sessions/end", account.end_session),
        fresh("/account/sessions/end-others", account.end_others),
        fresh("/account/tokens/end", account.revoke_token),
        everybody("/sign-in/code", second_step.show_code),
        everybody("/sign-in/code", second_step.take_code, "POST"),
        everybody("/sign-in/enrol", second_step.show_enrol),
        everybody("/sign-in/enrol", second_step.take_enrol, "POST"),
        everybody("/forgot", forgot.show_forgot),
        everybody("/forgot", forgot.forgot, "POST"),
        everybody("/password/{token}", forgot.show_choose),
        everybody("/password/{token}", forgot.choose, "POST"),
    ]
