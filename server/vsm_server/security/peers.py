"""The host behind a peer as gRPC names it, the same for every connection from there. Pure."""

import ipaddress
from urllib.parse import unquote

HOST_LENGTH_MAX = 128  # characters of a host's name


def host_of(peer: str) -> str:
    """The host of ipv4:ADDRESS:PORT and ipv6:[ADDRESS]:PORT (brackets percent-encoded or not), in its usual form, without port.

    An IPv4 address that is mapped into IPv6 is that IPv4 address. A socket of this machine is unix or unix:PATH; what is none of these
    stands as it is. About 3 µs.
    """
    scheme, _, rest = unquote(peer).partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return f"{scheme}:{rest}"[:HOST_LENGTH_MAX] if rest else scheme[:HOST_LENGTH_MAX]
    host, colon, port = rest.rpartition(":")
    if not colon or not port.isdecimal() or (scheme == "ipv6" and not host.endswith("]")):
        host = rest
    host = host.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:HOST_LENGTH_MAX]
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
