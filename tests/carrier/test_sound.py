"""Tones said and recognised, digits, and the clock."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest

from hookflash.audio.tone_bank import Pcm
from hookflash.base.ids import Ids
from hookflash.carrier.agent import CarrierError
from hookflash.carrier.departures import Copies
from hookflash.carrier.sound import WINDOW, Ear, Sound, Sounds
from hookflash.rtp import packet as rtp
from hookflash.sdp.plan import Codec, CodecName, CryptoKey, MediaPlan

PAYLOAD_TYPES: dict[CodecName, int] = {"PCMU": 0, "PCMA": 8}


def tone(*frequencies: float, samples: int = WINDOW) -> Pcm:
    time = np.arange(samples) / 8000
    wave = sum(np.sin(2 * np.pi * f * time) for f in frequencies) * 5000
    return (np.zeros(samples) + wave).astype(np.int16)


def plan(
    to: Sound, codec: CodecName = "PCMU", *, send: bool = True, dtmf: bool = True
) -> MediaPlan:
    own = Codec(codec, PAYLOAD_TYPES[codec], 8000)
    return MediaPlan(
        remote=(to.local.address, to.local.port),
        remote_rtcp=(to.local.address, to.local.rtcp_port),
        codec=own,
        receive={entry: Codec(name, entry, 8000) for name, entry in PAYLOAD_TYPES.items()},
        dtmf_send=101 if dtmf else None,
        dtmf_receive=frozenset({101}),
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


def test_who_pauses_is_heard_for_a_second_more() -> None:
    ear = Ear(0.0)
    ear.feed(0.1, tone(330))
    ear.feed(0.2, np.zeros(WINDOW, np.int16))
    assert not ear.audible(0.2)
    assert ear.audible_lately(1.0)
    assert not ear.audible_lately(1.2)


def test_an_ear_names_the_tones_of_the_last_window() -> None:
    ear = Ear(0.0)
    both = tone(330, 550)
    ear.feed(0.05, both[:300])
    assert not ear.hears(0.05, 330)  # no whole window yet
    ear.feed(0.1, both[300:])
    assert ear.hears(0.1, 330)
    assert ear.hears(0.1, 550)
    assert not ear.hears(0.1, 660)
    assert not ear.hears(0.5, 330)  # that is long ago
    ear.feed(0.6, tone(660))
    assert [f for f in (330, 550, 660) if ear.hears(0.6, f)] == [660]


def test_an_ear_tells_silence_from_anything_else() -> None:
    ear = Ear(0.0)
    assert not ear.audible(0.1)  # nothing came yet
    ear.feed(0.1, tone())
    assert not ear.audible(0.1)
    ear.feed(0.2, tone(330))
    assert ear.audible(0.2)
    assert not ear.audible(0.5)  # that is long ago


def test_an_ear_says_how_loud_a_tone_is() -> None:
    ear = Ear(0.0)
    assert ear.level(0.0, 330) == 0.0
    ear.feed(0.1, tone(330))
    assert ear.level(0.1, 330) == pytest.approx(5000, rel=0.01)
    assert ear.level(0.1, 550) < 50
    assert ear.level(0.5, 330) == 0.0  # that is long ago


def test_an_ear_misses_a_tone_after_a_while() -> None:
    ear = Ear(0.0)
    assert not ear.misses(0.2, 330)  # listened too briefly
    assert ear.misses(0.3, 330)
    ear.feed(1.0, tone(330))
    assert not ear.misses(1.2, 330)
    assert ear.misses(1.3, 330)
    ear.forget(1.4)
    assert not ear.misses(1.6, 330)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
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


def test_digits() -> None:
    async def test(one: Sound, other: Sound) -> None:
        with pytest.raises(CarrierError, match="no telephone-event"):
            await one.press("1")
        one.apply(plan(other))
        other.apply(plan(one))
        await one.press("12#")
        await other.pressed("12#", within=10)
        assert other.digits == "12#"
        await other.hears(330, within=10)  # the tone goes on
        with pytest.raises(CarrierError, match="did not get the digits 9"):
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
        other.pass_on("PCMU", bytes(160))
        with pytest.raises(CarrierError):
            await one.pressed("5", within=0.1)
        assert one.packets.received == 0

    run(test)


@pytest.mark.parametrize("ptime", [20, 40, 60])
def test_packets_are_as_long_as_was_agreed(ptime: int) -> None:
    async def test(first: Sound, second: Sound) -> None:
        first.apply(replace(plan(second), ptime=ptime))
        second.apply(plan(first))
        await second.hears(330, 2.0)
        await first.hears(550, 2.0)
        assert second.packets.sent - 2 <= first.packets.sent * (ptime // 20) <= second.packets.sent

    run(test)
