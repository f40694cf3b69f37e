"""`forecourt demo`."""

from .common import command


@command
def demo() -> None:
    """Placeholder until the pages exist."""
