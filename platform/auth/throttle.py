"""How long somebody must wait before the next sign-in. Pure: counts and moments in, a wait out.

Failures are counted per name **and** address, so that strangers who guess at a person's password slow down themselves and not
the person. Two wider counts stop guessing spread over many names or many addresses; they spare a pair that signed in
before, so that neither a noisy neighbour behind the same address nor an attack from everywhere locks the person out.

One-time codes and letters of reset are counted in the same way, each by itself: see `PASSWORDS`, `CODES` and `RESETS`.
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
#: Failures of all addresses with one name in a day: who spreads guesses over addresses and time meets this.
DAY: Final = timedelta(days=1)
PER_NAME_A_DAY: Final = 1000
#: A pair is familiar for so long after a success.
FAMILIAR: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one kind of attempt is looked at: freely by a pair, and by unfamiliar pairs of an address or a name."""

    free: int
    per_address: int
    per_name: int
    per_name_a_day: int


PASSWORDS: Final = Limits(FREE, PER_ADDRESS, PER_NAME, PER_NAME_A_DAY)
#: A code has six digits and three of them are right at a time (RFC 6238, section 5.2), and whoever types one knows the
#: password already: strangers get 100 a day, that is a chance of 0.03 %, and the person is told after the third.
CODES: Final = Limits(FREE, PER_ADDRESS, 20, 100)
#: Asking for letters of reset; how many an account gets is limited by `letters.MOST_RESETS`.
RESETS: Final = Limits(FREE, 20, 20, 100)


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


def wait(
    pair: Pair,
    *,
    of_address: int,
    of_name: int,
    now: datetime,
    of_name_today: int = 0,
    limits: Limits = PASSWORDS,
) -> timedelta:
    """Time until the next attempt is looked at; zero when it may be now.

    ``of_address`` and ``of_name`` are the recent failures of the whole address and of the whole name, ``of_name_today``
    those of the name within a `DAY`.
    """
    familiar = pair.last_succeeded_at is not None and pair.last_succeeded_at > now - FAMILIAR
    crowded = of_address >= limits.per_address or of_name >= limits.per_name or of_name_today >= limits.per_name_a_day
    if crowded and not familiar:
        return WINDOW
    failures = pair.recent_failures(now)
    if failures < limits.free or pair.last_failed_at is None:
        return timedelta(0)
    # 2**10 seconds is beyond the window already; the cap keeps the power small.
    pause = min(timedelta(seconds=2 ** min(failures - limits.free, 10)), WINDOW)
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
