"""A flow is a value: transport and both ends."""

from __future__ import annotations

from hookflash.sip.flow import Flow

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


def test_streams_are_reliable_and_datagrams_are_not() -> None:
    assert not Flow("udp", A, B).reliable
    assert Flow("tcp", A, B).reliable
    assert Flow("tls", A, B).reliable


def test_connections_are_told_apart() -> None:
    assert Flow("tcp", A, B, 1) != Flow("tcp", A, B, 2)
    assert len({Flow("udp", A, B), Flow("udp", A, B)}) == 1
