"""The host of a peer: without port, in one form, whatever way gRPC writes it."""

import pytest

from vsm_server.security.peers import HOST_LENGTH_MAX, host_of


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:203.0.113.7:4711", "203.0.113.7"),
        ("ipv6:[2001:db8::1]:4711", "2001:db8::1"),
        ("ipv6:%5B2001:db8::1%5D:4711", "2001:db8::1"),
        ("ipv6:%5B2001:DB8:0:0::1%5D:4711", "2001:db8::1"),
        ("ipv6:[::1]:4711", "::1"),
        ("ipv6:%5B::ffff:203.0.113.7%5D:4711", "203.0.113.7"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::1%eth0"),
        ("ipv6:2001:db8::1", "2001:db8::1"),
        ("ipv4:203.0.113.7", "203.0.113.7"),
        ("unix:", "unix"),
        ("unix:/run/vsm.sock", "unix:/run/vsm.sock"),
        ("unix:%2Frun%2Fvsm.sock", "unix:/run/vsm.sock"),
        ("unix-abstract:vsm", "unix-abstract:vsm"),
        ("ipv4:nonsense:1", "nonsense"),
        ("ipv6:", ""),
        ("", ""),
        ("peer", "peer"),
    ],
)
def test_host_without_port(peer: str, host: str) -> None:
    """Address families, encodings and the local socket come to one form; what is none of them stands as it is."""
    assert host_of(peer) == host


def test_host_is_bounded() -> None:
    """Whatever a peer is called, its host is no longer than its bound."""
    assert all(len(host_of(f"{scheme}{'x' * 500}")) <= HOST_LENGTH_MAX for scheme in ("unix:", "ipv4:", "ipv6:[", ""))
