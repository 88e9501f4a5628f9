"""A client's audio track: its packets, whatever SSRC they come with."""

from __future__ import annotations

from hookflash.media.published import PublishedAudio
from hookflash.media.subscriptions import OPUS
from hookflash.rtp.packet import RtpPacket
from hookflash.sdp.plan import Codec


def say(track: PublishedAudio, sequence: int, *, ssrc: int = 7, kind: int = 111) -> None:
    packet = RtpPacket(kind, sequence, 960 * sequence, ssrc, b"sound").encode()
    track.packet(bytearray(packet), sequence / 50)


def test_the_others_are_told_once_when_its_sound_begins() -> None:
    told: list[str] = []
    dropped = {"unknown_payload": 0}
    track = PublishedAudio(
        {111: OPUS}, lambda: told.append("begun"), lambda: told.append("codec"), dropped
    )
    assert track.source.audible
    say(track, 1, kind=63)
    assert told == [], "not one of the agreed payload types"
    assert dropped == {"unknown_payload": 1}
    say(track, 1)
    say(track, 2)
    assert told == ["begun"]
    assert track.source.receiver.received == 2
    say(track, 9, ssrc=8)
    assert track.source.receiver.ssrc == 8
    assert told == ["begun"]


def test_another_agreed_codec_is_told() -> None:
    told: list[str] = []
    codecs = {111: OPUS, 0: Codec("PCMU", 0, 8000)}
    track = PublishedAudio(codecs, lambda: None, lambda: told.append("codec"), {})
    say(track, 1)
    say(track, 2, kind=0)
    assert told == ["codec"]


def test_one_that_is_over_asks_nobody() -> None:
    track = PublishedAudio({111: OPUS}, lambda: None, lambda: None, {})
    say(track, 1)
    track.release()
    say(track, 2, ssrc=9)
    assert track.source.receiver.ssrc == 7
