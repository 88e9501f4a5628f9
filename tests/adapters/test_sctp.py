"""webrtc.md §4 and §8: data channels."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from struct import pack

import pytest
from aiortc.rtcsctptransport import (
    AbortChunk,
    Chunk,
    DataChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    SackChunk,
    serialize_packet,
)

from hookflash.adapters import sctp
from hookflash.adapters.sctp import (
    LOCAL_PORT,
    MAX_CHANNELS,
    MAX_LABEL,
    MAX_MESSAGE,
    MAX_STREAMS,
    Sctp,
)


class End:
    """One end, with what it was told."""

    def __init__(self, *, client: bool) -> None:
        self.opened: list[str] = []
        self.got: list[tuple[str, bytes]] = []
        self.changed = asyncio.Event()
        self.out: Callable[[bytes], None] = lambda data: None
        self.sctp = Sctp(self, client=client, loop=asyncio.get_running_loop())

    def sctp_send(self, data: bytes) -> None:
        self.out(data)

    def channel_opened(self, label: str) -> None:
        self.opened.append(label)
        self.changed.set()

    def channel_message(self, label: str, data: bytes) -> None:
        self.got.append((label, data))
        self.changed.set()

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.changed.clear()
            await self.changed.wait()


class Link:
    """Carries packets between two ends in the loop's next turns; `loss` of them are lost, and with
    `loss` others overtake one another."""

    def __init__(self, one: End, two: End, *, loss: float = 0.0, seed: int = 1) -> None:
        self.chance, self.loss = random.Random(seed), loss
        self.passed: dict[End, list[bytes]] = {one: [], two: []}
        one.out = lambda data: self.carry(one, two, data)
        two.out = lambda data: self.carry(two, one, data)

    def carry(self, source: End, target: End, data: bytes) -> None:
        if self.chance.random() < self.loss:
            return
        self.passed[source].append(data)
        loop = asyncio.get_running_loop()

        def arrive() -> None:
            target.sctp.receive(data)
            target.changed.set()
            source.changed.set()

        loop.call_later(self.chance.random() * self.loss / 50, arrive)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 100))


async def joined(loss: float = 0.0, seed: int = 1) -> tuple[End, End, Link]:
    """A client (first) that has opened LiveKit's channels, and the exchange."""
    client, ours = End(client=False), End(client=True)
    link = Link(client, ours, loss=loss, seed=seed)
    client.sctp.open("_reliable")
    client.sctp.open("_lossy", ordered=False, max_retransmits=0)
    assert (client.sctp.state, ours.sctp.state) == ("new", "new")
    client.sctp.start(LOCAL_PORT, MAX_MESSAGE)
    ours.sctp.start(LOCAL_PORT, MAX_MESSAGE)
    for end in (client, ours):
        await end.until(lambda end=end: len(end.opened) == 2)  # type: ignore[misc]
        assert sorted(end.opened) == ["_lossy", "_reliable"]
        assert end.sctp.state == "connected"
    return client, ours, link


def leave(*ends: End) -> None:
    for end in ends:
        end.sctp.stop()
        assert end.sctp.state == "closed"


def test_messages_of_all_sizes_both_ways() -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        sizes = [0, 1, 1160, 1161, 40_000, 65_536, MAX_MESSAGE]
        for source, target in ((client, ours), (ours, client)):
            for index, size in enumerate(sizes):
                assert source.sctp.send("_reliable", bytes([index]) * size)
            await target.until(lambda target=target: len(target.got) == len(sizes))  # type: ignore[misc]
            assert target.got == [("_reliable", bytes([i]) * n) for i, n in enumerate(sizes)]
            assert source.sctp.buffered("_reliable") == 0
            assert 0.4 <= source.sctp._association._rto < 1, "measured"
            assert source.sctp.send("_lossy", b"now")
            await target.until(lambda target=target: len(target.got) > len(sizes))  # type: ignore[misc]
            assert target.got[-1] == ("_lossy", b"now")
        leave(client, ours)

    run(test)


def test_a_channel_that_is_not_there_and_a_message_too_large() -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        assert not ours.sctp.send("_data_track", b"x")
        assert ours.sctp.buffered("_data_track") == 0
        assert not ours.sctp.send("_reliable", bytes(MAX_MESSAGE + 1))
        leave(client)
        await ours.until(lambda: ours.sctp.state == "closed")
        assert not ours.sctp.send("_reliable", b"x")
        leave(ours)

    run(test)


def test_a_peer_that_takes_messages_of_any_size_and_one_that_does_not_say() -> None:
    async def test() -> None:
        for limit, size, taken in ((0, MAX_MESSAGE + 1, True), (None, 65_537, False)):
            one, two = End(client=True), End(client=False)
            Link(one, two)
            one.sctp.open("a")
            one.sctp.start(LOCAL_PORT, *[] if limit is None else [limit])
            two.sctp.start(LOCAL_PORT)
            await one.until(lambda one=one: one.opened == ["a"])  # type: ignore[misc]
            assert one.sctp.send("a", bytes(size)) == taken
            assert one.sctp.send("a", b"after")
            await two.until(lambda two=two: two.got != [])  # type: ignore[misc]
            assert two.got == [("a", b"after")], "longer than we take is dropped"
            leave(one, two)

    run(test)


def test_what_waits_is_told() -> None:
    async def test() -> None:
        client, ours, link = await joined()
        link.loss = 1.0
        for _ in range(10):
            ours.sctp.send("_reliable", bytes(50_000))
        assert ours.sctp.buffered("_reliable") == 500_000
        assert ours.sctp.buffered("_lossy") == 0
        link.loss = 0.0
        await client.until(lambda: len(client.got) == 10)
        assert ours.sctp.buffered("_reliable") == 0
        leave(client, ours)

    run(test)


def test_what_waited_is_gone_when_it_is_over() -> None:
    """At once: the collector comes late to circles."""

    async def test() -> None:
        gc.disable()
        client, ours, _ = await joined()
        ours.out = lambda data: None
        tracemalloc.start()
        for _ in range(100):
            assert ours.sctp.send("_reliable", bytes(60_000))
        waiting, _ = tracemalloc.get_traced_memory()
        leave(client, ours)
        left, _ = tracemalloc.get_traced_memory()
        assert waiting > 5_000_000
        assert left < 100_000

    try:
        run(test)
    finally:
        tracemalloc.stop()
        gc.enable()


def test_a_channel_of_ours_gives_way_to_the_clients() -> None:
    async def test() -> None:
        client, ours = End(client=False), End(client=True)
        link = Link(client, ours)
        for end in (client, ours):
            end.sctp.open("_reliable")
        client.sctp.start(LOCAL_PORT)
        ours.sctp.start(LOCAL_PORT)
        for end in (client, ours):
            await end.until(lambda end=end: len(end.opened) == 2)  # type: ignore[misc]
        link.passed[ours].clear()
        ours.sctp.send("_reliable", b"x")
        await client.until(lambda: client.got != [])
        streams = [int.from_bytes(p[20:22]) for p in link.passed[ours] if p[12] == 0]
        assert streams == [1], "the client is DTLS server, so its channels are odd"
        leave(client, ours)

    run(test)


@pytest.mark.parametrize("seed", range(2))
def test_loss_and_reordering(seed: int) -> None:
    """The reliable channel keeps its order; the lossy one loses, and neither stops the other."""

    async def test() -> None:
        client, ours, link = await joined(0.1, seed)
        numbers = range(100)
        for number in numbers:
            for label in ("_reliable", "_lossy"):
                client.sctp.send(label, pack("!H", number) * (1 + number * 7))
        await ours.until(lambda: sum(1 for label, _ in ours.got if label == "_reliable") == 100)
        reliable = [data for label, data in ours.got if label == "_reliable"]
        lossy = [data for label, data in ours.got if label == "_lossy"]
        assert reliable == [pack("!H", n) * (1 + n * 7) for n in numbers]
        assert 20 < len(lossy) < 100
        assert len(set(lossy)) == len(lossy)
        link.loss = 0.0
        client.sctp.send("_lossy", b"last")
        await ours.until(lambda: ("_lossy", b"last") in ours.got)
        leave(client, ours)

    run(test)


def test_what_the_owner_raises_comes_out_of_receive() -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        raised: list[BaseException] = []

        def failing(label: str, data: bytes) -> None:
            raise ArithmeticError(label)

        ours.channel_message = failing  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))
        client.sctp.send("_reliable", b"x")
        await client.until(lambda: raised != [])
        assert isinstance(raised[0], ArithmeticError)
        leave(client, ours)

    run(test)


def packet(source: Sctp, *chunks: Chunk | bytes) -> bytes:
    """Chunks as the peer of `source` would send them, with tag and checksum."""
    tag = source._association._local_verification_tag
    tag = 0 if isinstance(chunks[0], InitChunk) else tag

    class Several(Chunk):
        def __bytes__(self) -> bytes:
            return b"".join(bytes(chunk) for chunk in chunks)

    return serialize_packet(LOCAL_PORT, LOCAL_PORT, tag, Several())


def data_chunk(
    sctp: Sctp, ahead: int = 1, stream: int = 1, flags: int = 3, protocol: int = 53,
    data: bytes = b"x", number: int = 0,
) -> DataChunk:  # fmt: skip
    last = sctp._association._last_received_tsn
    assert last is not None
    chunk = DataChunk(flags)
    chunk.tsn, chunk.stream_id = (last + ahead) % 2**32, stream
    chunk.stream_seq, chunk.protocol, chunk.user_data = number, protocol, data
    return chunk


async def still_good(client: End, ours: End) -> None:
    for source, target in ((client, ours), (ours, client)):
        for label in ("_reliable", "_lossy"):
            source.sctp.send(label, b"good")
            await target.until(lambda t=target, n=label: (n, b"good") in t.got)  # type: ignore[misc]


def test_an_init_said_again_bears_no_tag() -> None:
    """RFC 9260 §8.5.1: with the peer's, which came meanwhile, the peer would drop it, and where the
    answers to both were lost there would be no association."""

    async def test() -> None:
        client, ours = End(client=False), End(client=True)
        link = Link(client, ours)
        client.sctp.open("_reliable")
        carry = link.carry
        lost: list[bytes] = []

        def lose_the_answers(source: End, target: End, data: bytes) -> None:
            if data[12] == InitAckChunk.type and len(lost) < 2:
                lost.append(data)
            else:
                carry(source, target, data)

        link.carry = lose_the_answers  # type: ignore[method-assign]
        for end in (client, ours):
            end.sctp._association._rto = 0.01
            end.sctp.start(LOCAL_PORT, MAX_MESSAGE)
        await ours.until(lambda: ours.opened == ["_reliable"])
        assert len(lost) == 2
        inits = [data for data in link.passed[client] if data[12] == InitChunk.type]
        assert len(inits) > 1
        assert {data[4:8] for data in inits} == {bytes(4)}
        leave(client, ours)

    run(test)


def test_a_message_behind_the_beginning_of_a_lost_one() -> None:
    """Unordered: it is told at once, not thrown away with what is left of the lost one."""

    async def test() -> None:
        client, ours, _ = await joined()
        lossy = {stream.label: number for number, stream in
                 ours.sctp._association._data_channels.items()}["_lossy"]  # fmt: skip
        lost, whole = 4 | 2, 4 | 2 | 1
        for ahead, flags, data in ((2, lost, b"lost"), (4, whole, b"whole"), (7, 4, b"middle"),
                                   (9, lost, b"also "), (10, 5, b"whole")):  # fmt: skip
            ours.sctp.receive(
                packet(ours.sctp, data_chunk(ours.sctp, ahead, lossy, flags, data=data))
            )
        assert ours.got == [("_lossy", b"whole"), ("_lossy", b"also whole")]
        leave(client, ours)

    run(test)


@pytest.mark.parametrize("seed", range(10))
def test_garbage(seed: int) -> None:
    """Random octets and changed packets, with a wrong checksum and with a right one that shows a
    length of theirs to be wrong: dropped, and the association goes on."""

    async def test() -> None:
        client, ours, link = await joined()
        await still_good(client, ours)
        chance = random.Random(seed)
        for _ in range(1000):
            garbage = bytearray(chance.choice(link.passed[client]))
            match chance.randrange(3):
                case 0:
                    garbage = bytearray(chance.randbytes(chance.randrange(1300)))
                case 1:
                    garbage[chance.randrange(len(garbage))] ^= 1 << chance.randrange(8)
                case _:
                    body = chance.randbytes(chance.randrange(1, 4)) + b"\0"
                    garbage = bytearray(packet(ours.sctp, body * chance.randrange(3)))
            ours.sctp.receive(bytes(garbage))
        client.got.clear()
        ours.got.clear()
        await still_good(client, ours)
        leave(client, ours)

    run(test)


@pytest.mark.parametrize("seed", range(30))
def test_chunks_of_every_kind_with_any_body_never_raise(seed: int) -> None:
    """With the right tag and checksum some of them end the association, as they say."""

    async def test() -> None:
        client, ours, _ = await joined()
        client.out = lambda data: None
        chance = random.Random(seed)
        for _ in range(500):
            kind = chance.choice([0, 2, 3, 4, 5, 9, 10, 11, 130, 192, chance.randrange(256)])
            if kind in (6, 7):
                continue
            size = chance.choice([0, 4, 8, 12, 16, 20, chance.randrange(60)])
            body = b"".join(
                chance.choice([bytes(1), b"\1", chance.randbytes(1)]) for _ in range(size)
            )
            chunk = pack("!BBH", kind, chance.randrange(8), 4 + size) + body + bytes(-size % 4)
            ours.sctp.receive(packet(ours.sctp, chunk))
            assert len(ours.sctp._association._ordered) <= MAX_STREAMS
        leave(client, ours)

    run(test)


def refused(*chunks: Callable[[Sctp], Chunk | bytes]) -> None:
    """These change nothing."""

    async def test() -> None:
        client, ours, _ = await joined()
        await still_good(client, ours)
        for chunk in chunks:
            before = ours.sctp.dropped
            ours.sctp.receive(packet(ours.sctp, chunk(ours.sctp)))
            assert ours.sctp.dropped == before + 1
        client.got.clear()
        ours.got.clear()
        await still_good(client, ours)
        leave(client, ours)

    run(test)


def test_a_parameter_without_a_length() -> None:
    """aiortc alone would read it for ever."""
    for kind in (4, 5, 6, 9, 130):
        refused(lambda _, kind=kind: pack("!BBHHH", kind, 0, 8, 1, 0))  # type: ignore[misc]


def sack(sctp: Sctp, ahead: int, *gaps: tuple[int, int]) -> SackChunk:
    chunk = SackChunk()
    chunk.cumulative_tsn = (sctp._association._local_tsn - 1 + ahead) % 2**32
    chunk.advertised_rwnd = 1024 * 1024
    chunk.gaps = list(gaps)
    return chunk


def test_a_sack_of_what_was_not_sent() -> None:
    refused(
        lambda sctp: sack(sctp, 1),
        lambda sctp: sack(sctp, 0, (2, 65_535)),
        lambda sctp: sack(sctp, 0, (5, 4)),
        lambda sctp: sack(sctp, -9, (2, 3), (2, 3)),
    )


def test_data_of_a_stream_that_is_not_there_or_without_data() -> None:
    refused(
        lambda sctp: data_chunk(sctp, stream=MAX_STREAMS),
        lambda sctp: data_chunk(sctp, data=b""),
        lambda sctp: data_chunk(sctp, ahead=5000),
    )


def test_a_late_double_of_the_first_init() -> None:
    async def test() -> None:
        client, ours, link = await joined()
        (init,) = [data for data in link.passed[client] if data[12] == 1]
        await still_good(client, ours)
        last = ours.sctp._association._last_received_tsn
        ours.sctp.receive(init)
        assert ours.sctp._association._last_received_tsn == last
        client.got.clear()
        ours.got.clear()
        await still_good(client, ours)
        leave(client, ours)

    run(test)


def channel_open(label: bytes, said: int | None = None) -> bytes:
    return pack("!BBHLHH", 3, 0, 0, 0, len(label) if said is None else said, 0) + label


def test_channels_and_labels_are_bounded() -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        client.out = lambda data: None

        def ask(stream: int, request: bytes) -> bool:
            before = len(ours.opened)
            ours.sctp.receive(
                packet(ours.sctp, data_chunk(ours.sctp, stream=stream, protocol=50, data=request))
            )
            return len(ours.opened) > before

        assert not ask(101, channel_open(b"x" * (MAX_LABEL + 1)))
        assert not ask(103, channel_open(b"x", said=2))
        assert not ask(105, channel_open(b"\xff"))
        assert not ask(107, b"\3")
        assert not ask(109, b"")
        assert not ask(1, channel_open(b"again"))
        opened = [ask(stream, channel_open(b"x")) for stream in range(201, 401, 2)]
        assert sum(opened) == MAX_CHANNELS - 2
        assert all(opened[: MAX_CHANNELS - 2])
        leave(client, ours)

    run(test)


@pytest.mark.parametrize("size", [1, 1160])
@pytest.mark.parametrize("order", ["a message without end", "holes"])
def test_what_a_peer_makes_us_hold_is_bounded(size: int, order: str) -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        client.out = lambda data: None
        association = ours.sctp._association
        first = data_chunk(ours.sctp).tsn
        most = 0
        for index in range(6000):
            ahead = 1 if order == "a message without end" else 2 + index
            if order == "holes":
                association_last = association._last_received_tsn
                assert association_last == first - 1
            chunk = data_chunk(ours.sctp, ahead, flags=0, data=bytes(size), number=5)
            ours.sctp.receive(packet(ours.sctp, chunk))
            held = [c for run in association._fragments._runs.values() for c in run]
            assert association._fragments.held == len(held)
            most = max(most, len(held))
            assert sum(len(c.user_data) for c in held) <= 2 * 1024 * 1024
        assert 900 < most <= 4096
        assert (ours.sctp.state == "closed") == (order == "a message without end")
        leave(client, ours)

    run(test)


def test_the_messages_of_a_packet_are_told_in_turns() -> None:
    """Each may go on to many: a hundred in one datagram were 30 ms of the loop, with three who got
    them."""

    async def test() -> None:
        client, ours, _ = await joined()
        times = itertools.count()
        ours.sctp._clock = lambda: float(next(times))
        texts = [b"%d" % number for number in range(90)]
        chunks = [
            data_chunk(ours.sctp, 1 + number, flags=7, data=text)
            for number, text in enumerate(texts)
        ]
        ours.sctp.receive(packet(ours.sctp, *chunks[:50]))
        assert [data for _, data in ours.got] == texts[:1]
        ours.sctp.receive(packet(ours.sctp, *chunks[50:]))
        assert [data for _, data in ours.got] == texts[:2]
        await ours.until(lambda: len(ours.got) == 90)
        assert [data for _, data in ours.got] == texts
        leave(client, ours)

    run(test)


@pytest.mark.parametrize(("size", "count", "most"), [(1, 50, 1024 + 50), (1000, 15, 1048 + 15)])
def test_messages_that_wait_to_be_told_are_bounded(size: int, count: int, most: int) -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        times = itertools.count()
        ours.sctp._clock = lambda: float(next(times))
        waiting = ours.sctp._association.events
        number = 0
        while not ours.sctp.dropped:
            chunks = [
                data_chunk(ours.sctp, 1 + ahead, flags=7, data=bytes(size))
                for ahead in range(count)
            ]
            before = ours.sctp.dropped
            ours.sctp.receive(packet(ours.sctp, *chunks))
            number += 0 if ours.sctp.dropped > before else len(chunks)
            assert len(waiting) <= most
        await ours.until(lambda: len(ours.got) == number)
        ours.sctp.receive(packet(ours.sctp, *chunks))
        await ours.until(lambda: len(ours.got) == number + len(chunks))
        leave(client, ours)

    run(test)


def test_a_sack_stays_within_a_datagram() -> None:
    async def test() -> None:
        client, ours, link = await joined()
        client.out = lambda data: None
        for ahead in range(3, 2000, 2):
            ours.sctp.receive(packet(ours.sctp, data_chunk(ours.sctp, ahead, number=5)))
        twice = [data_chunk(ours.sctp, ahead, number=5) for ahead in range(3, 600, 2)]
        ours.sctp.receive(packet(ours.sctp, *twice))
        assert max(len(data) for data in link.passed[ours]) <= 1189
        leave(client, ours)

    run(test)


def test_nothing_is_taken_after_an_abort() -> None:
    async def test() -> None:
        client, ours, link = await joined()
        link.passed[ours].clear()
        ours.sctp.receive(packet(ours.sctp, AbortChunk(), HeartbeatChunk()))
        assert ours.sctp.state == "closed"
        ours.sctp.receive(packet(ours.sctp, HeartbeatChunk()))
        assert link.passed[ours] == []
        leave(client, ours)

    run(test)


def test_a_reset_of_streams_closes_the_channel() -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        next(c for c in client.sctp._association._data_channels.values()).close()
        await ours.until(lambda: not ours.sctp.send("_reliable", b"x"))
        assert ours.sctp.send("_lossy", b"x")
        leave(client, ours)

    run(test)


def test_nothing_of_it_is_loaded_until_a_client_joins() -> None:
    loaded = "import sys, hookflash.server; print({'aiortc', 'OpenSSL', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True)
    assert done.stdout == b"set()\n"


def test_data_before_the_association_is_not_taken() -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        chunk = data_chunk(ours.sctp)
        early = End(client=True)
        sent: list[bytes] = []
        early.out = sent.append
        early.sctp.start(LOCAL_PORT, MAX_MESSAGE)
        sent.clear()
        early.sctp.receive(packet(early.sctp, chunk))
        assert (early.got, early.opened, sent) == ([], [], [])
        assert early.sctp.state == "connecting"
        leave(client, ours, early)

    run(test)


def test_an_acknowledgement_of_a_channel_that_is_open_says_nothing_new() -> None:
    async def test() -> None:
        client, ours, _ = await joined()
        ours.sctp.open("_more")
        await ours.until(lambda: "_more" in ours.opened)
        stream = next(
            number
            for number, channel in ours.sctp._association._data_channels.items()
            if channel.label == "_more"
        )
        again = data_chunk(ours.sctp, stream=stream, protocol=50, data=b"\2")
        ours.sctp.receive(packet(ours.sctp, again))
        assert ours.opened.count("_more") == 1
        assert ours.sctp.send("_more", b"x")
        await client.until(lambda: ("_more", b"x") in client.got)
        leave(client, ours)

    run(test)


def test_what_would_wait_is_an_error_and_no_lost_task() -> None:
    ended: list[bool] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    async def test() -> None:
        with pytest.raises(RuntimeError, match="waits for something"):
            sctp._run(waits())
        assert ended == [True]

    run(test)
