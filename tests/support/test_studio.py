"""The table studio itself."""

from __future__ import annotations

import pytest
from tests.support.studio import Studio, TablePair

from hookflash.audio.tone_bank import amplitude


def test_a_pair_delivers_and_keeps() -> None:
    pair = TablePair(4000)
    got: list[tuple[int, object]] = []
    buffer = bytearray(100)
    pair.watch(lambda: got.append(pair.receive(buffer)), lambda: None)
    pair.deliver(b"abc", ("192.0.2.1", 9))
    assert got == [(3, ("192.0.2.1", 9))]
    with pytest.raises(BlockingIOError):
        pair.receive(buffer)
    with pytest.raises(BlockingIOError):
        pair.receive_rtcp()
    pair.send(memoryview(b"xyz"), ("192.0.2.2", 8))
    assert pair.sent == [(b"xyz", ("192.0.2.2", 8))]
    pair.close()
    assert pair.closed


def test_two_phones_on_the_table() -> None:
    studio = Studio()
    ann, bob = studio.phone(), studio.phone()
    for _ in range(30):
        ann.hum(440)
        studio.tick()
    assert amplitude(bob.sound(20), 440, 8000) > 7000
    bob.clear()
    assert not len(bob.sound())
    studio.close()
    assert ann.pair.closed


def test_a_codec_that_still_gathers_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio()
    ann = studio.phone()
    monkeypatch.setattr(type(ann._voice), "encode", lambda self, samples: b"")
    ann.hum(440)
    assert ann.sequence == 100
    studio.close()
