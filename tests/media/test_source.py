"""One stream that comes in: heard by the room, with a jitter buffer while somebody is mixed it."""

from __future__ import annotations

import numpy as np

from hookflash.audio.tone_bank import hears
from hookflash.audio.tones import ToneBook, TonePlayer, cadence
from hookflash.media.receiver import Receiver
from hookflash.media.source import Source
from hookflash.testing.media import CODECS

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
    source.buffer(wanted=True)
    assert source.concealer is not None
    source.concealer.line = b"\x80\x00" * 80
    peaks = [int(np.abs(source.wide_frame(1 + tick / 50)).max()) for tick in range(5)]
    assert peaks[0] > peaks[1] > peaks[2] > 0
    assert peaks[4] == 0
