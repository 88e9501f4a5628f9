"""G.711 against the definition of its laws and against PyAV's own."""

from __future__ import annotations

from typing import cast

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext

from hookflash.audio import g711

ALL = np.arange(256, dtype=np.uint8)
SAMPLES = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)


@pytest.mark.parametrize(("law", "name"), [("PCMU", "pcm_mulaw"), ("PCMA", "pcm_alaw")])
def test_decoding_agrees_with_ffmpeg(law: g711.Law, name: str) -> None:
    context = cast("AudioCodecContext", av.CodecContext.create(name, "r"))
    context.sample_rate = 8000
    context.layout = "mono"
    (frame,) = context.decode(av.Packet(ALL.tobytes()))
    assert (g711.decode(law, ALL) == frame.to_ndarray().reshape(-1)).all()


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_encoding_takes_the_nearest_level(law: g711.Law) -> None:
    levels = g711.decode(law, ALL).astype(np.int32)
    chosen = g711.decode(law, g711.encode(law, SAMPLES)).astype(np.int32)
    wide = SAMPLES.astype(np.int32)
    best = np.abs(wide[:, None] - levels[None, :]).min(axis=1)
    assert (np.abs(chosen - wide) == best).all()


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_a_second_generation_loses_nothing(law: g711.Law) -> None:
    once = g711.decode(law, ALL)
    assert (g711.decode(law, g711.encode(law, once)) == once).all()


def test_silence() -> None:
    quiet = np.zeros(160, np.int16)
    assert g711.encode("PCMU", quiet).tobytes() == b"\xff" * 160
    assert abs(int(g711.decode("PCMA", bytes([g711.SILENCE["PCMA"]]))[0])) <= 8


def test_rows_of_different_laws_in_one_batch() -> None:
    frames = np.stack([SAMPLES[100:260], SAMPLES[40000:40160]])
    encode = np.array([[g711.ENCODE_OFFSET["PCMU"]], [g711.ENCODE_OFFSET["PCMA"]]], np.uint32)
    decode = np.array([[g711.DECODE_OFFSET["PCMU"]], [g711.DECODE_OFFSET["PCMA"]]], np.uint16)
    rows = g711.RowCodec(5, 160)
    octets = rows.encode(frames, encode)
    assert (octets[0] == g711.encode("PCMU", frames[0])).all()
    assert (octets[1] == g711.encode("PCMA", frames[1])).all()
    back = rows.decode(octets, decode)
    assert (back[0] == g711.decode("PCMU", octets[0])).all()
    assert (back[1] == g711.decode("PCMA", octets[1])).all()
