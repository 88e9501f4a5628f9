"""One stream that comes in: heard by the room, with a jitter buffer while somebody is mixed it."""

from __future__ import annotations

import numpy as np
from tests.support.studio import CODECS

from hookflash.audio.codecs import make_codec
from hookflash.audio.tone_bank import hears, rms
from hookflash.audio.tones import ToneBook, TonePlayer, cadence
from hookflash.media.receiver import Receiver
from hookflash.media.source import Source
from hookflash.sdp.plan import CodecName

from .kit import Owner


def make(*codecs: str) -> Source:
    source = Source(Receiver(Owner()))
    if codecs:
        agreed = [codec for name, codec in CODECS.items() if name in codecs]
        source.receiver.configure({codec.payload_type: codec for codec in agreed}, codecs[0])
    return source


def test_the_room_may_hear_who_sends_and_is_not_muted() -> None:
    source = make()
    assert not source.audible
    source.receives = True
    assert source.audible
    source.muted = True
    assert not source.audible


def test_a_jitter_buffer_where_it_is_wanted_and_as_long_as_it_fits() -> None:
    source = make("PCMU", "G722")
    receiver = source.receiver
    source.buffer(wanted=True)
    jitter, concealer = receiver.jitter, source.concealer
    assert jitter is not None
    assert concealer is not None
    source.buffer(wanted=True)
    assert (receiver.jitter, source.concealer) == (jitter, concealer)
    receiver.codec = CODECS["G722"]
    source.buffer(wanted=True)
    assert receiver.jitter is not jitter
    assert source.concealer is not concealer
    source.buffer(wanted=False)
    assert (receiver.jitter, source.concealer) == (None, None)


def test_no_buffer_before_an_agreement() -> None:
    source = make()
    source.buffer(wanted=True)
    assert source.receiver.jitter is None
    assert not source.wide_frame(1.0).any()


def test_what_it_said_before_it_was_muted_is_not_heard_afterwards() -> None:
    source = make("PCMU")
    source.buffer(wanted=True)
    assert source.concealer is not None
    source.concealer.line = b"\x00" * 160
    source.buffer(wanted=False)
    source.buffer(wanted=True)
    assert not source.wide_frame(1.0).any()


def test_a_tone_instead_of_the_phone_itself() -> None:
    source = make("PCMU")
    source.spoken = TonePlayer(ToneBook(), cadence("ringing"))
    sound = np.concatenate([source.wide_frame(tick / 50) for tick in range(10)])
    assert len(sound) == 3200
    assert hears(sound, 425, 16000)


def test_narrowband_loss_fades_in_a_wide_room() -> None:
    source = make("PCMU")
    source.buffer(wanted=True, rate=16000)
    assert source.concealer is not None
    source.concealer.line = b"\x80\x00" * 80
    peaks = [int(np.abs(source.wide_frame(1 + tick / 50)).max()) for tick in range(5)]
    assert peaks[0] > peaks[1] > peaks[2] > 0
    assert peaks[4] == 0


def test_what_is_decoded_already_goes_on_at_the_rate_of_the_room() -> None:
    """Half of a packet of 40 ms waits when the room changes its rate."""
    names: list[CodecName] = ["opus", "G722"]
    for name in names:
        source, voice = make(name), make_codec(name)
        source.buffer(wanted=True, rate=16000)
        jitter, concealer = source.receiver.jitter, source.concealer
        assert jitter is not None
        ticks = CODECS[name].clock // 1000
        time = np.arange(640 * 10) / 16000
        sound = (8000 * np.sin(2 * np.pi * 400 * time)).astype(np.int16)
        lengths, levels = [], []
        for tick in range(20):
            if tick % 2 == 0:
                payload = voice.encode(sound[320 * tick : 320 * tick + 640])
                jitter.put(tick * 20 * ticks, payload, tick / 50)
            if tick in {9, 15}:
                waiting = jitter.depth_ms
                source.buffer(wanted=True, rate=8000 if tick == 9 else 16000)
                assert jitter.depth_ms == waiting
                assert waiting == 40, "half a packet, and the beginning of the next"
            line = jitter.pull(tick / 50 + 0.001)
            if tick > 4:
                assert line is not None
                lengths.append(len(line) // 2)
                levels.append(rms(np.frombuffer(line, np.int16)))
        assert lengths == [320] * 4 + [160] * 6 + [320] * 5
        assert min(levels) > 4500
        assert (source.receiver.jitter, source.concealer) == (jitter, concealer)


def test_g711_is_the_same_at_every_rate() -> None:
    source = make("PCMA")
    source.buffer(wanted=True, rate=8000)
    jitter, concealer = source.receiver.jitter, source.concealer
    assert concealer is not None
    concealer.line = b"\x80\x00" * 80
    source.buffer(wanted=True, rate=16000)
    assert (source.receiver.jitter, source.concealer) == (jitter, concealer)
    assert len(source.wide_frame(1.0)) == 320
    assert concealer.line is None, "it fades, from what it had said before"


def test_what_was_heard_at_the_other_rate_before_is_not_heard_again() -> None:
    source = make("PCMU")
    source.buffer(wanted=True, rate=16000)
    assert source.concealer is not None
    source.concealer.line = b"\x80\x00" * 80
    assert source.wide_frame(1.0).any()
    source.buffer(wanted=True, rate=8000)
    source.buffer(wanted=True, rate=16000)
    source.concealer.line = b"\xff" * 160
    assert not source.wide_frame(1.02).any()
