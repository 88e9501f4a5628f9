"""RFC 8839 §5.1, RFC 6544 §4.5: what clients are told of where we are."""

from __future__ import annotations

from aioice import Candidate

from hookflash.webrtc.candidates import host_candidates


def test_each_address_by_udp_first_then_by_tcp() -> None:
    lines = host_candidates(["192.0.2.1", "2001:db8::1"], 7882, 7881)
    read = [Candidate.from_sdp(line.removeprefix("candidate:")) for line in lines]
    assert [(c.transport, c.host, c.port) for c in read] == [
        ("udp", "192.0.2.1", 7882),
        ("udp", "2001:db8::1", 7882),
        ("tcp", "192.0.2.1", 7881),
        ("tcp", "2001:db8::1", 7881),
    ]
    assert [c.tcptype for c in read] == [None, None, "passive", "passive"]
    assert {c.type for c in read} == {"host"}
    assert len({c.foundation for c in read}) == 4
    priorities = [c.priority for c in read]
    assert priorities == sorted(priorities, reverse=True)
    assert all(0 < priority < 2**31 for priority in priorities)


def test_without_a_tcp_port_there_is_none_by_tcp() -> None:
    assert len(host_candidates(["192.0.2.1"], 7882)) == 1
