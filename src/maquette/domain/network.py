"""Addresses, and who is behind the proxies in front."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

#: The header in which the proxies in front write whom a request is from.
ForwardedBy = Literal["x-forwarded-for", "forwarded"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Proxies in front that are looked past; a longer list is somebody's invention.
HOPS_MAX = 20

_FORWARDED_FOR = re.compile(r"(?:^|;)\s*for=(\"[^\"]*\"|[^;\s]*)\s*(?:;|$)", re.IGNORECASE)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks and addresses of a list separated by commas; ``ValueError`` names a wrong one."""
    return tuple(ipaddress.ip_network(item.strip()) for item in text.split(",") if item.strip())


def client(peer: str, forwarded: Sequence[str], trusted: tuple[Network, ...], by: ForwardedBy) -> str:
    """Return whom a request is from: looking back from the nearest, the first who is no proxy of ours.

    ``peer`` is who connected, ``forwarded`` the values of the header ``by``. Only that one header counts, the one that
    the proxies are known to write: the other may be the client's own.
    """
    found = peer
    if not is_in(peer, trusted):
        return found
    for hop in list(reversed(",".join(forwarded).split(",")))[:HOPS_MAX]:
        said = _FORWARDED_FOR.search(hop.strip()) if by == "forwarded" else None
        named = said[1].strip('"') if said else hop if by == "x-forwarded-for" else ""
        address = plain_address(named)
        if address is None:
            break  # unknown, hidden or garbage: whoever is nearer is the last that is known
        found = address
        if not is_in(address, trusted):
            break
    return found


def plain_address(text: str) -> str | None:
    """Return an address without its port, an IPv4 one as such; None for what is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


@lru_cache(maxsize=1024)
def is_in(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is one of these networks'."""
    plain = plain_address(address)
    return plain is not None and any(ipaddress.ip_address(plain) in network for network in networks)
