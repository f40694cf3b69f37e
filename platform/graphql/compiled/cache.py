"""A least-recently-used cache that is bounded twice: by entries, and by what they weigh together."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Keeps the entries used last. An entry heavier than the whole bound is not kept at all."""

    def __init__(self, entries: int, weight: int) -> None:
        self.most_entries, self.most_weight = entries, weight
        self.weight = 0
        self.hits = self.misses = 0
        self._found: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, key: K) -> bool:
        return key in self._found

    def get(self, key: K) -> V | None:
        """The entry, used just now; None when it is not kept."""
        found = self._found.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._found.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep an entry in place of the ones used longest ago."""
        old = self._found.pop(key, None)
        if old is not None:
            self.weight -= old[1]
        if weight > self.most_weight:
            return
        self._found[key] = value, weight
        self.weight += weight
        while len(self._found) > self.most_entries or self.weight > self.most_weight:
            _, (_, lost) = self._found.popitem(last=False)
            self.weight -= lost
