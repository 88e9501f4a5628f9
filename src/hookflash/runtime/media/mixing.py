"""The work of one tick: pull, decode, mix, encode, send.

Rooms in which everybody speaks G.711 are taken together, in one numpy pass over all their legs
(`NarrowMix`). A room with another codec in it is mixed by itself at 16 kHz (`WideMix`).
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from ...audio import g711
from ...audio.mixer import RoomMixer, mix, mix_others
from ...audio.opus import COMPLEXITY
from ...audio.resample import stretch
from ...rtp.packet import HEADER_SIZE
from .stream import MediaStream, Output
from .voice import WIDE_FRAME, WIDE_RATE, Concealer, WideVoice

Pcm = NDArray[np.int16]

_FRAME: Final = 160
_ROW: Final = HEADER_SIZE + _FRAME


def is_narrow(streams: list[MediaStream]) -> bool:
    """True when every stream of the room speaks G.711 both ways."""
    return all(
        stream.plan is None
        or stream.codec is None
        or (stream.plan.codec.name in g711.SILENCE and stream.codec.name in g711.SILENCE)
        for stream in streams
    )


def _takes_part(stream: MediaStream) -> bool:
    return (
        stream.output is Output.CLOCK
        or stream.receiver.jitter is not None
        or stream.spoken is not None
    )


def send_due(stream: MediaStream, now: float) -> bool:
    """A waiting digit takes this tick: True when a telephone-event went out instead of sound."""
    events, plan = stream.events, stream.plan
    if events is None or plan is None or plan.dtmf_send is None:
        return False
    step = events.tick()
    if step is None:
        return False
    if step.first and stream.voice is not None:
        stream.sender.pass_time(stream.voice.drop())
    stream.sender.send_event(step, now)
    return True


class NarrowMix:
    """All G.711 rooms that the clock works for; made anew whenever a room changes."""

    def __init__(self, rooms: list[list[MediaStream]]) -> None:
        self.rows: list[MediaStream] = []
        starts: list[int] = []
        room_of: list[int] = []
        for streams in rooms:
            members = [stream for stream in streams if _takes_part(stream)]
            if members:
                room_of += [len(starts)] * len(members)
                starts.append(len(self.rows))
                self.rows += members
        self._room_of = room_of
        self._mixer = RoomMixer(np.array(starts, np.intp), np.array(room_of, np.intp), _FRAME)
        self._spans = [
            range(start, end)
            for start, end in zip(starts, [*starts[1:], len(room_of)], strict=True)
        ]
        self._build()

    def _build(self) -> None:
        count = len(self.rows)
        ins, outs = [], []
        self._silences: list[bytes] = []
        for stream in self.rows:
            spoken = stream.codec.name if stream.codec is not None else "PCMU"
            heard = stream.plan.codec.name if stream.plan is not None else "PCMU"
            law: g711.Law = spoken if spoken in g711.SILENCE else "PCMU"
            ins.append(g711.DECODE_OFFSET[law])
            outs.append(g711.ENCODE_OFFSET[cast("g711.Law", heard)])
            self._silences.append(bytes([g711.SILENCE[law]]) * _FRAME)
        self._decode_offsets = np.array(ins, np.uint16).reshape(count, 1)
        self._encode_offsets = np.array(outs, np.uint32).reshape(count, 1)
        self._packets = bytearray(count * _ROW)
        self._view = memoryview(self._packets)
        self._payloads = np.frombuffer(self._packets, np.uint8).reshape(count, _ROW)[
            :, HEADER_SIZE:
        ]
        self._concealers = [Concealer() for _ in self.rows]
        self._previous: Pcm = np.zeros((count, _FRAME), np.int16)
        clocked = [
            (i, stream) for i, stream in enumerate(self.rows) if stream.output is Output.CLOCK
        ]
        self._special = [(i, stream) for i, stream in clocked if _is_special(stream)]
        self._speaking = [(i, s.spoken) for i, s in enumerate(self.rows) if s.spoken is not None]
        special = {i for i, _ in self._special}
        self._plain = [(i * _ROW, stream.sender) for i, stream in clocked if i not in special]

    def tick(self, now: float) -> list[MediaStream]:
        """20 ms for every leg. Returns the streams whose prompt or digits may be over."""
        frames = self._pull(now)
        for row, tone in self._speaking:
            frames[row] = tone.frame(8000)
        heard = self._mixer.mix(frames)
        for row, stream in self._special:
            self._hear_special(row, stream, frames, heard)
        self._payloads[:] = g711.encode_rows(heard, self._encode_offsets)
        packets, view = self._packets, self._view
        for start, sender in self._plain:
            sender.send_row(packets, view, start, start + _ROW, now)
        for row, stream in self._special:
            if not send_due(stream, now):
                start = row * _ROW
                stream.sender.send_row(packets, view, start, start + _ROW, now)
        return [stream for _, stream in self._special]

    def _pull(self, now: float) -> Pcm:
        """(legs, 160) samples of what came in."""
        parts: list[bytes] = []
        odd: list[tuple[int, bytes | None]] = []
        silences, concealers = self._silences, self._concealers
        for row, stream in enumerate(self.rows):
            jitter = stream.receiver.jitter
            if jitter is None:
                parts.append(silences[row])
                continue
            line = jitter.pull(now)
            if line is not None and len(line) == _FRAME:
                parts.append(line)
                concealers[row].count = 0
            else:
                parts.append(silences[row])
                if line is not None or not concealers[row].silent:
                    odd.append((row, line))
        octets = np.frombuffer(b"".join(parts), np.uint8).reshape(len(parts), _FRAME)
        frames = g711.decode_rows(octets, self._decode_offsets)
        for row, line in odd:
            frames[row] = self._repair(row, line)
        self._previous = frames
        return frames

    def _repair(self, row: int, line: bytes | None) -> Pcm:
        """A frame of another length, or none."""
        concealer = self._concealers[row]
        if line is None:
            return concealer.fill(self._previous[row])
        concealer.count = 0
        start = int(self._decode_offsets[row, 0])
        samples = g711.DECODE[start : start + 256].take(np.frombuffer(line, np.uint8))
        return stretch(samples, _FRAME)

    def _hear_special(self, row: int, stream: MediaStream, frames: Pcm, heard: Pcm) -> None:
        own = stream.own_sound
        if own is not None:
            heard[row] = own.frame(8000)
        elif stream.silence_to_peer:
            heard[row] = 0
        elif stream.hears is not None:
            span = self._spans[self._room_of[row]]
            chosen = [i for i in span if i != row and self.rows[i].leg_id in stream.hears]
            heard[row] = mix(frames[chosen])


def _is_special(stream: MediaStream) -> bool:
    return (
        stream.own_sound is not None
        or stream.silence_to_peer
        or stream.hears is not None
        or (stream.events is not None and stream.events.active)
    )


class WideMix:
    """One room at 16 kHz."""

    def __init__(self, streams: list[MediaStream], complexity: int = COMPLEXITY) -> None:
        """`complexity`: of the Opus encoders that this room needs, 0 to 10."""
        self.rows = [stream for stream in streams if _takes_part(stream)]
        for stream in self.rows:
            if stream.plan is None:
                continue
            incoming = stream.codec or stream.plan.codec
            outgoing, ptime = stream.plan.codec, stream.plan.ptime
            if stream.voice is None or not stream.voice.fits(incoming, outgoing, ptime):
                stream.voice = WideVoice(incoming, outgoing, ptime, complexity)

    def tick(self, now: float) -> list[MediaStream]:
        """As `NarrowMix.tick`."""
        frames = np.zeros((len(self.rows), WIDE_FRAME), np.int16)
        for row, stream in enumerate(self.rows):
            jitter, voice = stream.receiver.jitter, stream.voice
            if stream.spoken is not None:
                frames[row] = stream.spoken.frame(WIDE_RATE)
            elif jitter is not None and voice is not None:
                frames[row] = voice.decode(jitter.pull(now))
        everybody = mix_others(frames)
        special = []
        for row, stream in enumerate(self.rows):
            voice = stream.voice
            if stream.output is not Output.CLOCK or voice is None:
                continue
            if _is_special(stream):
                special.append(stream)
            heard = self._heard(row, stream, frames, everybody)
            if send_due(stream, now):
                continue
            for payload in voice.encode(heard):
                stream.sender.send(payload, now)
        return special

    def _heard(self, row: int, stream: MediaStream, frames: Pcm, everybody: Pcm) -> Pcm:
        own = stream.own_sound
        if own is not None:
            return own.frame(WIDE_RATE)
        if stream.silence_to_peer:
            return np.zeros(WIDE_FRAME, np.int16)
        if stream.hears is not None:
            ids = stream.hears
            rows = self.rows
            chosen = [i for i, other in enumerate(rows) if i != row and other.leg_id in ids]
            return mix(frames[chosen])
        result: Pcm = everybody[row]
        return result
