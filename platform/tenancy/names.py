"""Names in the database. They derive from an id by one strict pattern, never from a name or code somebody typed.

s_<hex>   schema of a store and the NOLOGIN role that may use it
g_<hex>   LOGIN of a group: may become its own stores, and `forecourt_group` for the group's control rows
r_<hex>   the same for reads: repeatable read, read only by default
"""

import re
from uuid import UUID

OWNER = "forecourt_owner"
CONTROL = "forecourt_control"
GROUP_ROLE = "forecourt_group"
TENANT_ROLE = "forecourt_tenant"

#: What SQLAlchemy table definitions of a store say instead of a schema; replaced at run time.
TENANT_PLACEHOLDER = "tenant"

_PATTERN = re.compile(r"[sgr]_[0-9a-f]{32}")


def store_schema(store_id: UUID) -> str:
    """Schema of a store; its role has the same name."""
    return f"s_{store_id.hex}"


store_role = store_schema


def group_login(group_id: UUID) -> str:
    """The group's login for units of work."""
    return f"g_{group_id.hex}"


def group_reader(group_id: UUID) -> str:
    """The group's login for reads."""
    return f"r_{group_id.hex}"


def checked(name: str) -> str:
    """``name`` itself when it has the pattern; the last guard before a name is put into SQL text.

    Raises:
        ValueError: it does not have the pattern.
    """
    if not _PATTERN.fullmatch(name):
        raise ValueError(f"not a derived database name: {name!r}")
    return name
