"""IP literals and what is none."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from hookflash.base.hosts import ip_literal


def test_literals_of_both_families() -> None:
    assert ip_literal("192.0.2.1") == IPv4Address("192.0.2.1")
    assert ip_literal("2001:db8::1") == IPv6Address("2001:db8::1")


@pytest.mark.parametrize("text", ["", "sip.example.com", "[::1]", "192.0.2", "192.0.2.1:5060"])
def test_everything_else_is_none(text: str) -> None:
    assert ip_literal(text) is None
