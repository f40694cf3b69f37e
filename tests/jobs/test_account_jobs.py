"""Letters say the same in both languages; the daily forgetting bears repetition; the jobs that are asked for exist."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import func, select

from forecourt.auth.actor import Actor
from forecourt.auth.history import KEPT as HISTORY_KEPT
from forecourt.auth.history import record_sign_in
from forecourt.auth.letters import KEPT as LETTERS_KEPT
from forecourt.auth.letters import link_token
from forecourt.auth.local_model import LINKS, NOTICES, AccountLetter, SignInEvent
from forecourt.auth.model import LANGUAGES
from forecourt.auth.web_sessions import open_session
from forecourt.clock import SetClock
from forecourt.domain.accounts import actions
from forecourt.domain.accounts.letter_words import WORDS, letter_text
from forecourt.domain.accounts.letters import SEND
from forecourt.domain.work import Platform, open_group_work
from forecourt.errors import NotFound, Refused
from forecourt.jobs import accounts, context
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.context import JobContext
from forecourt.jobs.middleware import RunningJob
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection
from forecourt.tenancy.session import control_session
from tests.conftest import World

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 9, 7, 2, tzinfo=UTC)


def declared(monkeypatch: pytest.MonkeyPatch, platform: Platform) -> dict[str, Callable[..., Awaitable[None]]]:
    found: dict[str, Callable[..., Awaitable[None]]] = {}

    def declare(_: object, name: str, function: Callable[..., Awaitable[None]], **options: object) -> None:
        found[name] = function

    monkeypatch.setattr(accounts, "declare", declare)
    monkeypatch.setattr(context, "running_job", lambda: RunningJob(new_id(), accounts.FORGET, None, None, 0))
    accounts.register(cast(PostgresBroker, None), JobContext(platform), {})
    return found


async def test_old_history_letters_and_sessions_are_forgotten(
    world: World, engines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, group = SetClock(NOW), world.groups["a"]
    platform = Platform(engines, clock)
    found = declared(monkeypatch, platform)
    assert SEND in found
    system = Actor.for_system("test", group.id)
    async with open_group_work(platform, group, system) as work:
        name = f"p{new_id().hex}"
        account = await actions.create_account(
            work, name=name, display_name="x", email=f"{name}@example.com", invite=True
        )
    async with control_session(engines) as session:
        await open_session(session, account, clock=clock)
        await record_sign_in(session, account, outcome="SUCCEEDED", clock=clock)

    async def left() -> tuple[int, ...]:
        async with open_group_work(platform, group, system) as work:
            counts = [
                (
                    await work.session.execute(
                        select(func.count()).select_from(table).where(table.account_id == account)
                    )
                ).scalar_one()
                for table in (SignInEvent, AccountLetter)
            ]
        with owner_connection(world.server) as connection:
            [(sessions,)] = connection.execute(
                "select count(*) from control.web_session where account_id = %s", (account,)
            ).fetchall()
        return (*counts, int(str(sessions)))

    assert await left() == (1, 1, 1)
    steps = [(timedelta(days=9), (1, 1, 0)), (LETTERS_KEPT, (1, 0, 0)), (HISTORY_KEPT, (0, 0, 0))]
    for span, expected in steps:
        clock.at += span
        for _ in range(2):
            await found[accounts.FORGET](group_id=str(group.id), due="2026-09-07T00:00:00+00:00")
        assert await left() == expected


async def test_letters_that_lost_their_point_are_not_sent(world: World, engines: Any) -> None:
    clock, group = SetClock(NOW), world.groups["a"]
    platform, system = Platform(engines, clock), Actor.for_system("test", group.id)

    async def letter(change: Callable[[Any, Any], Awaitable[None]] | None = None) -> object:
        async with open_group_work(platform, group, system) as work:
            name = f"p{new_id().hex}"
            account = await actions.create_account(
                work, name=name, display_name="x", email=f"{name}@example.com", invite=True
            )
            [job] = work.jobs
        async with open_group_work(platform, group, system) as work:
            if change is not None:
                await change(work, account)
            return await actions.prepare_letter(work, cast(Any, job.args["letter_id"]))

    async def disable(work: Any, account: Any) -> None:
        await actions.disable_account(work, account)

    async def overtake(work: Any, account: Any) -> None:
        await actions.set_password(work, account, password="four quiet horses swim")

    async def wait(work: Any, account: Any) -> None:
        work.now += timedelta(days=4)

    ready = await letter()
    assert ready is not None and "/password/" not in repr(ready) and "@" not in repr(ready)
    for change in (disable, overtake, wait):
        assert await letter(change) is None
    async with open_group_work(platform, group, system) as work:
        mute = await actions.create_account(work, name=f"p{new_id().hex}", display_name="x")
        with pytest.raises(Refused, match="mail address"):
            await actions.send_password_link(work, mute)
        await actions.notify(work, mute, "PASSWORD_CHANGED")
        assert work.jobs == []
    async with open_group_work(platform, world.groups["b"], Actor.for_system("test", world.groups["b"].id)) as work:
        with pytest.raises(NotFound):
            await actions.send_password_link(work, mute)
        with pytest.raises(NotFound):
            await actions.prepare_letter(work, new_id())


@pytest.mark.parametrize("kind", [*LINKS, *NOTICES])
def test_every_letter_says_the_same_in_both_languages_and_only_links_hold_a_link(kind: str) -> None:
    assert set(WORDS[kind]) == set(LANGUAGES)
    holes = [set(re.findall(r"{(\w+)}", " ".join(WORDS[kind][language]))) for language in LANGUAGES]
    assert holes[0] == holes[1]
    for language in LANGUAGES:
        subject, text = letter_text(
            kind,
            language=language,
            person="王芳 {link}",
            sign_in_name="wang.fang",
            group="和谐\r\nBcc: x@example.com",
            address="https://forecourt.example",
            link="https://forecourt.example/password/SECRET",
            at=NOW,
            time_zone="Asia/Shanghai",
        )
        assert "\n" not in subject and "\r" not in subject
        assert ("SECRET" in text) == (kind in LINKS)
        assert "SECRET" not in subject
        assert ("2026-09-07 10:00" in text) == ("when" in holes[0])


def test_tokens_of_links_are_of_their_letter_and_key() -> None:
    letter, other = new_id(), new_id()
    made = link_token(b"k" * 32, letter)
    assert len(made) == 43 and made == link_token(b"k" * 32, letter)
    assert len({made, link_token(b"j" * 32, letter), link_token(b"k" * 32, other)}) == 3
    with pytest.raises(ValueError, match="32 bytes"):
        link_token(b"k", letter)
