"""scim2-server's storage over the directory's verbs: one request, one unit of work."""

from typing import Any
from uuid import UUID

from scim2_models import (
    InvalidValueException,
    NotFoundException,
    NotImplementedException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    SearchRequest,
    TooManyException,
    UniquenessException,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import AsyncScimStorage, SearchPage

from ...domain.directory import groups, people
from ...domain.work import GroupWork
from ...errors import ForecourtError, Invalid, NotFound, Refused, StaleVersion, Unavailable
from .resources import Group, User
from .translate import given_group, group_of, person_of, required, user_of, version_of

_CONDITIONS = {
    ("User", "username"): people.name_is,
    ("User", "externalid"): people.external_id_is,
    ("Group", "displayname"): groups.group_name_is,
    ("Group", "externalid"): groups.group_external_id_is,
}


class TemporarilyUnavailable(SCIMException):
    """The database cannot answer now; the directory tries again."""

    status = 503


def scim_error(error: ForecourtError) -> SCIMException:
    """One of our errors as SCIM says it (RFC 7644 section 3.12). A name that is taken is taken: not where, not by whom."""
    if isinstance(error, StaleVersion):
        return PreconditionFailedException(detail=error.message)
    if isinstance(error, Refused) and error.code == "NAME_TAKEN":
        return UniquenessException(detail="this user name is taken")
    if isinstance(error, Refused) and error.code == "TOO_MANY":
        return TooManyException(detail=error.message)
    if isinstance(error, Invalid):
        return InvalidValueException(detail=error.message)
    if isinstance(error, NotFound):
        return NotFoundException(detail="no such resource")
    if isinstance(error, Unavailable):
        return TemporarilyUnavailable(detail="try again later")
    raise error


class DirectoryStorage(AsyncScimStorage):
    """People and groups of one group of stores, for one request. `added_by` made the connection."""

    def __init__(self, work: GroupWork, *, added_by: UUID | None) -> None:
        self._work = work
        self._added_by = added_by

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """One resource; without its members when the answer leaves them out."""
        session, group_id, id_ = self._work.session, self._work.group.id, required(resource_id)
        if resource_type.name == "User":
            return user_of(await people.find_person(session, group_id, id_))
        members = _shows_members(response_parameters)
        return group_of(await groups.find_directory_group(session, group_id, id_, members=members))

    async def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """One page. ``userName eq``, ``displayName eq`` and ``externalId eq`` are asked of the database; other filters look through a
        bounded number of resources.
        """
        if len(resource_types) != 1:
            raise NotImplementedException(detail="search /Users or /Groups")
        kind = resource_types[0].name or ""
        offset, count = search_request.start_index_0 or 0, search_request.count or 0
        if search_request.count is not None and search_request.count < 0:
            count = 0
        members = _shows_members(search_request)
        only = _condition(kind, search_request)
        if only is not None:
            total, found = await self._find(kind, only, min(offset, 2**31), count, members)
            return SearchPage(total, found)
        scanned = people.MOST_SCANNED
        total, found = await self._find(kind, (), 0, scanned, members=True)
        if total > scanned:
            raise TooManyException(detail="filter by userName, displayName or externalId with eq")
        scim_filter = search_request.filter
        matching = [item for item in found if scim_filter is None or scim_filter.match(item)]
        return SearchPage(len(matching), matching[offset : offset + count])

    async def _find(
        self, kind: str, only: Any, offset: int, limit: int, members: bool
    ) -> tuple[int, list[Resource[Any]]]:
        session, group_id = self._work.session, self._work.group.id
        if kind == "User":
            total, persons = await people.find_people(session, group_id, only=only, offset=offset, limit=limit)
            return total, [user_of(one) for one in persons]
        total, teams = await groups.find_groups(
            session, group_id, only=only, offset=offset, limit=limit, members=members
        )
        return total, [group_of(one) for one in teams]

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """A joiner, or a new group."""
        if isinstance(resource, User):
            return user_of(await people.create_person(self._work, person_of(resource)))
        made = await groups.create_group(self._work, given_group(_group(resource)), added_by=self._added_by)
        return group_of(made)

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """The whole new state of a resource, after PUT or PATCH."""
        id_, version = required(resource.id or ""), version_of(expected_version)
        if isinstance(resource, User):
            given = person_of(resource)
            return user_of(
                await people.change_person(self._work, id_, given, expected_version=version, by=self._added_by)
            )
        changed = await groups.change_group(
            self._work, id_, given_group(_group(resource)), expected_version=version, added_by=self._added_by
        )
        return group_of(changed)

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """A leaver, or a group that is gone."""
        id_, version = required(resource_id), version_of(expected_version)
        if resource_type.name == "User":
            await people.remove_person(self._work, id_, expected_version=version)
        else:
            await groups.remove_group(self._work, id_, expected_version=version)


def _group(resource: Resource[Any]) -> Group:
    if not isinstance(resource, Group):
        raise InvalidValueException(detail="no such resource type")
    return resource


def _condition(kind: str, search_request: SearchRequest[Any]) -> Any:
    """What the database is asked: () for everything, a condition, or None when it cannot say the filter."""
    scim_filter = search_request.filter
    if scim_filter is None:
        return ()
    node = scim_filter.ast
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return None
    attribute = str(node.attr_path).rpartition(":")[2].casefold()
    condition = _CONDITIONS.get((kind, attribute))
    return None if condition is None else condition(node.value)


def _shows_members(parameters: Any) -> bool:
    """Whether an answer shows the members of groups; a group may have thousands, and directories often leave them out."""
    if parameters is None:
        return True
    left_out = {str(path).rpartition(":")[2].casefold() for path in parameters.excluded_attributes or ()}
    shown = {str(path).rpartition(":")[2].casefold() for path in parameters.attributes or ()}
    if "members" in left_out:
        return False
    return not shown or any(path.startswith("members") for path in shown)
