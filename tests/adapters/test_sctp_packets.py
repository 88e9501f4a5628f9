"""webrtc.md §8. Beside these `test_sctp.py` shows what each rule keeps away."""

from __future__ import annotations

import random
from struct import pack

import pytest
from aiortc.rtcsctptransport import (
    AbortChunk,
    Chunk,
    CookieAckChunk,
    CookieEchoChunk,
    DataChunk,
    ErrorChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    ShutdownAckChunk,
    ShutdownChunk,
    ShutdownCompleteChunk,
)

from hookflash.adapters.sctp_packets import well_formed

HEADER = bytes(12)


def of(kind: int, body: bytes = b"", length: int | None = None) -> bytes:
    said = len(body) + 4 if length is None else length
    return pack("!BBH", kind, 0, said) + body + bytes(-len(body) % 4)


def good_chunks() -> list[Chunk]:
    data, init, init_ack, sack = DataChunk(3), InitChunk(), InitAckChunk(), SackChunk()
    data.user_data = b"odd"
    init_ack.params = [(7, b"cookie"), (0xC000, b"")]
    sack.gaps, sack.duplicates = [(2, 3), (5, 5)], [7]
    forward, reset, beat = ForwardTsnChunk(), ReconfigChunk(), HeartbeatChunk()
    forward.streams = [(1, 2), (3, 4)]
    reset.params = [(13, bytes(14))]
    beat.params = [(1, b"any")]
    return [
        data, init, init_ack, sack, forward, reset, beat, AbortChunk(), ErrorChunk(),
        CookieEchoChunk(body=b"any"), CookieAckChunk(), ShutdownChunk(), ShutdownAckChunk(),
        ShutdownCompleteChunk(),
    ]  # fmt: skip


@pytest.mark.parametrize("chunk", good_chunks(), ids=lambda chunk: type(chunk).__name__)
def test_what_an_implementation_sends(chunk: Chunk) -> None:
    assert well_formed(HEADER + bytes(chunk), 16)
    assert not well_formed(HEADER + bytes(chunk)[:-4], 16)


def test_several_chunks_in_a_packet() -> None:
    data = of(0, bytes(13))
    assert well_formed(HEADER + data * 400 + of(4) * 16, 16)
    several = [bytes(chunk) for chunk in good_chunks() if not isinstance(chunk, InitChunk)]
    assert well_formed(HEADER + b"".join(several), 16)
    assert well_formed(HEADER + of(77, b"of a kind not known") + several[0], 16)


BAD = {
    "more HEARTBEATs than anybody sends": of(4) * 17,
    "no chunk": b"",
    "less than a chunk": bytes(3),
    "length below 4": of(11, length=3),
    "length beyond the packet": of(11, length=5),
    "INIT short": of(1, bytes(15)),
    "INIT with another": of(1, bytes(16)) + of(11),
    "another with INIT": of(11) + of(1, bytes(16)),
    "INIT with a parameter of no length": of(1, bytes(20)),
    "INIT ACK with a parameter too long": of(2, bytes(16) + pack("!HH", 7, 5)),
    "DATA without data": of(0, bytes(12)),
    "DATA of stream 16": of(0, pack("!LHHLB", 1, 16, 0, 53, 1)),
    "SACK short": of(3, bytes(11)),
    "SACK with fewer gaps than it says": of(3, pack("!LLHH", 1, 1, 1, 0)),
    "SACK with more than it says": of(3, pack("!LLHHL", 1, 1, 0, 0, 1)),
    "SACK with a gap of nothing": of(3, pack("!LLHHHH", 1, 1, 1, 0, 3, 2)),
    "SACK with a gap at 0": of(3, pack("!LLHHHH", 1, 1, 1, 0, 0, 2)),
    "SACK with gaps over one another": of(3, pack("!LLHHHHHH", 1, 1, 2, 0, 2, 4, 4, 5)),
    "SHUTDOWN short": of(7, bytes(3)),
    "FORWARD TSN short": of(192, bytes(3)),
    "FORWARD TSN with half a stream": of(192, bytes(6)),
    "FORWARD TSN of stream 16": of(192, pack("!LHH", 1, 16, 0)),
    "HEARTBEAT with a parameter of no length": of(4, bytes(4)),
    "RE-CONFIG with a bit of a parameter": of(130, bytes(2)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_dropped(name: str) -> None:
    assert not well_formed(HEADER + BAD[name], 16)


def test_a_packet_of_any_length() -> None:
    assert well_formed(HEADER + of(77, bytes(16_368)), 16)
    assert not well_formed(HEADER + of(77, bytes(16_372)), 16)


@pytest.mark.parametrize("seed", range(20))
def test_random_octets_never_raise(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2000):
        kind = chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 9, 130, 192, chance.randrange(256)])
        size = chance.randrange(40)
        octets = of(kind, chance.randbytes(size), chance.choice([None, chance.randrange(50)]))
        assert well_formed(HEADER + octets, 16) in (True, False)
