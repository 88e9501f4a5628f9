"""RFC 3263 with a real name server on loopback."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import dns.exception
import dns.flags
import dns.message
import dns.resolver
import dns.rrset
import pytest

from hookflash.adapters.dns import MAX_CACHED_RECORDS, MAX_TARGETS, Cache, Resolver
from hookflash.base.ids import Ids
from hookflash.sip.location import ALL_TRANSPORTS, Target
from hookflash.sip.uri import Uri

T = TypeVar("T")
ZONE = (
    ("carrier.test.", "NAPTR", '10 50 "s" "SIP+D2T" "" _sip._tcp.carrier.test.'),
    ("carrier.test.", "NAPTR", '20 50 "s" "SIP+D2U" "" _sip._udp.carrier.test.'),
    ("_sip._tcp.carrier.test.", "SRV", "10 0 5080 b.carrier.test."),
    ("_sip._tcp.carrier.test.", "SRV", "5 0 5070 a.carrier.test."),
    ("a.carrier.test.", "A", "192.0.2.1"),
    ("b.carrier.test.", "A", "192.0.2.2"),
    ("b.carrier.test.", "AAAA", "2001:db8::2"),
    ("peer.test.", "A", "192.0.2.3"),
    ("_sip._udp.peer.test.", "SRV", "10 0 5080 b.carrier.test."),
    ("_sips._tcp.peer.test.", "SRV", "10 0 5061 a.carrier.test."),
    ("broken.test.", "A", "192.0.2.4"),
    ("late.test.", "A", "192.0.2.5"),
    *(("many.test.", "A", f"192.0.2.{i}") for i in range(3)),
    *(("_sip._tcp.many.test.", "SRV", f"{i} 0 5060 h{i}.many.test.") for i in range(30)),
    *(("large.test.", "A", f"203.0.113.{i}") for i in range(60)),
    *((f"h{i}.many.test.", "A", f"198.51.100.{i}") for i in range(30)),
)
BROKEN = "_sip._tcp.broken.test."
CIRCLE = ("circle.test.", "elcric.test.")
SILENT = "silent.test."
LATE = "late.test."
"""Answered when it is asked for again."""


class NameServer(asyncio.DatagramProtocol):
    """Answers from `ZONE`; NXDOMAIN for everything else."""

    def __init__(self) -> None:
        self.ignored = {LATE, SILENT}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """As `answer`; what has no room is cut (RFC 1035 §4.2.1)."""
        answer = self.answer(data)
        name = answer.question[0].name.to_text()
        if name in self.ignored:
            self.ignored -= {LATE}
            return
        try:
            self.transport.sendto(answer.to_wire(max_size=512), addr)
        except dns.exception.TooBig:
            self.transport.sendto(cut(data), addr)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """By TCP there is room."""
        query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        data = self.answer(query).to_wire()
        writer.write(len(data).to_bytes(2, "big") + data)
        await writer.drain()
        writer.close()

    def answer(self, data: bytes) -> dns.message.Message:
        """What `ZONE` says."""
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        if name == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        if name in CIRCLE:
            for owner, target in zip(CIRCLE, reversed(CIRCLE), strict=True):
                answer.answer.append(dns.rrset.from_text(owner, 60, "IN", "CNAME", target))
            return answer
        texts = [text for owner, rtype, text in ZONE if (owner, rtype) == (name, kind)]
        if texts:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *texts))
        elif not any(owner == name for owner, _, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def cut(query: bytes) -> bytes:
    """The answer that says: ask by TCP."""
    answer = dns.message.make_response(dns.message.from_wire(query))
    answer.flags |= dns.flags.TC
    return answer.to_wire()


def asked(ask: Callable[[Resolver], Awaitable[T]]) -> T:
    async def main() -> T:
        loop = asyncio.get_running_loop()
        server = NameServer()
        streams = await asyncio.start_server(server.connected, "127.0.0.1", 0)
        port = streams.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(
            lambda: server, local_addr=("127.0.0.1", port)
        )
        try:
            resolver = Resolver(Ids(random.Random(1)), servers=[f"127.0.0.1:{port}"])
            return await ask(resolver)
        finally:
            transport.close()
            streams.close()

    return asyncio.run(main())


def locate(uri: str) -> list[Target]:
    return asked(lambda resolver: resolver.locate(Uri.parse(uri), ("udp", "tcp", "tls")))


def peer(name: str) -> tuple[list[str], bool]:
    found, complete = asked(lambda resolver: resolver.peer(name))
    return sorted(found), complete


def test_a_peer_is_at_its_addresses_and_at_those_of_its_services() -> None:
    assert peer("peer.test") == (["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::2"], True)


def test_a_peer_that_nobody_knows_is_nowhere() -> None:
    assert peer("nowhere.test") == ([], True)
    assert peer("x" * 300) == ([], False)


def test_what_a_datagram_has_no_room_for_comes_by_tcp() -> None:
    """And is no garbage afterwards: the resolver keeps no exception that knows it."""

    async def left(resolver: Resolver) -> tuple[int, int]:
        gc.collect()
        gc.disable()
        try:
            found, _ = await resolver.peer("large.test")
            truncated = [item for item in gc.get_objects() if type(item) is dns.message.Truncated]
            return len(found), len(truncated)
        finally:
            gc.enable()

    assert asked(left) == (60, 0)


@pytest.mark.parametrize(
    ("name", "found"),
    [(CIRCLE[0], []), (SILENT, []), (LATE, ["192.0.2.5"])],
)
def test_questions_that_failed_leave_no_garbage(name: str, found: list[str]) -> None:
    """Each would leave its resolution, with all that was answered."""

    async def left(resolver: Resolver) -> tuple[list[str], int]:
        resolver._resolver.timeout, resolver._resolver.lifetime = 0.1, 1.0
        gc.collect()
        gc.disable()
        try:
            addresses, _ = await resolver.peer(name)
            kept = [one for one in gc.get_objects() if type(one) is dns.resolver._Resolution]
            return addresses, len(kept)
        finally:
            gc.enable()

    assert asked(left) == (found, 0)


def test_a_question_without_an_answer_is_told() -> None:
    assert peer("broken.test") == (["192.0.2.4"], False)


def test_a_peer_that_only_this_machine_knows() -> None:
    found, _ = peer("localhost")
    assert "127.0.0.1" in found


def test_a_peer_has_so_many_services() -> None:
    found, _ = peer("many.test")
    assert len(found) == MAX_TARGETS + 3


def test_naptr_srv_and_addresses_give_an_ordered_list() -> None:
    assert locate("sip:carrier.test") == [
        Target("tcp", "192.0.2.1", 5070),
        Target("tcp", "192.0.2.2", 5080),
        Target("tcp", "2001:db8::2", 5080),
    ]


def test_a_port_asks_for_addresses_only() -> None:
    assert locate("sip:a.carrier.test:5099") == [Target("udp", "192.0.2.1", 5099)]


def test_a_name_that_only_this_machine_knows() -> None:
    assert Target("udp", "127.0.0.1", 5060) in locate("sip:localhost:5060")


@pytest.mark.parametrize("host", ["12", "127.1", "0x7f000001", "127.0.0.0x1", "2130706433"])
def test_a_number_is_no_name_whatever_the_system_makes_of_it(host: str) -> None:
    assert locate(f"sip:{host}:5060") == []


def test_a_name_that_nobody_knows_has_no_target() -> None:
    assert locate("sip:nowhere.carrier.test") == []


def test_what_needs_no_query_is_known_at_once() -> None:
    resolver, all_of_them = Resolver(Ids(random.Random(1))), ALL_TRANSPORTS
    known = resolver.at_once(Uri.parse("sip:a@192.0.2.7;transport=tcp"), all_of_them)
    assert known == [Target("tcp", "192.0.2.7", 5060)]
    assert resolver.at_once(Uri.parse("sips:a@192.0.2.7;transport=udp"), all_of_them) == []
    assert resolver.at_once(Uri.parse("sip:a@carrier.test"), all_of_them) is None


@pytest.mark.parametrize(
    ("records", "kept"), [(1, True), (MAX_CACHED_RECORDS, True), (MAX_CACHED_RECORDS + 1, False)]
)
def test_an_answer_of_unusual_size_is_not_kept(records: int, kept: bool) -> None:
    name = dns.name.from_text("large.test.")
    message = cast(
        dns.message.QueryMessage, dns.message.make_response(dns.message.make_query(name, "A"))
    )
    texts = [f"192.0.2.{number}" for number in range(records)]
    message.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *texts))
    answer = dns.resolver.Answer(name, dns.rdatatype.A, dns.rdataclass.IN, message)
    cache, key = Cache(), (name, dns.rdatatype.A, dns.rdataclass.IN)
    cache.put(key, answer)
    assert (cache.get(key) is answer) is kept


def test_a_question_may_go_by_tcp_at_once() -> None:
    """With no datagram before it."""

    async def answered(resolver: Resolver) -> int:
        answer = await resolver._resolver.resolve("large.test", "A", tcp=True)
        return len(answer)

    assert asked(answered) == 60
