"""Between SCIM resources and the domain's people and groups. No rules, no SQL."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from scim2_models import InvalidValueException, Meta, NotFoundException, Reference

from ...domain.directory.groups import DirectoryGroup, GroupGiven
from ...domain.directory.people import DirectoryPerson, PersonGiven
from .resources import Group, Member, PersonEmail, PersonGroup, PersonName, Staff, User

_MOST_EMAILS = 10
_MOST_TEXT = 300


def user_of(person: DirectoryPerson) -> User[Staff]:
    """The person as a resource."""
    kept = person.attributes
    name, emails = kept.get("name"), kept.get("emails")
    user = User[Staff](
        id=str(person.id),
        external_id=person.external_id,
        user_name=person.name,
        name=PersonName(**name) if name else None,
        display_name=kept.get("displayName"),
        preferred_language=kept.get("preferredLanguage"),
        active=person.active,
        emails=[PersonEmail(**item) for item in emails] if emails else None,
        groups=[
            PersonGroup(value=str(id_), ref=Reference[Group](f"Groups/{id_}"), display=name)
            for id_, name in person.groups
        ]
        or None,
        meta=_meta("User", person),
    )
    if person.employee_no is not None:
        user[Staff] = Staff(employee_number=person.employee_no)
    return user


def person_of(user: User[Any]) -> PersonGiven:
    """What a resource says of a person.

    Raises:
        InvalidValueException: a text is too long, or there are too many of something.
    """
    emails = user.emails or []
    if len(emails) > _MOST_EMAILS:
        raise InvalidValueException(detail=f"at most {_MOST_EMAILS} emails")
    name = user.name
    parts = (
        {}
        if name is None
        else _texts(formatted=name.formatted, family_name=name.family_name, given_name=name.given_name)
    )
    single = _texts(displayName=user.display_name, preferredLanguage=user.preferred_language)
    listed = [
        _texts(value=item.value, type=item.type) | ({} if item.primary is None else {"primary": item.primary})
        for item in emails
    ]
    kept: dict[str, Any] = {**single, **({"name": parts} if parts else {}), **({"emails": listed} if listed else {})}
    user_name = user.user_name or ""
    staff = user[Staff]
    return PersonGiven(
        name=user_name,
        display_name=_first(single.get("displayName"), parts.get("formatted"), _joined(parts), user_name),
        email=_email(emails),
        language=user.preferred_language,
        external_id=user.external_id,
        employee_no=staff.employee_number if isinstance(staff, Staff) else None,
        active=user.active,
        attributes=kept,
    )


def group_of(group: DirectoryGroup) -> Group:
    """The group as a resource."""
    return Group(
        id=str(group.id),
        external_id=group.external_id,
        display_name=group.display_name,
        members=[
            Member(value=str(id_), ref=Reference[User[Any]](f"Users/{id_}"), type="User") for id_, _ in group.members
        ]
        or None,
        meta=_meta("Group", group),
    )


def given_group(group: Group) -> GroupGiven:
    """What a resource says of a group.

    Raises:
        InvalidValueException: a member is no user.
    """
    members = set()
    for item in group.members or []:
        found = identifier(item.value)
        if found is None or (item.type or "User").casefold() != "user":
            raise InvalidValueException(detail="a member is no user of this directory")
        members.add(found)
    return GroupGiven(group.display_name or "", group.external_id, frozenset(members))


def identifier(text: str | None) -> UUID | None:
    """The id of a row in the one spelling that was given out, or None."""
    try:
        found = UUID(text or "")
    except ValueError:
        return None
    return found if str(found) == text else None


def required(text: str) -> UUID:
    """The same, or the answer for a resource that is not there."""
    found = identifier(text)
    if found is None:
        raise NotFoundException(detail="no such resource")
    return found


def version_of(text: str | None) -> int:
    """The number in an ETag that `_meta` made."""
    return int((text or "").removeprefix('W/"').removesuffix('"'))


def _meta(kind: str, row: DirectoryPerson | DirectoryGroup) -> Meta:
    return Meta(resource_type=kind, created=row.created_at, last_modified=row.updated_at, version=f'W/"{row.version}"')


def _texts(**values: str | None) -> dict[str, Any]:
    for name, text in values.items():
        if text is not None and len(text) > _MOST_TEXT:
            raise InvalidValueException(detail=f"{name} has at most {_MOST_TEXT} characters")
    return {name: text for name, text in values.items() if text is not None}


def _joined(parts: dict[str, Any]) -> str:
    """Given and family name; of a Chinese name the family name comes first, without a space."""
    given, family = parts.get("given_name", ""), parts.get("family_name", "")
    if not (given + family).isascii():
        return f"{family}{given}"
    return f"{given} {family}".strip()


def _first(*texts: str | None) -> str:
    return next((text.strip()[:200] for text in texts if text and text.strip()), "")


def _email(emails: Iterable[PersonEmail]) -> str | None:
    """The primary address, else the one at work, else the first."""
    listed = [item for item in emails if item.value]
    best = sorted(listed, key=lambda item: (not item.primary, item.type != "work"))
    return best[0].value if best else None
