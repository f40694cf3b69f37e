"""The errors of one request: which are told beside a null of everything, and in which order.

GraphQL leaves both open for parts that run side by side. Here neither depends on time: errors stand in the order of the
places they are about, and what fails beside a null that rises to the top is told too, as every part is waited for anyway.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path


class Failures(CollectedErrors):
    """graphql-core's list of errors, for a whole request or for the fields of one store."""

    __slots__ = ("_risen",)

    def __init__(self) -> None:
        super().__init__()
        self._risen: GraphQLError | None = None

    def rise(self, error: GraphQLError, path: Path | None) -> None:
        """Null rises to this place, from a field that was waited for. The whole answer (None) is null only when everything
        has ended; of several errors that make it so the first is told."""
        if path is not None:
            self.add(error, path)
        elif self._risen is None:
            self._risen = error

    @property
    def null(self) -> bool:
        """Is the whole answer null?"""
        return self._risen is not None or self.has_nulled_position(None)

    def told(self, data: Mapping[str, Any]) -> list[GraphQLError]:
        """All in the order of their places in `data`; the one that makes everything null is the last."""
        found, last = self.errors, [] if self._risen is None else [self._risen]
        if self.has_nulled_position(None):  # by a resolver that waits for nothing: since then nothing was taken
            found, last = found[:-1], found[-1:]
        return sorted(found, key=lambda error: place(data, error.path or ())) + last


def place(found: Any, path: Sequence[str | int]) -> list[int]:
    """Where a path stands among those of an answer, as far as it leads: errors sort by it."""
    at: list[int] = []
    for step in path:
        if isinstance(found, dict) and step in found:
            at.append(list(found).index(step))
        elif isinstance(found, list) and isinstance(step, int):
            at.append(step)
        else:
            break
        found = found[step]
    return at
