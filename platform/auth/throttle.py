"""How long somebody must wait before the next sign-in. Pure: counts and moments in, a wait out.

Failures are counted per name **and** address, so that strangers who guess at a person's password slow down themselves and not
the person. Two wider counts stop guessing spread over many names or many addresses; they spare a pair that signed in
before, so that neither a noisy neighbour behind the same address nor an attack from everywhere locks the person out.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: Failures older than this are forgotten.
WINDOW: Final = timedelta(minutes=15)
#: A pair may fail this often at full speed; then each failure doubles the wait, from one second up to `WINDOW`.
FREE: Final = 5
#: Failures of all names from one address, and of all addresses with one name, before unfamiliar pairs must wait.
PER_ADDRESS: Final = 50
PER_NAME: Final = 100
#: A pair is familiar for so long after a success.
FAMILIAR: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Pair:
    """What is known of one name at one address."""

    failures: int = 0
    last_failed_at: datetime | None = None
    last_succeeded_at: datetime | None = None

    def recent_failures(self, now: datetime) -> int:
        """Failures that still count."""
        recent = self.last_failed_at is not None and self.last_failed_at > now - WINDOW
        return self.failures if recent else 0


def wait(pair: Pair, *, of_address: int, of_name: int, now: datetime) -> timedelta:
    """Time until the next attempt is looked at; zero when it may be now.

    ``of_address`` and ``of_name`` are the recent failures of the whole address and of the whole name.
    """
    familiar = pair.last_succeeded_at is not None and pair.last_succeeded_at > now - FAMILIAR
    if not familiar and (of_address >= PER_ADDRESS or of_name >= PER_NAME):
        return WINDOW
    failures = pair.recent_failures(now)
    if failures < FREE or pair.last_failed_at is None:
        return timedelta(0)
    # 2**10 seconds is beyond the window already; the cap keeps the power small.
    pause = min(timedelta(seconds=2 ** min(failures - FREE, 10)), WINDOW)
    return max(timedelta(0), pair.last_failed_at + pause - now)


def address_key(address: str) -> str:
    """The address to count by: an IPv6 customer owns a whole /64, and IPv4 written as IPv6 is IPv4."""
    try:
        ip = ipaddress.ip_address(address.strip().partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
