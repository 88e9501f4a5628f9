"""Who hears whom on a running carrier: telephones and legs in every pairing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest

from hookflash.audio.elastic_buffer import LIMIT
from hookflash.audio.tone_bank import Pcm, hears
from hookflash.base.ids import Ids
from hookflash.carrier.conversation import Voice
from hookflash.carrier.person import Person
from hookflash.carrier.recording import Recording
from hookflash.carrier.sound import Sound, Sounds
from hookflash.carrier.speech import PEAK, RATE, Speech
from hookflash.carrier.voices import Voices
from hookflash.sdp.codecs import PREFERRED
from hookflash.sdp.plan import Codec, CodecName, MediaPlan

ANNA, BERT = Voice("PH_anna", 330.0), Voice("PH_bert", 550.0)
ONE, TWO = Voice("SCL_one"), Voice("SCL_two")
Test = Callable[[Voices, Sounds], Awaitable[None]]


def tone(frequency: float, seconds: float) -> Pcm:
    at = np.arange(round(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * frequency * at) * 8000).astype(np.int16)


def run(test: Test) -> None:
    async def main() -> None:
        sounds = Sounds(Ids(random.Random(1)))
        try:
            await test(Voices(sounds, lambda *_: None), sounds)
        finally:
            sounds.stop()

    asyncio.run(main())


def peer(
    voices: Voices, sounds: Sounds, leg: Voice, tone: float, codec: CodecName, ptime: int = 20
) -> Sound:
    """Somebody at the other end of a leg, who says a tone; `ptime` of what goes there."""
    local = voices.open(leg.id, "127.0.0.1")
    other = sounds.open(tone)
    agreed = PREFERRED[codec]
    for apply, remote in (
        (other.apply, local),
        (lambda plan: voices.apply(leg.id, plan), other.local),
    ):
        rtp, rtcp = (remote.address, remote.port), (remote.address, remote.rtcp_port)
        plan = MediaPlan(rtp, rtcp, agreed, {agreed.payload_type: agreed})
        apply(plan if apply == other.apply else replace(plan, ptime=ptime))
    return other


def test_two_telephones() -> None:
    async def test(voices: Voices, sounds: Sounds) -> None:
        voices.join(ANNA, BERT)
        anna, bert = voices.heard_by(ANNA.id), voices.heard_by(BERT.id)
        assert anna is not None
        assert bert is not None
        await anna.hears(550, 2.0)
        await bert.hears(330, 2.0)
        voices.part(BERT.id)
        assert voices.heard_by(ANNA.id) is None
        assert anna.closed
        assert bert.closed

    run(test)


def test_a_telephone_and_a_leg() -> None:
    async def test(voices: Voices, sounds: Sounds) -> None:
        far = peer(voices, sounds, ONE, 1000, "PCMU")
        voices.join(ANNA, ONE)
        anna = voices.heard_by(ANNA.id)
        assert anna is not None
        await anna.hears(1000, 2.0)
        await far.hears(330, 2.0)
        voices.join(BERT, ONE)
        assert voices.heard_by(ANNA.id) is None
        await far.hears(550, 2.0)
        await far.misses(330, 2.0)
        voices.part(ONE.id)
        await far.misses(550, 2.0)
        voices.close(ONE.id)
        voices.close(ONE.id)
        assert anna.closed

    run(test)


@pytest.mark.parametrize(
    ("one", "other", "ptime"),
    [
        ("PCMU", "PCMU", 20),
        ("PCMU", "PCMA", 20),
        ("opus", "opus", 20),
        ("PCMA", "opus", 20),
        ("PCMU", "opus", 60),
    ],
)
def test_two_legs(one: CodecName, other: CodecName, ptime: int) -> None:
    """They hear each other, as loud as each is (2 dB); packets are as long as each leg's are."""

    async def test(voices: Voices, sounds: Sounds) -> None:
        first = peer(voices, sounds, ONE, 330, one)
        second = peer(voices, sounds, TWO, 550, other, ptime)
        voices.join(ONE, TWO)
        await first.hears(550, 2.0)
        await second.hears(330, 2.0)
        await first.misses(1000, 2.0)
        await second.misses(1000, 2.0)
        assert first.level(550) == pytest.approx(PEAK, rel=0.2)
        assert second.level(330) == pytest.approx(PEAK, rel=0.2)
        assert second.packets.lost == 0
        said, heard = second.packets.sent, second.packets.received
        assert heard - 2 <= said * 20 // ptime + 2
        voices.part(TWO.id)
        await first.misses(550, 2.0)
        await second.misses(330, 2.0)

    run(test)


def test_keys_and_tones_by_themselves() -> None:
    async def main() -> None:
        sounds = Sounds(Ids(random.Random(1)))
        keys: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        voices = Voices(sounds, lambda end, digit: keys.put_nowait((end, digit)))
        try:
            voices.join(ANNA, BERT)
            voices.press(ANNA.id, "1#")
            voices.say(ANNA.id, 700)
            async with asyncio.timeout(5):
                assert [await keys.get(), await keys.get()] == [(BERT.id, "1"), (BERT.id, "#")]
            bert = voices.heard_by(BERT.id)
            assert bert is not None
            await bert.hears(700, 2.0)
            voices.part(ANNA.id)
            voices.press(ANNA.id, "2")
            voices.say(ANNA.id, 330)
        finally:
            sounds.stop()

    asyncio.run(main())


def test_a_speech_goes_on_where_it_is_by_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not connected misses a part, and does not hear it from its beginning again."""

    async def test(voices: Voices, sounds: Sounds) -> None:
        now = 100.0
        monkeypatch.setattr(sounds, "now", lambda: now)
        speech = Speech(np.concatenate([tone(700, 10.0), tone(900, 10.0)]))
        anna = Voice(ANNA.id, 0.0, speech)

        async def bert_hears(frequency: float) -> None:
            voices.join(anna, BERT)
            bert = voices.heard_by(BERT.id)
            assert bert is not None
            await bert.hears(frequency, 2.0)
            voices.part(BERT.id)

        await bert_hears(700)
        now += 10.0
        await bert_hears(900)
        voices.forget(ANNA.id)
        await bert_hears(700)
        now += 10.0
        other = Speech(tone(1200, 10.0))
        anna = Voice(ANNA.id, 0.0, other)
        await bert_hears(1200)
        far = peer(voices, sounds, ONE, 1000, "PCMU")
        voices.join(anna, ONE)
        await far.hears(1200, 2.0)
        voices.say(ANNA.id, 0.0, speech)
        await far.hears(700, 2.0)
        voices.say(ANNA.id, 500.0)
        await far.hears(500, 2.0)

    run(test)


def test_what_a_telephone_hears_is_recorded_while_it_is_connected() -> None:
    async def main() -> None:
        sounds = Sounds(Ids(random.Random(1)))
        recording = Recording(sounds.now())
        found = {BERT.id: recording}
        voices = Voices(sounds, lambda *_: None, recording=found.get)
        try:
            voices.join(ANNA, BERT)
            bert, anna = voices.heard_by(BERT.id), voices.heard_by(ANNA.id)
            assert bert is not None
            assert anna is not None
            assert anna.recording is None
            await bert.hears(330, 2.0)
            assert hears(recording.samples[-800:], 330, 8000)
            voices.part(BERT.id)
            assert bert.recording is None
        finally:
            sounds.stop()

    asyncio.run(main())


def test_what_is_not_there_is_passed_over() -> None:
    async def test(voices: Voices, sounds: Sounds) -> None:
        plan = MediaPlan(("127.0.0.1", 9), ("127.0.0.1", 9), Codec("PCMU", 0, 8000))
        voices.apply("SCL_gone", plan)
        voices.part("SCL_gone")
        voices.join(ANNA, ONE)
        assert voices.heard_by(ANNA.id) is None
        voices.join(ONE, TWO)
        voices.close(TWO.id)

    run(test)


def test_a_person_at_a_telephone_wherever_it_is_connected() -> None:
    """With another telephone, then with a leg, and when he is gone it says its tone."""

    async def main() -> None:
        sounds = Sounds(Ids(random.Random(1)))
        heard: list[Pcm] = []
        people = {ANNA.id: Person(heard.append)}
        voices = Voices(sounds, lambda *_: None, person=people.get)
        people[ANNA.id].says(tone(770, 0.2))  # nobody hears that
        voices.join(ANNA, BERT)
        people[ANNA.id].says(tone(400, LIMIT / RATE))
        voices.attend(ANNA.id)  # as before: nothing of what he says is lost
        bert = voices.heard_by(BERT.id)
        assert bert is not None
        await bert.hears(400, 2.0)
        assert not bert.hears_now(330)
        assert hears(np.concatenate(heard), 550, RATE)
        far = peer(voices, sounds, ONE, 1000, "PCMA")
        voices.join(ANNA, ONE)
        heard.clear()
        people[ANNA.id].says(tone(400, LIMIT / RATE))
        await far.hears(400, 2.0)
        assert hears(np.concatenate(heard), 1000, RATE)
        del people[ANNA.id]
        voices.attend(ANNA.id)
        voices.attend(BERT.id)  # who is in no call
        heard.clear()
        await far.hears(330, 2.0)
        assert heard == []
        voices.part(ANNA.id)
        sounds.stop()

    asyncio.run(main())
