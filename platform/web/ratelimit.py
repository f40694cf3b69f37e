"""Token buckets in the memory of one process, bounded: for pages that anybody may call."""

import time
from collections import OrderedDict
from collections.abc import Callable

from ..errors import Throttled


class Buckets:
    """One bucket per key, the least recently used forgotten first.

    Args:
        burst: how many at once.
        per_minute: how many a minute after that.
        size: most keys remembered; an attacker with more keys than this gets fresh buckets, so limit by address, too.
        now: seconds, never going back.
    """

    def __init__(
        self, *, burst: int, per_minute: float, size: int = 10_000, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._rate, self._size, self._now = burst, per_minute / 60, size, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str) -> None:
        """Take one.

        Raises:
            Throttled: the bucket is empty; says after how many seconds there is one.
        """
        now = self._now()
        level, at = self._buckets.pop(key, (float(self._burst), now))
        level = min(self._burst, level + (now - at) * self._rate)
        allowed = level >= 1
        self._buckets[key] = (level - 1 if allowed else level, now)
        if len(self._buckets) > self._size:
            self._buckets.popitem(last=False)
        if not allowed:
            raise Throttled("too many requests", retry_after=(1 - level) / self._rate)
