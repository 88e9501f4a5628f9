"""webrtc.md §8: what is received in any order, at a cost that does not grow with what is held.

The chunks here are made as a peer may send them; TSNs begin where they begin anew."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from struct import pack
from types import FrameType
from typing import Any

import pytest
from aiortc.rtcsctptransport import Chunk, DataChunk, ForwardTsnChunk, SackChunk, parse_packet
from tests.adapters.test_sctp import End, joined, leave, packet, run

from hookflash.adapters import sctp
from hookflash.adapters.sctp import MAX_MESSAGE, MAX_STREAMS
from hookflash.adapters.sctp_reassembly import OrderedMessages, ReceivedTsns, is_whole

LAST, FIRST, UNORDERED = 1, 2, 4
BEFORE = 2**32 - 50
"""The last TSN before the peer's first."""
FRAGMENT = 1160


class Peer:
    """The peer of `ours`: what it sends, as chunks, and what it hears."""

    def __init__(self, ours: End) -> None:
        self.ours = ours
        association = ours.sctp._association
        association._last_received_tsn = BEFORE
        association._forget_received(BEFORE)
        self.streams = {c.label: number for number, c in association._data_channels.items()}
        self.sack = SackChunk()
        self.next = BEFORE + 1
        self.sequence: dict[int, int] = {}
        association._ordered.clear()
        ours.out = self._hear

    def _hear(self, data: bytes) -> None:
        for chunk in parse_packet(data)[3]:
            if isinstance(chunk, SackChunk):
                self.sack = chunk

    def chunk(self, flags: int, data: bytes = b"x", stream: int = 0, number: int = 0) -> DataChunk:
        """The next one."""
        chunk = DataChunk(flags)
        chunk.tsn, chunk.stream_id, chunk.stream_seq = self.next % 2**32, stream, number
        chunk.protocol, chunk.user_data = 53, data
        self.next += 1
        return chunk

    def message(self, label: str, data: bytes, size: int = FRAGMENT) -> list[DataChunk]:
        """By `_lossy` unordered, else in order."""
        stream, flags, number = self.streams[label], UNORDERED, 0
        if label != "_lossy":
            flags, number = 0, self.sequence.get(stream, 0)
            self.sequence[stream] = (number + 1) % 2**16
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        return [
            self.chunk(
                flags | FIRST * (at == 0) | LAST * (at == len(parts) - 1), part, stream, number
            )
            for at, part in enumerate(parts)
        ]

    def forward(self, *streams: tuple[int, int], to: int | None = None) -> ForwardTsnChunk:
        """All that was sent is given up."""
        chunk = ForwardTsnChunk()
        chunk.cumulative_tsn = (self.next - 1 if to is None else to) % 2**32
        chunk.streams = list(streams)
        return chunk

    def packets(self, chunks: Iterable[Chunk | bytes], in_a_packet: int = 1) -> list[bytes]:
        sent = list(chunks)
        return [
            packet(self.ours.sctp, *sent[at : at + in_a_packet])
            for at in range(0, len(sent), in_a_packet)
        ]

    def send(self, chunks: Iterable[Chunk | bytes], in_a_packet: int = 1) -> None:
        """They arrive in this order."""
        self.receive(self.packets(chunks, in_a_packet))

    def receive(self, packets: list[bytes]) -> None:
        for data in packets:
            self.ours.sctp.receive(data)

    def send_all(self, chunks: list[DataChunk], given_up: Iterable[DataChunk] = ()) -> int:
        """These arrive, again and again while one was not taken: how often. What is `given_up`
        (the last fragments) is said when it is all that is missing before the next one."""
        received = self.ours.sctp._association._received
        for often in range(20):
            missing = {
                number: chunk
                for chunk in chunks
                if (number := received.unwrapped(chunk.tsn)) not in received
            }
            if not missing:
                return often
            self.send(missing[number] for number in sorted(missing))
            to = min(missing) - 1
            self.give_up(given_up, to)
        raise AssertionError("some are never taken")

    def give_up(self, last: Iterable[DataChunk], to: int) -> None:
        """All up to this TSN that did not come."""
        unwrapped = self.ours.sctp._association._received.unwrapped
        gone = [chunk for chunk in last if unwrapped(chunk.tsn) <= to]
        ordered = [(c.stream_id, c.stream_seq) for c in gone if not c.flags & UNORDERED]
        self.send([self.forward(*ordered, to=to)])

    def nothing_is_left(self) -> bool:
        association = self.ours.sctp._association
        return (
            (association._fragments.held, len(association._fragments), association._early)
            == (0, 0, 0)
            and not any(association._ordered.values())
            and self.sack.cumulative_tsn == (self.next - 1) % 2**32
            and self.sack.advertised_rwnd == association._advertised_rwnd == 1024 * 1024
            and self.sack.gaps == []
        )


def with_peer(test: Callable[[Peer], None]) -> None:
    async def connected() -> None:
        client, ours = (await joined())[:2]
        test(Peer(ours))
        leave(client, ours)

    run(connected)


def steps(work: Callable[[], None]) -> int:
    """Lines of Python that are executed."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def odd_then_even(peer: Peer, count: int) -> Iterator[Chunk]:
    """First fragments, and nothing more of any message."""
    peer.next += 1
    chunks = [peer.chunk(UNORDERED | FIRST) for _ in range(count)]
    yield from chunks[::2]
    yield from chunks[1::2]


def backwards(peer: Peer, count: int) -> Iterator[Chunk]:
    peer.next += 1
    yield from [peer.chunk(UNORDERED | FIRST) for _ in range(count)][::-1]


def one_message(peer: Peer, count: int) -> Iterator[Chunk]:
    """From both ends and the middle, but for the first fragment."""
    chunks = peer.message("_lossy", bytes(count), 1)
    yield from chunks[2::2]
    yield from chunks[1::2]


def out_of_turn(peer: Peer, count: int) -> Iterator[Chunk]:
    yield from [peer.chunk(FIRST | LAST, number=n + 1) for n in range(count)][::-1]


def given_up_in_many_streams(peer: Peer, count: int) -> Iterator[Chunk]:
    """One after the other, where each of many streams has something that waits."""
    first = peer.next
    for n in range(count):
        peer.next += 1
        yield peer.chunk(FIRST, stream=n % MAX_STREAMS)
    for n in range(count):
        yield peer.forward((n % MAX_STREAMS, 0), to=first + 2 * n)


def skipped(peer: Peer, count: int) -> Iterator[Chunk]:
    """Streams go on number by number, with messages waiting far ahead."""
    yield from [peer.chunk(FIRST | LAST, number=20_000 + n) for n in range(count)]
    peer.next += 1
    yield peer.forward(*((0, n) for n in range(count)))


def twice(peer: Peer, count: int) -> Iterator[Chunk]:
    peer.next += 1
    chunks = [peer.chunk(UNORDERED | FIRST) for _ in range(count // 2)]
    yield from chunks
    yield from chunks


@pytest.mark.parametrize(
    "attack",
    [odd_then_even, backwards, one_message, out_of_turn, given_up_in_many_streams, skipped, twice],
)
def test_a_chunk_costs_the_same_however_much_is_held(
    monkeypatch: pytest.MonkeyPatch, attack: Callable[[Peer, int], Iterator[Chunk]]
) -> None:
    """Even without the bounds: twice the chunks, twice the work."""
    monkeypatch.setattr(sctp, "_UNFINISHED", 10_000)
    monkeypatch.setattr(sctp, "_CHUNKS", 10_000)
    costs = []

    def test(peer: Peer) -> None:
        for count in (1000, 2000):
            chunks = list(attack(peer, count))
            dropped = peer.ours.sctp.dropped
            packets = peer.packets(chunks, 16)  # as many of one kind as a packet has
            costs.append(steps(lambda packets=packets: peer.receive(packets)))  # type: ignore[misc]
            assert peer.ours.sctp.state == "connected"
            assert peer.ours.sctp.dropped == dropped, "all of it was looked at"
            peer.send([peer.forward()])

    with_peer(test)
    assert costs[1] < 2.2 * costs[0]


def test_unfinished_messages_are_bounded() -> None:
    """Those beyond the bound are dropped, again and again, and whoever gives them up goes on."""

    def test(peer: Peer) -> None:
        fragments = peer.ours.sctp._association._fragments
        for _ in range(3):
            before = peer.ours.sctp.dropped
            peer.send(odd_then_even(peer, 1000), 57)
            assert len(fragments) == fragments.held == sctp._UNFINISHED
            assert peer.ours.sctp.dropped - before == 1000 - sctp._UNFINISHED
            peer.send([peer.forward()])
            assert peer.nothing_is_left()
        peer.send(peer.message("_reliable", b"good"))
        assert peer.ours.got == [("_reliable", b"good")]

    with_peer(test)


def test_unfinished_messages_in_order_end_the_association() -> None:
    def test(peer: Peer) -> None:
        peer.send(peer.chunk(UNORDERED | FIRST) for _ in range(2 * sctp._UNFINISHED))
        assert peer.ours.sctp.state == "connected"
        peer.send([peer.chunk(UNORDERED | FIRST)])
        assert peer.ours.sctp.state == "closed"

    with_peer(test)


@pytest.mark.parametrize("label", ["_reliable", "_lossy"])
def test_large_messages_of_which_every_second_fragment_comes_late(label: str) -> None:
    """More holes than are held: the rest is taken when it is sent again."""

    def test(peer: Peer) -> None:
        messages = [bytes([n]) * size for n, size in enumerate([65_536] * 10 + [MAX_MESSAGE])]
        chunks = [chunk for data in messages for chunk in peer.message(label, data)]
        assert len(chunks) > 3 * sctp._UNFINISHED
        peer.send(chunks[1::2])
        assert len(peer.ours.sctp._association._fragments) == sctp._UNFINISHED
        assert peer.ours.got == []
        assert peer.send_all(chunks) == 1
        assert sorted(peer.ours.got) == [(label, data) for data in messages]
        assert label == "_lossy" or peer.ours.got == sorted(peer.ours.got)
        assert peer.ours.sctp.state == "connected"
        assert peer.nothing_is_left()

    with_peer(test)


@pytest.mark.parametrize("seed", range(10))
def test_messages_in_any_order_with_some_given_up(seed: int) -> None:
    """Of both channels, fragments lost, doubled and overtaking one another: what was not given up
    comes once, by the reliable channel in its order."""

    def test(peer: Peer) -> None:
        chance = random.Random(seed)
        wanted: dict[str, list[bytes]] = {"_reliable": [], "_lossy": []}
        for _ in range(10):
            kept, given_up, last = [], [], []
            for _ in range(chance.randrange(1, 30)):
                label = chance.choice(list(wanted))
                data = pack("!Q", peer.next) * chance.randrange(1, 40)
                chunks = peer.message(label, data, chance.choice([1, 7, 4000]))
                if chance.random() < 0.2:
                    given_up += chance.sample(chunks, chance.randrange(len(chunks)))
                    last.append(chunks[-1])
                else:
                    kept += chunks
                    wanted[label].append(data)
            arrive = kept + given_up + chance.sample(kept, len(kept) // 5)
            chance.shuffle(arrive)
            peer.send(arrive, chance.randrange(1, 20))
            peer.send_all(kept, last)
            peer.give_up(last, peer.next - 1)
            assert peer.nothing_is_left()
        got = [data for label, data in peer.ours.got if label == "_reliable"]
        assert got == wanted["_reliable"]
        assert sorted(d for n, d in peer.ours.got if n == "_lossy") == sorted(wanted["_lossy"])

    with_peer(test)


def test_a_message_that_began_before_what_is_given_up_goes_on() -> None:
    """RFC 3758 §3.6; what is without its beginning is forgotten."""

    def test(peer: Peer) -> None:
        peer.next += 1
        chunks = peer.message("_lossy", b"abcd", 1)
        peer.send(chunks[:2])
        peer.send([peer.forward(to=peer.next - 3)])
        assert peer.sack.cumulative_tsn == chunks[1].tsn
        peer.send(chunks[2:])
        assert peer.ours.got == [("_lossy", b"abcd")]
        lost = peer.message("_lossy", b"lost", 1)
        peer.send(lost[1:3])
        peer.send([peer.forward(to=peer.next - 3)])
        peer.send(lost[3:])
        peer.send([peer.forward(to=peer.next), peer.forward(to=peer.next + 1)])
        peer.next += 2
        assert peer.nothing_is_left()
        assert peer.ours.got == [("_lossy", b"abcd")]

    with_peer(test)


def test_a_message_given_up_in_its_middle_and_the_next() -> None:
    """They stand side by side and are two all the same."""

    def test(peer: Peer) -> None:
        peer.send(peer.message("_lossy", b"lost", 2)[:1])
        peer.next -= 1
        peer.send(peer.message("_lossy", b"good", 2))
        peer.send([peer.chunk(UNORDERED | LAST, stream=peer.streams["_lossy"])])
        assert peer.ours.got == [("_lossy", b"good")]

    with_peer(test)


def test_streams_that_are_reset_hold_nothing() -> None:
    def test(peer: Peer) -> None:
        association = peer.ours.sctp._association
        stream = peer.streams["_reliable"]
        peer.send([peer.chunk(FIRST | LAST, b"early", stream, 1)])
        peer.send([peer.chunk(FIRST, b"unfinished", stream, 2)])
        assert association._advertised_rwnd < 1024 * 1024
        reset = pack("!BBHHHLLLHH", 130, 0, 22, 13, 18, 1, 0, (peer.next - 1) % 2**32, stream, 0)
        peer.send([peer.forward(), reset])
        assert not peer.ours.sctp.send("_reliable", b"x")
        peer.send(peer.message("_lossy", b"good"))
        assert peer.nothing_is_left()

    with_peer(test)


def test_aiortc_sends_large_messages_over_a_bad_network() -> None:
    async def test() -> None:
        client, ours, link = await joined(0.05, 3)
        messages = [bytes([n]) * size for n, size in enumerate([65_536, MAX_MESSAGE, 100_000])]
        client.sctp.open("_any", ordered=False)
        for data in messages:
            assert client.sctp.send("_reliable", data)
        await ours.until(lambda: "_any" in ours.opened)
        await client.until(lambda: "_any" in client.opened)
        for data in messages:
            assert client.sctp.send("_any", data)
        await ours.until(lambda: len(ours.got) == 2 * len(messages))
        for label in ("_reliable", "_any"):
            got = [data for name, data in ours.got if name == label]
            assert (got if label == "_reliable" else sorted(got)) == messages
        assert ours.sctp._association._advertised_rwnd == 1024 * 1024
        link.loss = 0.0
        leave(client, ours)

    run(test)


def test_gap_blocks() -> None:
    received = ReceivedTsns(BEFORE)
    numbers = [BEFORE + ahead for ahead in (3, 5, 4, 9, 7, 2, 12, 60)]
    for number in numbers:
        assert number not in received
        assert received.unwrapped(number % 2**32) == number
        received.add(number)
        assert number in received
    assert received.gaps(9) == [(2, 5), (7, 7), (9, 9), (12, 12), (60, 60)]
    assert received.gaps(2) == [(2, 5), (7, 7)]
    received.add(BEFORE + 1)
    assert (received.last_tsn, received.gaps(2)) == (BEFORE + 5, [(2, 2), (4, 4)])
    received.advance(BEFORE + 8)
    assert (received.last_tsn, received.gaps(2)) == (BEFORE + 9, [(3, 3), (51, 51)])
    received.advance(BEFORE + 59)
    assert (received.last_tsn, received.gaps(2)) == (10, [])


def test_sequence_numbers_begin_anew() -> None:
    ordered = OrderedMessages()
    for stream_seq in (30_000, 60_000, 65_534, 65_000):
        ordered.skip(stream_seq)
    told = []
    for number, stream_seq in enumerate((1, 65_535, 0, 3, 40_000, 2)):
        ordered.add(stream_seq, number, (stream_seq, 53, b""))
        told.append([stream for stream, _, _ in ordered.take()])
    assert told == [[], [65_535], [0, 1], [], [40_000], [2, 3]]
    assert len(ordered) == 0


def test_only_what_begins_and_ends_is_whole() -> None:
    assert [is_whole(DataChunk(flags)) for flags in range(8)] == [False, False, False, True] * 2
