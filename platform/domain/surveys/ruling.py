"""Integrity 答卷诚信: doubtful responses are set aside by one person or rule, and decided by another.

Nobody rules on what they quarantined or recorded, nor on an answer about their own work (domain section 2, rule a).
Setting aside by a rule needs a person who takes the doubt over before a response can be voided: two persons void.
"""

from uuid import UUID

from sqlalchemy import select

from ...errors import NotFound, Refused, WrongState
from .. import events
from ..rows import require_version
from ..wording import reason as reason_of
from ..work import Work
from .model import Invitation, Response
from .reads import event_of

PERMISSION = "surveys:response:rule"


async def quarantine_response(
    work: Work, response_id: UUID, *, reason: str, expected_version: int | None = None
) -> None:
    """Set a response aside: it does not count until somebody else clears it. By the product or by a person.

    Raises:
        NotFound: no such response. StaleVersion.
        Refused: REASON_NEEDED; OWN_WORK.
        WrongState: it is void, or a person set it aside already.
    """
    work.require(PERMISSION)
    response = await _response(work, response_id, expected_version)
    taken_over = response.integrity == "QUARANTINED" and _by_rule(response) and not work.actor.system
    if response.integrity != "OK" and not taken_over:
        raise WrongState("this response is not open to doubt", state=response.integrity)
    await _not_about_oneself(work, response)
    _change(work, response, "QUARANTINED", reason)
    response.integrity_by = work.actor.key
    work.emit(events.RESPONSE_QUARANTINED, "Response", response.id)


async def clear_response(work: Work, response_id: UUID, *, reason: str, expected_version: int | None = None) -> None:
    """Let a quarantined response count again.

    Raises:
        NotFound: no such response. StaleVersion.
        WrongState: it is not quarantined.
        Refused: REASON_NEEDED; SAME_PERSON; OWN_WORK.
    """
    response = await _to_rule(work, response_id, expected_version)
    _change(work, response, "OK", reason)
    work.emit(events.RESPONSE_RULED, "Response", response.id, verdict="OK")


async def void_response(work: Work, response_id: UUID, *, reason: str, expected_version: int | None = None) -> None:
    """Rule that a response counts for nothing, for good: the second of two persons.

    Raises:
        NotFound: no such response. StaleVersion.
        WrongState: it is not quarantined.
        Refused: REASON_NEEDED; SAME_PERSON; OWN_WORK; SECOND_PERSON_NEEDED (so far only a rule doubts it).
    """
    response = await _to_rule(work, response_id, expected_version)
    if _by_rule(response):
        raise Refused("SECOND_PERSON_NEEDED", "a person has to take the doubt over before another voids it")
    _change(work, response, "VOID", reason)
    work.emit(events.RESPONSE_RULED, "Response", response.id, verdict="VOID")


async def _response(work: Work, response_id: UUID, expected_version: int | None) -> Response:
    query = select(Response).where(Response.id == response_id).with_for_update()
    response = (await work.session.scalars(query)).first()
    if response is None:
        raise NotFound("response", id=str(response_id))
    require_version(response, expected_version)
    return response


async def _to_rule(work: Work, response_id: UUID, expected_version: int | None) -> Response:
    work.require(PERMISSION)
    response = await _response(work, response_id, expected_version)
    if response.integrity != "QUARANTINED":
        raise WrongState("only what was set aside is ruled on", state=response.integrity)
    recorded_by_me = response.interviewer_id in work.actor.employees_at(work.store.id)
    if work.actor.system or work.actor.is_any_of(response.integrity_by, response.created_by) or recorded_by_me:
        raise Refused("SAME_PERSON", "somebody else has to rule on this")
    await _not_about_oneself(work, response)
    return response


async def _not_about_oneself(work: Work, response: Response) -> None:
    invitation = await work.session.get_one(Invitation, response.invitation_id)
    event = await event_of(work.session, invitation)
    if event is not None and event.judged_id in work.actor.employees_at(work.store.id):
        raise Refused("OWN_WORK", "nobody judges answers about their own work")


def _by_rule(response: Response) -> bool:
    return response.integrity_by is None or response.integrity_by.startswith("system:")


def _change(work: Work, response: Response, integrity: str, reason: str) -> None:
    why = reason_of(reason)
    before = response.integrity
    response.integrity = integrity
    response.integrity_reason = why
    response.version += 1
    response.updated_at, response.updated_by = work.now, work.actor.key
    work.audit(
        "surveys.rule",
        "Response",
        response.id,
        reason=response.integrity_reason,
        before={"integrity": before},
        after={"integrity": integrity},
    )
