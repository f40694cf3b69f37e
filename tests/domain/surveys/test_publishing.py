"""Questionnaire versions: one person writes, another publishes, what is published stays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor, Membership
from forecourt.domain.surveys import actions, reads
from forecourt.domain.surveys.model import SurveyTemplate
from forecourt.domain.surveys.seed_templates import PURCHASE
from forecourt.domain.surveys.templates import to_json
from forecourt.domain.work import GroupWork, open_group_work
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, WrongState
from tests.conftest import World
from tests.domain.desk import Desk

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def hq(desk: Desk, name: str, role: str = "HQ_QUALITY") -> AsyncIterator[GroupWork]:
    actor = Actor(f"account:{name}", name, desk.group.id, memberships=(Membership(role, None),))
    async with open_group_work(desk.platform, desk.group, actor) as work:
        yield work


def version(text: str) -> dict[str, Any]:
    body = to_json(PURCHASE)
    body["code"] = "T6"
    body["title"] = {"zh-CN": text, "en": "A survey"}
    return body


async def test_a_version_is_written_by_one_and_published_by_another(desk: Desk) -> None:
    published: list[UUID] = []
    for number in range(2):
        async with hq(desk, "author") as work:
            template = await actions.draft_template(work, version(f"调查{number}"))
            await actions.change_draft(work, template, version(f"调查{number}改"))
            await actions.move_template(work, template, "submit")
        async with hq(desk, "author") as work:
            with pytest.raises(Refused) as error:
                await actions.move_template(work, template, "publish")
            assert error.value.code == "SAME_PERSON"
            await work.session.rollback()
        async with hq(desk, "director", "HQ_DIRECTOR") as work:
            await actions.move_template(work, template, "publish")
        published.append(template)
    async with hq(desk, "author") as work:
        rows = [await work.session.get_one(SurveyTemplate, one) for one in published]
        assert [row.state for row in rows] == ["RETIRED", "PUBLISHED"]
        assert rows[1].number == rows[0].number + 1 and rows[1].approved_by == "account:director"
        with pytest.raises(Refused) as error:
            await actions.change_draft(work, published[1], version("后来"))
        assert error.value.code == "IMMUTABLE"
        with pytest.raises(WrongState):
            await actions.move_template(work, published[1], "submit")
    async with desk.work() as work:
        current = await reads.published(work.session, "T6")
        assert current is not None and current.questionnaire.title.zh == "调查1改"


async def test_coaching_and_strangers_are_refused(desk: Desk, world: World) -> None:
    async with hq(desk, "author") as work:
        with pytest.raises(Invalid):
            await actions.draft_template(work, version("请您务必选非常满意"))
        mine = await actions.draft_template(work, version("调查"))
    async with hq(desk, "analyst", "HQ_ANALYST") as work:
        with pytest.raises(Forbidden):
            await actions.draft_template(work, version("调查"))
    other = Desk(desk.platform, desk.clock, world.groups["b"], world.stores["b1"])
    async with hq(other, "author") as work:
        with pytest.raises(NotFound):
            await actions.move_template(work, mine, "submit")


async def test_the_shipped_questionnaires_are_installed_once(desk: Desk) -> None:
    async with hq(desk, "author") as work:
        assert await actions.install_seed_templates(work) == 0
