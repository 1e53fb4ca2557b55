"""Which network addresses a link may lead to: public ones only.

A link comes from a model or from somebody who wrote to it. Whatever answers on this machine, its network or the cloud
it runs in (metadata services) must stay out of reach, in every notation that a name or a server can hide it behind.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

_V4_CLOSED: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network"
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; also a cloud's metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by number, but the host agent inside Azure
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

_V6_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
"""The only global unicast space that is assigned; everything else is closed unless it embeds an IPv4 address."""

_V6_CLOSED: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID, benchmarks, protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)

_PRIVATE: Final = tuple(
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""RFC 1918 and unique local addresses (RFC 4193)."""
_METADATA: Final = ipaddress.IPv6Network("fd00:ec2::/32")
"""A cloud's services, among the unique local addresses."""

_V4_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Well-known NAT64 prefix: how networks without IPv4 reach it. 64:ff9b:1::/48, the local one, stays closed."""

_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""Upper half of an interface identifier that carries an IPv4 address."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses are within reach beside public ones."""

    loopback: bool = False
    private: bool = False
    """Those of private networks; metadata services and the like never."""


def is_public(text: str, *, reach: Reach = Reach()) -> bool:
    """Whether a link may connect to this address (text form, as the resolver gave it)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if reach.loopback and address.is_loopback:
        return True
    if reach.private and any(address in network for network in _PRIVATE if network.version == address.version):
        return address not in _METADATA
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public_v4(address)
    return _is_public_v6(address)


def _is_public_v4(address: ipaddress.IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _V4_CLOSED)


def _is_public_v6(address: ipaddress.IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    embedded = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _V4_MAPPED or address in _NAT64:
        return _is_public_v4(embedded)
    if address not in _V6_GLOBAL or not address.is_global or any(address in network for network in _V6_CLOSED):
        return False
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return _is_public_v4(embedded)
    return True


def is_odd_number(host: str) -> bool:
    """Whether a host is an IPv4 address in another spelling than four decimal numbers (``0x7f.1``, ``2130706433``).

    A host whose last label is a number is an address and never a name (WHATWG URL, "ends in a number").
    """
    last = host.rstrip(".").rpartition(".")[2]
    if not re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", last):
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False
