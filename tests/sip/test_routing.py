"""Next hops: open connections, NATed peers, large requests (transfer.md §3, calls.md §5)."""

from __future__ import annotations

import pytest
from tests.support.sip_messages import request_of

from hookflash.sip.flow import Address, Flow, Transport
from hookflash.sip.location import Target
from hookflash.sip.routing import (
    LARGE_MEMORY,
    LARGEST_DATAGRAM,
    Hop,
    LargeRequests,
    behind_nat,
    direct_flow,
    estimated_size,
    is_private,
    located_flow,
    reachable,
    returning_flow,
)
from hookflash.sip.uri import Uri

OURS = ("192.0.2.10", 5060)
UDP = Flow("udp", OURS, ("203.0.113.5", 40000))
TCP = Flow("tcp", OURS, ("203.0.113.5", 40000), 3)
TLS = Flow("tls", OURS, ("203.0.113.5", 40000), 4)
NEW_TCP = Flow("tcp", OURS, ("203.0.113.5", 40000))


BOTH = ("::", 5060)
SIX = ("2001:db8::10", 5060)


def local(transport: Transport, remote: str) -> Address:
    return OURS


def direct(
    uri: str,
    flow: Flow | None = None,
    *,
    routed: bool = False,
    up: bool = True,
    own: Address = OURS,
) -> object:
    hop = Hop(Uri.parse(uri), flow, routed)
    return direct_flow(hop, local=lambda *_: own, is_open=lambda _: up)


def located(
    targets: list[Target], flow: Flow | None = None, *, routed: bool = False, up: bool = True
) -> object:
    hop = Hop(Uri.parse("sip:host.example"), flow, routed)
    return located_flow(hop, targets, local=local, is_open=lambda _: up)


@pytest.mark.parametrize(
    ("uri", "transport", "remote"),
    [
        ("sip:a@198.51.100.1", "udp", ("198.51.100.1", 5060)),
        ("sip:a@198.51.100.1:5080", "udp", ("198.51.100.1", 5080)),
        ("sip:a@198.51.100.1;transport=tcp", "tcp", ("198.51.100.1", 5060)),
        ("sip:a@198.51.100.1;transport=tls", "tls", ("198.51.100.1", 5061)),
        ("sips:a@198.51.100.1", "tls", ("198.51.100.1", 5061)),
        ("sip:a@[2001:db8::5]:5070;transport=tcp", "tcp", ("2001:db8::5", 5070)),
        ("sip:a@host.example;maddr=198.51.100.2", "udp", ("198.51.100.2", 5060)),
    ],
)
def test_an_address_is_used_as_it_is(uri: str, transport: Transport, remote: Address) -> None:
    assert direct(uri) == Flow(transport, OURS, remote)


@pytest.mark.parametrize("uri", ["sip:a@host.example", "sip:a@host.example:5060", "tel:+1510"])
def test_a_name_needs_a_lookup(uri: str) -> None:
    assert direct(uri, UDP) is None


@pytest.mark.parametrize("uri", ["sip:a@10.1.2.3:5060", "sip:a@192.168.1.1", "sip:a@[fd00::1]"])
def test_a_private_contact_is_reached_where_it_sends_from(uri: str) -> None:
    assert direct(uri, UDP) == UDP
    assert direct(uri, TCP) == TCP
    assert direct(uri, TCP, up=False) == NEW_TCP
    assert direct(uri, UDP, routed=True) != UDP
    assert direct(uri, own=BOTH) is not None


def test_a_private_peer_without_nat_is_reached_at_its_contact() -> None:
    flow = Flow("udp", OURS, ("10.1.2.3", 40000))
    assert direct("sip:a@10.1.2.3:5062", flow) == Flow("udp", OURS, ("10.1.2.3", 5062))


def test_a_public_contact_is_used_whatever_the_source() -> None:
    assert direct("sip:a@198.51.100.1:5062", UDP) == Flow("udp", OURS, ("198.51.100.1", 5062))


def test_an_address_of_a_family_that_we_lack_is_unresolvable() -> None:
    """A transport of connections has both: the system opens them."""
    six = "sip:a@[2001:db8::5]:5070"
    assert direct(six, UDP) == UDP
    assert direct(six, TCP, up=False) == NEW_TCP
    assert direct(six, UDP, routed=True) is None
    assert direct(six) is None
    for own in (SIX, BOTH):
        assert direct(six, UDP, own=own) == Flow("udp", own, ("2001:db8::5", 5070))
    four = "sip:a@198.51.100.1"
    assert direct(four, UDP, own=SIX) == UDP
    assert direct(four, UDP, own=BOTH) == Flow("udp", BOTH, ("198.51.100.1", 5060))


@pytest.mark.parametrize("params", ["", ";transport=tcp", ";transport=tls"])
def test_port_0_is_unresolvable(params: str) -> None:
    uri = f"sip:a@198.51.100.1:0{params}"
    assert direct(uri, UDP) == UDP
    assert direct(uri, TCP) == TCP
    assert direct(uri, UDP, routed=True) is None
    assert direct(uri) is None


def test_targets_of_a_family_that_we_lack_are_passed_over() -> None:
    six, four = Target("udp", "2001:db8::5", 5060), Target("udp", "198.51.100.2", 5060)
    by_tcp = Target("tcp", "2001:db8::5", 5060)
    targets = [six, four, by_tcp]
    assert reachable(targets, local=local) == [four, by_tcp]
    assert reachable(targets, local=lambda *_: SIX) == [six, by_tcp]
    assert reachable(targets, local=lambda *_: BOTH) == targets


@pytest.mark.parametrize("routed", [False, True])
def test_an_open_connection_to_the_next_hop_is_used_again(routed: bool) -> None:
    assert direct("sip:a@203.0.113.5:5060", TCP, routed=routed) == TCP
    assert direct("sip:a@203.0.113.5;transport=tcp", TCP, routed=routed) == TCP
    assert direct("sips:a@203.0.113.5", TLS, routed=routed) == TLS


def test_a_connection_is_not_used_for_another_transport_or_host() -> None:
    assert direct("sips:a@203.0.113.5", TCP) == Flow("tls", OURS, ("203.0.113.5", 5061))
    other = Flow("tcp", OURS, ("203.0.113.6", 5060))
    assert direct("sip:a@203.0.113.6;transport=tcp", TCP) == other


def test_a_closed_connection_is_replaced_by_one_to_the_named_port() -> None:
    wanted = Flow("tcp", OURS, ("203.0.113.5", 5080))
    assert direct("sip:a@203.0.113.5:5080;transport=tcp", TCP, up=False) == wanted


def test_after_a_lookup_the_first_target_is_taken() -> None:
    targets = [Target("tcp", "198.51.100.1", 5060), Target("udp", "198.51.100.2", 5060)]
    assert located(targets) == Flow("tcp", OURS, ("198.51.100.1", 5060))


def test_after_a_lookup_an_open_connection_to_a_target_wins() -> None:
    targets = [Target("tcp", "198.51.100.1", 5060), Target("tcp", "203.0.113.5", 5060)]
    assert located(targets, TCP) == TCP
    assert located(targets, TCP, up=False) == Flow("tcp", OURS, ("198.51.100.1", 5060))
    assert located(targets[:1], TCP) == Flow("tcp", OURS, ("198.51.100.1", 5060))


def test_an_unresolvable_contact_is_reached_where_it_sends_from() -> None:
    assert located([], UDP) == UDP
    assert located([], TCP, up=False) == NEW_TCP
    assert located([], UDP, routed=True) is None
    assert located([]) is None


def test_where_no_connection_opens_the_peers_own_is_taken() -> None:
    hop = Hop(Uri.parse("sip:a@198.51.100.1;transport=tcp"), TCP)
    assert returning_flow(hop, is_open=lambda _: True) == TCP
    assert returning_flow(hop, is_open=lambda _: False) is None


def test_what_is_to_go_by_tls_goes_by_no_other_way() -> None:
    uri = Uri.parse("sip:a@198.51.100.1;transport=tls")
    for flow, found in ((TLS, TLS), (TCP, None), (UDP, None)):
        assert returning_flow(Hop(uri, flow), is_open=lambda _: True) == found


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.0.0.1", True),
        ("172.31.255.255", True),
        ("172.32.0.1", False),
        ("192.168.0.1", True),
        ("100.64.0.1", True),
        ("169.254.1.1", True),
        ("127.0.0.1", True),
        ("198.51.100.1", False),
        ("fe80::1", True),
        ("fd12::1", True),
        ("::1", True),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:198.51.100.1", False),
        ("host.example", False),
    ],
)
def test_private_addresses(host: str, private: bool) -> None:
    assert is_private(host) is private
    assert behind_nat(host, "203.0.113.5") is private
    assert not behind_nat(host, host)


def test_the_estimate_is_close_and_not_too_small() -> None:
    request = request_of("INVITE", body=b"v" * 900)
    assert len(request.encode()) <= estimated_size(request) <= len(request.encode()) + 150


def test_large_requests_go_by_tcp() -> None:
    large = LargeRequests()
    assert large.by_tcp(0.0, 1300, UDP) is None
    assert large.by_tcp(0.0, 1301, UDP) == NEW_TCP
    assert large.by_tcp(0.0, 9000, TCP) is None


def test_a_target_without_tcp_is_remembered_for_an_hour() -> None:
    large = LargeRequests()
    large.refused(100.0, UDP.remote)
    assert large.by_tcp(100.0 + LARGE_MEMORY - 1, 2000, UDP) is None
    assert large.by_tcp(100.0 + LARGE_MEMORY, 2000, UDP) == NEW_TCP
    other = Flow("udp", OURS, ("203.0.113.6", 5060))
    assert large.by_tcp(100.0, 2000, other) is not None


def test_what_no_datagram_holds_goes_by_tcp_also_where_that_was_refused() -> None:
    large = LargeRequests()
    large.refused(100.0, UDP.remote)
    assert large.by_tcp(101.0, LARGEST_DATAGRAM + 1, UDP) == NEW_TCP
    assert large.by_tcp(101.0, LARGEST_DATAGRAM, UDP) is None


def test_the_estimate_counts_octets_not_characters() -> None:
    request = request_of("REFER")
    request.headers.add("X-Name", "ü" * 30_000)
    assert estimated_size(request) >= len(request.encode())


def test_the_memory_is_bounded() -> None:
    large = LargeRequests()
    for number in range(10_001):
        large.refused(0.0, (f"host{number}", 5060))
    first = Flow("udp", OURS, ("host0", 5060))
    assert large.by_tcp(1.0, 2000, first) is not None
    assert large.by_tcp(1.0, 2000, Flow("udp", OURS, ("host1", 5060))) is None
