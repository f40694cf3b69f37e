"""UUIDv7 primary keys, made in Python so that every server version sorts them the same way (RFC 9562, section 5.7)."""

import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A UUIDv7 that is greater than every earlier one made by this process.

    Layout: 48 bits of milliseconds, version, 12 bits of sub-millisecond time, variant, 62 random bits.
    """
    global _last
    with _lock:
        # 60 bits of time: milliseconds, then 1/4096 of one. Bumped by one when the clock did not move.
        stamp = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = stamp
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)
