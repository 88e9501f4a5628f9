"""Locating servers (RFC 3263), with a zone in a dict instead of the DNS."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from hookflash.base.ids import Ids
from hookflash.sip.flow import Transport
from hookflash.sip.location import (
    ALL_TRANSPORTS,
    MAX_QUESTIONS,
    MAX_RECORDS,
    MAX_TARGETS,
    Family,
    Naptr,
    Query,
    Record,
    Srv,
    Target,
    locate,
    numeric_host,
    srv_order,
    target_host,
    uri_transport,
)
from hookflash.sip.uri import Uri

Zone = dict[tuple[str, str], list[Record]]

ADDRESSES: Zone = {
    ("A", "example.com"): ["198.51.100.1"],
    ("AAAA", "example.com"): ["2001:db8::1"],
    ("A", "a.example.com"): ["198.51.100.11", "198.51.100.12"],
    ("A", "b.example.com"): ["198.51.100.21"],
}
SRV: Zone = {
    **ADDRESSES,
    ("SRV", "_sip._udp.example.com"): [Srv(10, 0, 5070, "a.example.com.")],
    ("SRV", "_sip._tcp.example.com"): [Srv(10, 0, 5071, "b.example.com.")],
    ("SRV", "_sips._tcp.example.com"): [Srv(10, 0, 5072, "b.example.com.")],
}
NAPTR: Zone = {
    **SRV,
    ("NAPTR", "example.com"): [
        Naptr(20, 10, "s", "SIP+D2U", "_sip._udp.example.com."),
        Naptr(10, 20, "S", "sip+d2t", "_sip._tcp.example.com."),
        Naptr(10, 10, "s", "SIPS+D2T", "_sips._tcp.example.com."),
        Naptr(5, 1, "s", "SIP+D2S", "_sip._sctp.example.com."),
        Naptr(5, 1, "u", "E2U+sip", "elsewhere."),
    ],
}


def find(
    uri: str,
    zone: Zone,
    *,
    transports: tuple[Transport, ...] = ALL_TRANSPORTS,
    families: tuple[Family, ...] = ("A", "AAAA"),
) -> tuple[list[Target], list[Query]]:
    """The targets, and all that was asked."""
    asked: list[Query] = []
    steps = locate(
        Uri.parse(uri), ids=Ids(random.Random(1)), transports=transports, families=families
    )
    try:
        queries = next(steps)
        while True:
            asked += queries
            queries = steps.send([list(zone.get((q.kind, q.name), [])) for q in queries])
    except StopIteration as stop:
        return stop.value, asked


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("sip:a@198.51.100.1", Target("udp", "198.51.100.1", 5060)),
        ("sip:a@198.51.100.1:5080;transport=tcp", Target("tcp", "198.51.100.1", 5080)),
        ("sips:a@198.51.100.1", Target("tls", "198.51.100.1", 5061)),
        ("sips:a@198.51.100.1;transport=tcp", Target("tls", "198.51.100.1", 5061)),
        ("sip:a@[2001:db8::1]", Target("udp", "2001:db8::1", 5060)),
        ("sip:a@example.com;maddr=198.51.100.9", Target("udp", "198.51.100.9", 5060)),
    ],
)
def test_an_address_needs_no_question(uri: str, target: Target) -> None:
    assert find(uri, NAPTR) == ([target], [])


def test_a_port_goes_straight_to_addresses() -> None:
    targets, asked = find("sip:example.com:5099", NAPTR)
    assert asked == [Query("A", "example.com"), Query("AAAA", "example.com")]
    assert targets == [
        Target("udp", "198.51.100.1", 5099),
        Target("udp", "2001:db8::1", 5099),
    ]
    targets, _ = find("sips:example.com:5099", NAPTR, families=("AAAA",))
    assert targets == [Target("tls", "2001:db8::1", 5099)]
    targets, _ = find("sip:example.com:5099;transport=TCP", NAPTR, families=("A",))
    assert targets == [Target("tcp", "198.51.100.1", 5099)]


@pytest.mark.parametrize("host", ["198.51.100.1", "example.com"])
def test_nobody_is_at_port_0(host: str) -> None:
    assert find(f"sip:a@{host}:0", NAPTR) == ([], [])
    zone: Zone = {
        ("SRV", "_sip._udp.h.example"): [Srv(1, 1, 0, "example.com"), Srv(2, 1, 5070, "a.example")],
        ("A", "example.com"): ["198.51.100.1"],
        ("A", "a.example"): ["198.51.100.2"],
    }
    targets, _ = find("sip:h.example;transport=udp", zone)
    assert targets == [Target("udp", "198.51.100.2", 5070)]


def test_naptr_decides_the_transport() -> None:
    targets, asked = find("sip:example.com", NAPTR)
    assert asked[0] == Query("NAPTR", "example.com")
    assert targets == [
        Target("tls", "198.51.100.21", 5072),
        Target("tcp", "198.51.100.21", 5071),
    ]


def test_naptr_of_transports_that_we_lack_is_passed_over() -> None:
    targets, _ = find("sip:example.com", NAPTR, transports=("udp",))
    assert targets == [Target("udp", "198.51.100.11", 5070), Target("udp", "198.51.100.12", 5070)]


def test_a_transport_parameter_skips_naptr() -> None:
    targets, asked = find("sip:example.com;transport=tcp", NAPTR)
    assert asked[0] == Query("SRV", "_sip._tcp.example.com")
    assert targets == [Target("tcp", "198.51.100.21", 5071)]


@pytest.mark.parametrize("uri", ["sips:example.com", "sip:example.com;transport=tls"])
def test_sips_uses_tls_only(uri: str) -> None:
    targets, asked = find(uri, NAPTR)
    assert targets == [Target("tls", "198.51.100.21", 5072)]
    assert asked[0] == Query("SRV", "_sips._tcp.example.com")
    assert find(uri, NAPTR, transports=("udp", "tcp"))[0] == []


def test_without_naptr_all_services_are_asked_for() -> None:
    targets, asked = find("sip:example.com", SRV)
    assert [q.name for q in asked if q.kind == "SRV"] == [
        "_sip._udp.example.com",
        "_sip._tcp.example.com",
        "_sips._tcp.example.com",
    ]
    assert [target.transport for target in targets] == ["udp", "udp", "tcp", "tls"]
    assert sum(q == Query("A", "b.example.com") for q in asked) == 1


def test_servers_come_by_their_priority() -> None:
    both = [Srv(20, 0, 5060, "a.example.com."), Srv(10, 0, 5060, "b.example.com.")]
    zone: Zone = {**SRV, ("SRV", "_sip._udp.example.com"): [*both]}
    targets, _ = find("sip:example.com;transport=udp", zone)
    assert [target.ip for target in targets] == ["198.51.100.21", "198.51.100.11", "198.51.100.12"]


def test_without_srv_the_name_itself_is_asked_for() -> None:
    assert find("sip:example.com", ADDRESSES)[0] == [
        Target("udp", "198.51.100.1", 5060),
        Target("udp", "2001:db8::1", 5060),
    ]
    assert find("sips:example.com", ADDRESSES, families=("A",))[0] == [
        Target("tls", "198.51.100.1", 5061)
    ]


def test_a_service_that_is_not_offered_is_not_tried() -> None:
    zone: Zone = {**ADDRESSES, ("SRV", "_sip._udp.example.com"): [Srv(0, 0, 0, ".")]}
    assert find("sip:example.com;transport=udp", zone)[0] == []


def test_an_srv_whose_host_has_no_address_gives_nothing() -> None:
    zone: Zone = {("SRV", "_sip._udp.example.com"): [Srv(0, 0, 5060, "gone.example.com")]}
    assert find("sip:example.com", zone)[0] == []


def test_answers_of_the_wrong_kind_are_ignored() -> None:
    zone: Zone = {
        ("NAPTR", "example.com"): ["198.51.100.1"],
        ("SRV", "_sip._udp.example.com"): ["198.51.100.1"],
        ("A", "example.com"): [Srv(0, 0, 5060, "x"), "198.51.100.1"],
    }
    assert find("sip:example.com", zone)[0] == [Target("udp", "198.51.100.1", 5060)]


@pytest.mark.parametrize(
    "uri",
    ["tel:+15105550100", "sip:example.com;transport=sctp", "sips:example.com;transport=udp"],
)
def test_what_cannot_be_reached(uri: str) -> None:
    assert find(uri, NAPTR) == ([], [])


def test_priorities_come_first() -> None:
    records = [Srv(20, 0, 1, "c"), Srv(10, 5, 1, "a"), Srv(10, 0, 1, "b")]
    for seed in range(50):
        order = srv_order(records, Ids(random.Random(seed)))
        assert order[2].target == "c"
        assert {record.target for record in order[:2]} == {"a", "b"}


def test_weights_are_respected_and_zero_is_rare_but_possible() -> None:
    records = [Srv(1, 0, 1, "zero"), Srv(1, 10, 1, "ten"), Srv(1, 30, 1, "thirty")]
    ids = Ids(random.Random(7))
    first = Counter(srv_order(records, ids)[0].target for _ in range(4100))
    assert 60 <= first["zero"] <= 145
    assert 900 <= first["ten"] <= 1100
    assert 2850 <= first["thirty"] <= 3150


def test_all_weights_zero() -> None:
    records = [Srv(1, 0, 1, "a"), Srv(1, 0, 1, "b")]
    assert len(srv_order(records, Ids(random.Random(1)))) == 2


def test_an_answer_without_end_is_used_to_a_limit() -> None:
    """Work and questions are bounded, whatever the zone of a peer's name holds."""
    many = [Srv(n // 900, 0, 5060, f"h{n}.example.com.") for n in range(2700)]
    naptr: list[Record] = [
        Naptr(1, n, "s", "SIP+D2U", f"_sip._udp.s{n}.example.com.") for n in range(500)
    ]
    zone: Zone = {("NAPTR", "example.com"): naptr}
    for n in range(500):
        zone["SRV", f"_sip._udp.s{n}.example.com"] = list(many)
    for n in range(2700):
        zone["A", f"h{n}.example.com"] = [f"198.51.{n % 256}.{m}" for m in range(200)]
    targets, asked = find("sip:example.com", zone)
    assert len(targets) == MAX_TARGETS
    assert len(asked) <= MAX_QUESTIONS
    assert sum(query.kind == "SRV" for query in asked) == MAX_RECORDS
    assert len(srv_order(many, Ids(random.Random(1)))) == MAX_RECORDS
    assert len(find("sip:h1.example.com:5070", zone)[0]) == MAX_TARGETS


def test_the_lowest_priorities_are_those_that_count() -> None:
    records = [Srv(n, 0, 5060, str(n)) for n in reversed(range(100))]
    found = srv_order(records, Ids(random.Random(1)))
    assert [record.target for record in found] == [str(n) for n in range(MAX_RECORDS)]


@pytest.mark.parametrize(
    ("uri", "transport", "number"),
    [
        ("sip:h.example;transport=UDP", "udp", None),
        ("sip:1.example", None, None),
        ("sip:127.0.0.1;transport=ws", None, "127.0.0.1"),
        ("sips:[::1]", "tls", "::1"),
    ],
)
def test_parts_of_the_decision(uri: str, transport: Transport | None, number: str | None) -> None:
    parsed = Uri.parse(uri)
    assert uri_transport(parsed) == transport
    assert numeric_host(parsed) == number


def test_brackets_around_maddr_are_taken_off() -> None:
    assert target_host(Uri.parse("sip:h.example;maddr=[::1]")) == "::1"
