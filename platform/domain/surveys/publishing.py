"""Questionnaire versions of a group: written by one person, published by another, never changed after (section 3.7)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from ...errors import NotFound, Refused
from ...tenancy.ids import new_id
from ..rows import require_version
from ..work import GroupWork
from .model import SurveyTemplate
from .seed_templates import SEEDS
from .templates import from_json, next_state, to_json

SHIPPED_BY = "product"


async def install_seed_templates(work: GroupWork) -> int:
    """Give a new group the shipped questionnaires, published; returns how many it lacked."""
    present = set(
        await work.session.scalars(select(SurveyTemplate.code).where(SurveyTemplate.group_id == work.group.id))
    )
    missing = [seed for seed in SEEDS if seed.code not in present]
    for seed in missing:
        work.session.add(
            SurveyTemplate(
                id=new_id(),
                group_id=work.group.id,
                code=seed.code,
                number=1,
                state="PUBLISHED",
                purpose=seed.purpose.zh,
                body=to_json(seed),
                created_by=SHIPPED_BY,
                published_at=work.now,
            )
        )
        work.audit("surveys.install_template", "SurveyTemplate", after={"code": seed.code, "number": 1})
    return len(missing)


async def draft_template(work: GroupWork, body: Mapping[str, Any]) -> UUID:
    """Write a new version; its number follows the newest of its code. Returns its id.

    Raises:
        Invalid: the questionnaire is not one, says not why it is asked, or coaches.
    """
    work.require("surveys:template:write")
    questionnaire = from_json(body)
    newest = select(func.max(SurveyTemplate.number)).where(
        SurveyTemplate.group_id == work.group.id, SurveyTemplate.code == questionnaire.code
    )
    row = SurveyTemplate(
        id=new_id(),
        group_id=work.group.id,
        code=questionnaire.code,
        number=(await work.session.scalar(newest) or 0) + 1,
        state="DRAFT",
        purpose=questionnaire.purpose.zh,
        body=to_json(questionnaire),
        created_by=work.actor.key,
    )
    work.session.add(row)
    work.audit("surveys.draft_template", "SurveyTemplate", row.id, after={"code": row.code, "number": row.number})
    return row.id


async def change_draft(
    work: GroupWork, template_id: UUID, body: Mapping[str, Any], *, expected_version: int | None = None
) -> None:
    """Replace the questions of a draft.

    Raises:
        NotFound: no such version in this group. StaleVersion: somebody changed it since it was read.
        Refused: IMMUTABLE (it is no draft any more); CODE (a version keeps its code).
        Invalid: as `draft_template`.
    """
    work.require("surveys:template:write")
    row = await _locked(work, template_id, expected_version)
    if row.state != "DRAFT":
        raise Refused("IMMUTABLE", "only a draft can be changed; write a new version", state=row.state)
    questionnaire = from_json(body)
    if questionnaire.code != row.code:
        raise Refused("CODE", "a version keeps its code", path=("code",))
    row.body, row.purpose = to_json(questionnaire), questionnaire.purpose.zh
    row.created_by = work.actor.key  # whoever wrote the words last may not publish them
    row.version += 1
    work.audit("surveys.change_draft", "SurveyTemplate", row.id)


async def move_template(work: GroupWork, template_id: UUID, verb: str, *, expected_version: int | None = None) -> None:
    """Submit, return, publish or retire a version. Publishing takes a second person and retires the version before it.

    Raises:
        NotFound: no such version in this group. StaleVersion: somebody changed it since it was read.
        WrongState: there is no such transition.
        Refused: SAME_PERSON (the author cannot publish).
    """
    work.require("surveys:template:write" if verb == "submit" else "surveys:template:publish")
    row = await _locked(work, template_id, expected_version)
    before, row.state = row.state, next_state(row.state, verb)
    row.version += 1
    if verb == "publish":
        if work.actor.is_any_of(row.created_by):
            raise Refused("SAME_PERSON", "somebody else has to publish this")
        from_json(row.body)  # what was written under older rules is held to today's
        row.approved_by, row.published_at = work.actor.key, work.now
        earlier = select(SurveyTemplate).where(
            SurveyTemplate.group_id == work.group.id,
            SurveyTemplate.code == row.code,
            SurveyTemplate.state == "PUBLISHED",
            SurveyTemplate.id != row.id,
        )
        for version in await work.session.scalars(earlier.with_for_update()):
            version.state = next_state(version.state, "retire")
            version.version += 1
            work.audit("surveys.retire_template", "SurveyTemplate", version.id)
    work.audit(
        f"surveys.{verb}_template", "SurveyTemplate", row.id, before={"state": before}, after={"state": row.state}
    )


async def _locked(work: GroupWork, template_id: UUID, expected_version: int | None) -> SurveyTemplate:
    query = select(SurveyTemplate).where(SurveyTemplate.id == template_id, SurveyTemplate.group_id == work.group.id)
    row = (await work.session.scalars(query.with_for_update())).first()
    if row is None:
        raise NotFound("questionnaire", id=str(template_id))
    require_version(row, expected_version)
    return row
