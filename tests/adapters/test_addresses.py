"""calls.md §5: the address that a peer is told."""

from __future__ import annotations

import socket

import pytest

from hookflash.adapters.addresses import Addresses


def test_a_fixed_address_is_told_to_everybody() -> None:
    addresses = Addresses("127.0.0.1")
    assert addresses.bind("198.51.100.7") == "127.0.0.1"
    assert addresses.advertised("198.51.100.7") == "127.0.0.1"


def test_listening_everywhere_the_interface_towards_the_peer_counts() -> None:
    addresses = Addresses("0.0.0.0")
    assert addresses.advertised("127.0.0.1") == "127.0.0.1"
    assert addresses.bind("127.0.0.9") == "127.0.0.1"


def test_the_public_address_is_told_except_to_local_peers() -> None:
    addresses = Addresses("127.0.0.1", public_ip="203.0.113.5", local_nets=["10.0.0.0/8"])
    assert addresses.advertised("198.51.100.7") == "203.0.113.5"
    assert addresses.advertised("10.1.2.3") == "127.0.0.1"
    assert addresses.bind("198.51.100.7") == "127.0.0.1"


def test_an_ipv6_peer_is_not_told_an_ipv4_address() -> None:
    addresses = Addresses("::", public_ip="203.0.113.5")
    assert ":" in addresses.advertised("::1")
    assert addresses.advertised("2001:db8::1") != "203.0.113.5"


def test_a_name_counts_as_outside() -> None:
    assert Addresses("127.0.0.1", public_ip="203.0.113.5").advertised("host") == "203.0.113.5"


def test_the_memory_of_peers_is_bounded() -> None:
    addresses = Addresses("127.0.0.1")
    for number in range(5000):
        addresses.advertised(f"10.0.{number // 256}.{number % 256}")
    assert addresses.advertised("10.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize(
    ("listen_ip", "peer", "own"),
    [
        ("0.0.0.0", "255.255.255.255", "127.0.0.1"),
        ("0.0.0.0", "fe80::1", "127.0.0.1"),
        ("::", "255.255.255.255", "127.0.0.1"),
        ("::", "fe80::1", "::1"),  # a link's own address leads nowhere without its interface
    ],
)
def test_towards_a_peer_that_no_route_leads_to_it_is_the_loopback(
    listen_ip: str, peer: str, own: str
) -> None:
    addresses = Addresses(listen_ip)
    assert (addresses.bind(peer), addresses.advertised(peer)) == (own, own)


def test_a_system_without_ipv6_has_no_address_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> socket.socket:
        raise OSError("Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refused)
    assert Addresses("0.0.0.0").advertised("2001:db8::1") == "127.0.0.1"
