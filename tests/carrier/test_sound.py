"""Tones that go to and fro in every codec, digits, and the clock."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hookflash.audio import opus
from hookflash.base.ids import Ids
from hookflash.carrier.agent import CarrierError
from hookflash.carrier.departures import Copies
from hookflash.carrier.sound import Sound, Sounds
from hookflash.carrier.speech import PEAK
from hookflash.rtp import packet as rtp
from hookflash.rtp.dtmf import parse_event
from hookflash.sdp.codecs import PREFERRED
from hookflash.sdp.plan import CodecName, CryptoKey, MediaPlan

CODECS: tuple[CodecName, ...] = ("PCMU", "PCMA", "opus")


def plan(
    to: Sound, codec: CodecName = "PCMU", *, send: bool = True, dtmf: bool = True
) -> MediaPlan:
    own = PREFERRED[codec]
    return MediaPlan(
        remote=(to.local.address, to.local.port),
        remote_rtcp=(to.local.address, to.local.rtcp_port),
        codec=own,
        receive={PREFERRED[name].payload_type: PREFERRED[name] for name in CODECS},
        dtmf_send=101 if dtmf else None,
        dtmf_receive=frozenset({101}),
        dtmf_clock=own.clock,
        send=send,
    )


def run(test: Callable[[Sound, Sound], Awaitable[None]]) -> None:
    """With two sounds that are not connected yet: 330 and 550 Hz."""

    async def main() -> None:
        sounds = Sounds(Ids(random.Random(1)))
        try:
            await test(sounds.open(330), sounds.open(550))
        finally:
            sounds.stop()

    asyncio.run(main())


@pytest.mark.parametrize("codec", CODECS)
def test_both_directions(codec: CodecName) -> None:
    async def test(one: Sound, other: Sound) -> None:
        assert one.plan is None
        one.apply(plan(other, codec))
        other.apply(plan(one, codec))
        assert await other.hears(330, within=10) > 0
        await one.hears(550, within=10)
        assert [tone for tone in (330, 550) if one.hears_now(tone)] == [550]
        with pytest.raises(CarrierError, match=r"did not hear 660 Hz within 0\.1 s"):
            await one.hears(660, within=0.1)
        with pytest.raises(CarrierError, match="went on hearing 550 Hz"):
            await one.misses(550, within=0.5)

    run(test)


def test_encrypted_in_both_directions() -> None:
    """Who has other keys hears nothing, and neither does who has none."""
    suite = "AES_CM_128_HMAC_SHA1_80"
    mine, theirs, new = (CryptoKey(suite, bytes([value]) * 30) for value in (1, 2, 3))

    async def test(one: Sound, other: Sound) -> None:
        here, there = plan(other), plan(one)
        one.apply(replace(here, crypto_send=mine, crypto_receive=theirs))
        other.apply(replace(there, crypto_send=theirs, crypto_receive=mine))
        await other.hears(330, within=10)
        await one.hears(550, within=10)
        one.apply(replace(here, crypto_send=new, crypto_receive=theirs))
        await other.misses(330, within=10)
        await one.hears(550, within=10)
        other.apply(replace(there, crypto_send=theirs, crypto_receive=new))
        await other.hears(330, within=10)
        one.apply(here)
        await other.misses(330, within=10)
        await one.misses(550, within=10)

    run(test)


def test_another_tone_from_now_on() -> None:
    async def test(one: Sound, other: Sound) -> None:
        one.say(440)
        one.apply(plan(other))
        other.apply(plan(one))
        await other.hears(440, 2)
        one.say(660)
        await other.hears(660, 2)
        one.say(0)
        await other.misses(660, 2)

    run(test)


def test_hold_is_silence() -> None:
    async def test(one: Sound, other: Sound) -> None:
        one.apply(plan(other))
        other.apply(plan(one))
        await other.hears(330, within=10)
        one.apply(plan(other, send=False))
        await other.misses(330, within=10)
        sent = one.packets.sent
        await one.hears(550, within=10)
        assert one.packets.sent == sent

    run(test)


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
def test_digits(codec: CodecName) -> None:
    async def test(one: Sound, other: Sound) -> None:
        with pytest.raises(CarrierError, match="no telephone-event"):
            await one.press("1")
        with pytest.raises(CarrierError, match=r"the digits 1 within 0\.05 s; none came"):
            await other.pressed("1", within=0.05)
        one.apply(plan(other, codec))
        other.apply(plan(one, codec))
        await one.press("12#")
        await other.pressed("12#", within=10)
        assert other.digits == "12#"
        await other.hears(330, within=10)  # the tone goes on
        with pytest.raises(CarrierError, match=r"digits 9 within .*; those that came: 12#"):
            await other.pressed("9", within=0.05)
        one.apply(plan(other, dtmf=False))
        with pytest.raises(CarrierError, match="no telephone-event"):
            await one.press("1")

    run(test)


def test_each_second_packet_is_overtaken() -> None:
    class Wire(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.numbers: list[int] = []
            self.six = asyncio.Event()

        def datagram_received(self, data: bytes, addr: object) -> None:
            self.numbers.append(rtp.parse(data).sequence)
            if len(self.numbers) >= 6:
                self.six.set()

    async def test(one: Sound, other: Sound) -> None:
        loop = asyncio.get_running_loop()
        transport, wire = await loop.create_datagram_endpoint(Wire, ("127.0.0.1", 0))
        one.line = lambda: Copies((0.0,), overtaken=True)
        one.apply(replace(plan(other), remote=transport.get_extra_info("sockname")))
        async with asyncio.timeout(5):
            await wire.six.wait()
        transport.close()
        first = wire.numbers[1]
        came = [(number - first) & 0xFFFF for number in wire.numbers[:6]]
        assert came == [1, 0, 3, 2, 5, 4]

    run(test)


def test_who_waits_hears_of_the_end() -> None:
    async def test(one: Sound, other: Sound) -> None:
        waiting = asyncio.ensure_future(one.hears(550, within=5))
        asyncio.get_running_loop().call_soon(one.close)
        with pytest.raises(CarrierError, match="did not hear 550 Hz: the call is over"):
            await waiting
        one.close()
        with pytest.raises(CarrierError, match="the call is over"):
            await one.hears(550, within=5)

    run(test)


def test_noise_on_the_port_is_ignored() -> None:
    async def test(one: Sound, other: Sound) -> None:
        other.apply(plan(one))
        loop = asyncio.get_running_loop()
        wire, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(one.local.address, one.local.port)
        )
        wire.sendto(b"noise")
        reports, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(one.local.address, one.local.rtcp_port)
        )
        reports.sendto(b"report")
        one.apply(plan(other))
        await one.hears(550, within=10)
        wire.close()
        reports.close()

    run(test)


def test_the_clock_rests_while_nobody_calls() -> None:
    async def main() -> None:
        sounds = Sounds(Ids(random.Random(1)))
        assert not sounds.running
        sound = sounds.open(0)
        assert sounds.running
        sound.close()
        stopped = sounds.open(0)  # the next tick forgets the closed one only
        with pytest.raises(CarrierError):
            await stopped.hears(330, within=0.05)
        assert sounds.running
        sounds.stop()
        assert not sounds.running
        assert stopped.closed

    asyncio.run(main())


def event(code: int, duration: int) -> bytes:
    """The beginning of an RFC 4733 event."""
    return struct.pack("!BBH", code, 10, duration)


def test_what_is_not_understood_is_not_heard_and_a_lost_end_is_found() -> None:
    async def test(one: Sound, other: Sound) -> None:
        other.apply(plan(one))
        await one.misses(550, within=10)  # no plan yet
        assert one.packets.received == 0
        one.apply(plan(other))
        loop = asyncio.get_running_loop()
        wire, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(one.local.address, one.local.port)
        )
        wire.sendto(rtp.RtpPacket(77, 1, 160, 9, bytes(160)).encode())
        wire.sendto(rtp.RtpPacket(101, 2, 320, 9, event(5, 400)).encode())
        await one.pressed("5", within=5)  # its end never comes
        await one.hears(550, within=5)
        wire.close()

    run(test)


def test_who_gave_up_is_not_told_of_the_end() -> None:
    async def test(one: Sound, other: Sound) -> None:
        waiting = asyncio.ensure_future(one.hears(550, within=5))
        await asyncio.wait({waiting}, timeout=0.01)
        waiting.cancel()
        one.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(test)


def test_where_no_port_is_free_there_is_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise OSError("address already in use")

    async def main() -> None:
        monkeypatch.setattr("hookflash.carrier.sound.UdpPair", taken)
        with pytest.raises(CarrierError, match="no free RTP ports"):
            Sounds(Ids(random.Random(1))).open(330)

    asyncio.run(main())


def test_before_an_agreement_nothing_goes_out() -> None:
    async def test(one: Sound, other: Sound) -> None:
        one.apply(plan(other))
        other.dial("5")
        other.pass_on(PREFERRED["PCMU"], bytes(160), np.zeros(160, np.int16))
        with pytest.raises(CarrierError):
            await one.pressed("5", within=0.1)
        assert one.packets.received == 0

    run(test)


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
@pytest.mark.parametrize("ptime", [20, 40, 60])
def test_packets_are_as_long_as_was_agreed(ptime: int, codec: CodecName) -> None:
    async def test(first: Sound, second: Sound) -> None:
        first.apply(replace(plan(second, codec), ptime=ptime))
        second.apply(plan(first, codec))
        await second.hears(330, 2.0)
        await first.hears(550, 2.0)
        assert second.packets.sent - 2 <= first.packets.sent * (ptime // 20) <= second.packets.sent

    run(test)


@pytest.mark.parametrize("codec", CODECS)
def test_a_tone_is_as_loud_as_it_was_said(codec: CodecName) -> None:
    async def test(one: Sound, other: Sound) -> None:
        one.apply(plan(other, codec))
        other.apply(plan(one, codec))
        await other.hears(330, 10)
        await other.misses(1000, 2)  # a while later
        assert other.level(330) == pytest.approx(PEAK, rel=0.2)  # 2 dB

    run(test)


@pytest.mark.parametrize(
    ("codec", "clock", "ptime"), [("PCMA", 8000, 40), ("opus", 48000, 20), ("opus", 48000, 60)]
)
def test_timestamps_have_the_clock_of_the_codec(codec: CodecName, clock: int, ptime: int) -> None:
    came: list[rtp.RtpPacket] = []

    async def test(one: Sound, other: Sound) -> None:
        class Wire(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                came.append(rtp.parse(data))
                if len(came) == 4:
                    enough.set()

        loop, enough = asyncio.get_running_loop(), asyncio.Event()
        transport, _ = await loop.create_datagram_endpoint(Wire, ("127.0.0.1", 0))
        at = transport.get_extra_info("sockname")
        one.apply(replace(plan(other, codec), remote=at, ptime=ptime))
        async with asyncio.timeout(5):
            await enough.wait()
        transport.close()

    run(test)
    steps = {
        (after.timestamp - before.timestamp) & 0xFFFFFFFF for before, after in pairwise(came[:4])
    }
    assert steps == {clock * ptime // 1000}


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
def test_a_key_lasts_as_long_by_any_clock(codec: CodecName) -> None:
    class Wire(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def datagram_received(self, data: bytes, addr: object) -> None:
            packet = rtp.parse(data)
            key = parse_event(packet.payload) if packet.payload_type == 101 else None
            if key is not None and key.end and not self.over.done():
                self.over.set_result(key.duration)

    async def test(one: Sound, other: Sound) -> None:
        loop = asyncio.get_running_loop()
        transport, wire = await loop.create_datagram_endpoint(Wire, ("127.0.0.1", 0))
        one.apply(replace(plan(other, codec), remote=transport.get_extra_info("sockname")))
        one.dial("5")
        async with asyncio.timeout(5):
            assert await wire.over == 120 * PREFERRED[codec].clock // 1000  # ms
        transport.close()

    run(test)


def test_another_codec_from_now_on() -> None:
    """What was gathered for a packet is none of the next one's."""

    async def test(one: Sound, other: Sound) -> None:
        other.apply(plan(one))
        for codec in ("opus", "PCMU", "opus", "PCMA"):
            one._packet = b"of the codec before"  # two times of three there is something
            one.apply(replace(plan(other, codec), ptime=60))
            assert one._packet == b""
            await other.hears(330, 5)
            await other.misses(1000, 2)
            assert other.level(330) == pytest.approx(PEAK, rel=0.2)

    run(test)


def test_nothing_of_opus_is_loaded_where_nobody_speaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded() -> None:
        raise AssertionError("libopus")

    monkeypatch.setattr(opus, "_library", loaded)

    async def test(one: Sound, other: Sound) -> None:
        one.apply(plan(other))  # which may be sent Opus as well
        other.apply(plan(one, "PCMA"))
        await other.hears(330, 5)
        await one.hears(550, 5)

    run(test)
