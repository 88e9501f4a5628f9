"""Each codec carries a tone at its level, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from hookflash.audio.codecs import AudioCodec, Opus, make_codec
from hookflash.audio.tone_bank import amplitude


@pytest.mark.parametrize(
    ("name", "rate", "size"),
    [("PCMU", 8000, 160), ("PCMA", 8000, 160), ("G722", 16000, 160), ("opus", 16000, None)],
)
def test_a_tone_comes_through(name: str, rate: int, size: int | None) -> None:
    codec = make_codec(name)
    assert codec.rate == rate
    count = rate // 50
    time = np.arange(50 * count) / rate
    tone = (10000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)
    out = []
    for start in range(0, len(tone), count):
        payload = codec.encode(tone[start : start + count])
        if size is not None:
            assert len(payload) == size
        if payload:
            out.append(codec.decode(payload))
            assert len(out[-1]) == count
    heard = np.concatenate(out)
    assert len(heard) >= 45 * count
    assert amplitude(heard[10 * count : 40 * count], 1000, rate) == pytest.approx(10000, rel=0.1)


@pytest.mark.parametrize("name", ["G722", "opus"])
def test_an_unreadable_payload_raises_nothing(name: str) -> None:
    codec = make_codec(name)
    for payload in (b"\xff", b"\xff" * 7, bytes(range(256))):
        assert codec.decode(payload).dtype == np.int16


def test_opus_conceals_and_recovers_any_number_of_samples() -> None:
    codec = Opus(fec=True)
    sound = (8000 * np.sin(2 * np.pi * 300 * np.arange(3200) / 16000)).astype(np.int16)
    packets = [codec.encode(sound[at : at + 320]) for at in range(0, 3200, 320)]
    for packet in packets[:8]:
        codec.decode(packet)
    for samples in (1, 13, 320, 960):
        assert len(codec.conceal(samples)) == samples
        assert len(codec.recover(packets[9], samples)) == samples
        assert len(codec.recover(b"\x03", samples)) == samples, "unreadable: concealed"


def test_opus_at_another_complexity_and_for_a_peer_that_recovers() -> None:
    sound = (8000 * np.sin(2 * np.pi * 300 * np.arange(3200) / 16000)).astype(np.int16)

    def size(codec: AudioCodec) -> int:
        return sum(len(codec.encode(sound[at : at + 320])) for at in range(0, 3200, 320))

    plain = size(make_codec("opus"))
    assert size(make_codec("opus", 10)) != plain
    assert size(make_codec("opus", fec=True)) > 1.2 * plain


def test_opus_takes_24_kbit_s_and_little_effort() -> None:
    """webrtc.md §6: what a telephone says is coded so for clients."""
    noise = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)

    def said(codec: AudioCodec) -> list[bytes]:
        return [codec.encode(noise[at : at + 160]) for at in range(0, 8000, 160)]

    plain = said(make_codec("opus", rate=8000))
    assert 18_000 < 8 * sum(map(len, plain)) < 28_000
    assert plain in [said(make_codec("opus", effort, rate=8000)) for effort in (0, 1, 2)]


def test_an_unknown_codec() -> None:
    with pytest.raises(ValueError, match="G729"):
        make_codec("G729")
