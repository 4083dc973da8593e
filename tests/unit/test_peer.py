"""Peers as grpc writes them."""

import pytest

from vsm_server.rpc import peer


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ipv4:192.0.2.1:5000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:5000", "fe80::1"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:5000", "192.0.2.1"),
        ("ipv6:%5B::ffff:c000:201%5D:5000", "192.0.2.1"),
        ("unix:", "unix"),
        ("unix:/run/vsm:socket", "unix"),
        ("unix-abstract:vsm", "unix-abstract"),
        ("unknown", "unknown"),
    ],
)
def test_host_has_no_port(text: str, host: str) -> None:
    """The host is the address alone, and an IPv4 address in IPv6's clothes is that address."""
    assert peer.host(text) == host


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("ipv4:192.0.2.1:5000", "192.0.2.1"),
        ("ipv6:%5B2001:db8:1:2:aaaa:bbbb:cccc:dddd%5D:5000", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2::9%5D:6000", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:3::9%5D:6000", "2001:db8:1:3::/64"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:5000", "192.0.2.1"),
        ("unix:", "unix"),
    ],
)
def test_network_of_ipv6_is_its_64(text: str, network: str) -> None:
    """Addresses of one IPv6 network of 64 bits are counted as one, those of IPv4 each as itself."""
    assert peer.network(text) == network


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("ipv4:127.0.0.1:5000", True),
        ("ipv4:127.9.9.9:5000", True),
        ("ipv6:%5B::1%5D:5000", True),
        ("ipv6:%5B::ffff:127.0.0.1%5D:5000", True),
        ("unix:/run/vsm.socket", True),
        ("unix-abstract:vsm", True),
        ("ipv4:192.0.2.1:5000", False),
        ("ipv4:12.7.0.1:5000", False),
        ("ipv6:%5B::2%5D:5000", False),
        ("ipv6:%5B::ffff:192.0.2.1%5D:5000", False),
        ("ipv4:127.0.0.1.example.org:5000", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_address(text: str, here: bool) -> None:
    """Peers by the loopback or a socket of this machine are on it, by what the address is and not by how it begins."""
    assert peer.is_on_this_machine(text) is here
