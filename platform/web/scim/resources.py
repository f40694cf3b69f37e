"""What this service provider offers a directory: its schemas, its resource types, its limits.

The schemas are the core ones of RFC 7643 less what Forecourt has no use for: a directory may send phone numbers and addresses of
staff, and they are dropped unread rather than kept. What is published is what is kept.
"""

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

#: Resources of one page.
MOST_RESULTS = 200


class PersonName(ComplexAttribute):
    """RFC 7643 section 4.1.1, name."""

    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None


class PersonEmail(ComplexAttribute):
    """RFC 7643 section 4.1.2, emails."""

    value: str | None = None
    type: str | None = Field(None, examples=["work", "home", "other"])
    primary: bool | None = None


class PersonGroup(ComplexAttribute):
    """RFC 7643 section 4.1.2, groups: where the person is, changed at the group only."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, Mutability.read_only] = None


class Staff(Extension):
    """RFC 7643 section 4.3, of which the employee number says who the person is at their stores."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None


class User(Resource[AnyExtension]):
    """A person of the directory."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: PersonName | None = None
    display_name: str | None = None
    preferred_language: str | None = None
    active: bool | None = None
    emails: list[PersonEmail] | None = None
    groups: Annotated[list[PersonGroup] | None, Mutability.read_only] = None


class Member(ComplexAttribute):
    """RFC 7643 section 4.2, members; people only, no groups in groups."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User[Any]] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """A group of the directory."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[Member] | None = None


def provider() -> ScimProvider:
    """The description of the service.

    The policy is what Microsoft Entra ID and Okta need: attributes that are not published are dropped, a removal may carry its value,
    and a change of ``emails[type eq "work"]`` makes the entry that is not there yet.
    """
    return ScimProvider(
        models=[User, Group, Staff],
        resource_types=[ResourceType.from_resource(User[Staff]), ResourceType.from_resource(Group)],
        config=ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
            filter=Filter(supported=True, max_results=MOST_RESULTS),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=False),
            etag=ETag(supported=True),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="Bearer token",
                    description="The token of a connection, made by an administrator of the dealer group",
                    primary=True,
                )
            ],
        ),
        policy=ScimPolicy(
            unknown=ScimPolicy.Unknown.ignore,
            remove_value_as_filter=ScimPolicy.RemoveValue.apply,
            unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
        ),
    )
