"""The survey page's desk over the real store: resolves the public id and opens a unit of work as the respondent."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ..auth.actor import Actor
from ..domain.surveys import actions
from ..domain.surveys.answer_rules import Form
from ..domain.work import Platform, Work, open_work
from ..tenancy.session import control_session, resolve_public
from .survey import SheetOf


class PlatformDesk:
    """A `SurveyDesk`. `platform` is asked for at each request, because it exists only while the application runs."""

    def __init__(self, platform: Callable[[], Platform]) -> None:
        self._platform = platform

    async def load(self, store_public_id: str, token: str) -> SheetOf:
        async with self._work(store_public_id) as work:
            return SheetOf(work.store.name, await actions.open_survey(work, token))

    async def submit(self, store_public_id: str, token: str, form: Form, *, language: str) -> SheetOf:
        async with self._work(store_public_id) as work:
            return SheetOf(work.store.name, await actions.submit_survey(work, token, form, language=language))

    async def opt_out(self, store_public_id: str, token: str, *, language: str) -> str:
        async with self._work(store_public_id) as work:
            await actions.opt_out(work, token, language=language)
            return work.store.name

    @asynccontextmanager
    async def _work(self, store_public_id: str) -> AsyncIterator[Work]:
        platform = self._platform()
        async with control_session(platform.engines) as session:
            store = await resolve_public(session, store_public_id[:100].replace("\0", ""))
        respondent = Actor("respondent", "respondent", store.group_id)
        async with open_work(platform, store, respondent) as work:
            yield work
