"""Moments in signed tokens."""

from datetime import UTC, datetime


def moment(value: object) -> datetime | None:
    """A NumericDate (RFC 7519, section 2), where it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
