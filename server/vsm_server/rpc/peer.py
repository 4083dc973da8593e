"""Where a call comes from, out of grpc's text for a peer: `ipv4:192.0.2.1:5000`, `ipv6:%5B2001:db8::1%5D:5000`, `unix:/run/vsm`."""

import ipaddress
from urllib.parse import unquote

IPV6_NETWORK_BITS = 64  # what one subscriber has at least (RFC 6177): addresses within cost nobody anything


def host(peer: str) -> str:
    """The address without its port and interface; for a socket of this machine, or anything else, the name of the kind: "unix".

    A caller by IPv4 on a socket for both families, `::ffff:192.0.2.1`, is the one of IPv4.
    """
    kind, _, rest = unquote(peer).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return kind
    address = rest.rpartition(":")[0].removeprefix("[").removesuffix("]").partition("%")[0]
    if address.startswith("::ffff:"):
        return str(ipaddress.IPv6Address(address).ipv4_mapped or address)
    return address


def network(peer: str) -> str:
    """Whom addresses are counted as: a host by IPv4, the /64 of one by IPv6, else as `host`."""
    found = host(peer)
    if ":" not in found:
        return found
    return str(ipaddress.IPv6Network((found, IPV6_NETWORK_BITS), strict=False))


def is_on_this_machine(peer: str) -> bool:
    """Whether the peer came by the loopback, of either family, or by a socket of the file system."""
    found = host(peer)
    try:
        return ipaddress.ip_address(found).is_loopback
    except ValueError:
        return found in ("unix", "unix-abstract")
