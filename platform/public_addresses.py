"""Which addresses and host names belong to the public internet: what an address named by a tenant may lead to.

Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and its updates), RFC 4291 for IPv6, the WHATWG
URL standard ("ends in a number checker") for the spellings of IPv4. Own tables, because `ipaddress.is_global` changes with the
Python version and calls 192.0.0.8, 224.0.0.1 and 64:ff9b::/96 global.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network; Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; holds the metadata address of Alibaba Cloud, 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # the platform of Azure, reachable only from inside its machines
        "169.254.0.0/16",  # link-local; the metadata address of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; the metadata address of Oracle Cloud, 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_LOOPBACK_4 = IPv4Network("127.0.0.0/8")
#: The only part of IPv6 that is handed out to the public. Outside it: loopback, mapped and compatible IPv4, NAT64 (64:ff9b::/96),
#: discard, segment routing, unique local, link-local, site-local, multicast.
_UNICAST_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo (carries IPv4), benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 (carries IPv4)
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def is_public(address: Address) -> bool:
    """Whether `address` is one that everybody on the internet reaches, and means the same machine for everybody."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None or address not in _UNICAST_6:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC_6)


def is_loopback(address: Address) -> bool:
    """Whether `address` is this machine: 127.0.0.0/8 or ::1, neither mapped nor with a zone."""
    return address in _LOOPBACK_4 if isinstance(address, IPv4Address) else str(address) == "::1"


def literal(host: str) -> Address | None:
    """The address that `host` spells in its one canonical notation (IPv6 without brackets), or None when it is none."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_name(host: str) -> bool:
    """Whether `host` (lower case, IDNA already encoded) is a full domain name.

    Not a name: one label alone (search lists would complete it), a trailing dot, and whatever some parser takes for an IPv4 address
    because the last label is a number: ``2130706433``, ``0x7f.1``, ``0177.0.0.1``, ``127.1``.
    """
    labels = host.split(".")
    return (
        len(host) <= 253
        and len(labels) >= 2
        and all(_LABEL.fullmatch(label) for label in labels)
        and not _NUMBER.fullmatch(labels[-1])
    )
