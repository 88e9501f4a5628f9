"""Which addresses clients are told."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from hookflash.adapters import interfaces
from hookflash.adapters.interfaces import own_addresses


def test_an_address_that_is_listened_at_is_the_one() -> None:
    assert own_addresses(["192.0.2.7", "127.0.0.1"]) == ["192.0.2.7", "127.0.0.1"]
    assert own_addresses(["::1", "192.0.2.7"]) == ["192.0.2.7", "::1"]


def test_else_all_of_the_machine_that_can_be_bound_loopback_last() -> None:
    found = own_addresses(["0.0.0.0"])
    assert found[-1] == "127.0.0.1"
    assert len(found) == len(set(found))
    for ip in found:
        assert ipaddress.ip_address(ip).version == 4
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((ip, 0))
    assert set(found) <= set(own_addresses(["::"]))


def test_ipv6_too_where_it_is_listened_at(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [ipaddress.ip_address(ip) for ip in ("192.0.2.1", "2001:db8::1")]
    monkeypatch.setattr(interfaces, "_of_machine", lambda: own)
    assert own_addresses(["::"]) == ["192.0.2.1", "2001:db8::1"]
    assert own_addresses(["0.0.0.0"]) == ["192.0.2.1"]
