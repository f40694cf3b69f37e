"""Jobs of care."""

from .broker import PostgresBroker
from .context import JobContext


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actors of this feature."""
