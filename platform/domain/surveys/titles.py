"""Titles of questionnaires 问卷名称 for lists of invitations: one look at the group's versions for a whole page."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import and_, or_, select

from ...tenancy.reader.entity import Asker
from ...tenancy.session import group_session
from ..work import Platform
from .model import SurveyTemplate


async def titles_of(
    asker: Asker, keys: Sequence[tuple[str, UUID | None]]
) -> Mapping[tuple[str, UUID | None], str | None]:
    """The title of every (code, version asked) in the asker's language: the version's, else the newest published one's of the
    code, else none. The titles stand at the top of what customers fill in, so whoever sees the invitation may read them.
    """
    platform: Platform = asker.platform
    title = SurveyTemplate.body["title"]
    newest = and_(SurveyTemplate.code.in_({code for code, _ in keys}), SurveyTemplate.state == "PUBLISHED")
    query = (
        select(SurveyTemplate.id, SurveyTemplate.code, SurveyTemplate.state, title)
        .where(SurveyTemplate.group_id == asker.group.id)
        .where(or_(SurveyTemplate.id.in_({id_ for _, id_ in keys if id_ is not None}), newest))
        .order_by(SurveyTemplate.number)
    )
    async with group_session(platform.engines, asker.group, read_only=True) as session:
        rows = (await session.execute(query)).all()
    by_id = {id_: _said(words, asker.language) for id_, _, _, words in rows}
    by_code = {code: by_id[id_] for id_, code, state, _ in rows if state == "PUBLISHED"}
    return {(code, id_): by_id.get(id_) or by_code.get(code) for code, id_ in keys}


def _said(words: Mapping[str, str], language: str) -> str:
    return words["en" if language == "en" else "zh-CN"]
