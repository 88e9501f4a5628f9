"""The work of one tick: pull, decode, mix, encode, send.

Rooms that are mixed at 8 kHz are taken together, in one numpy pass over all their phones
(`NarrowMix`); G.722 and Opus are decoded into its rows, and encoded out of them, one by one. A
room in which one wideband phone hears another is mixed by itself at 16 kHz (`WideMix`). Neither
has a memory of its own: what a source said last and what a sink was sent is theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..audio import g711
from ..audio.mixer import RoomMixer, mix, mix_others
from ..audio.opus import COMPLEXITY
from ..audio.tones import TonePlayer
from ..rtp.packet import HEADER_SIZE
from ..sdp.plan import Codec
from .concealer import Concealer
from .routes import Bridge, hears
from .rows import Rows
from .sender import Sender
from .sink import Sink
from .source import Source
from .speakers import levels_of
from .voice import NARROW_FRAME, NARROW_RATE, WIDE_FRAME, WIDE_RATE, FrameEncoder

Pcm = NDArray[np.int16]
Seat = tuple[Source | None, Sink | None]
"""What has one row: a phone's source and its sink, or one alone."""
SendRow = Callable[[bytearray, memoryview, int, int, float], None]
"""`Sender.send_row`."""

_ROW: Final = HEADER_SIZE + NARROW_FRAME
_KEPT: Final = 64
"""The most rows that an empty matrix keeps: 0.3 MB."""
_SILENT: Final[dict[g711.Law, bytes]] = {
    law: bytes([octet]) * NARROW_FRAME for law, octet in g711.SILENCE.items()
}


def seats(bridge: Bridge) -> list[Seat]:
    """The rows of a room: whoever is heard in the mix or hears it."""
    sinks = {sink.own: sink for sink in bridge.sinks if sink.own is not None}
    found: list[Seat] = [(source, sinks.get(source)) for source in bridge.sources]
    found += [(None, sink) for sink in bridge.sinks if sink.own is None]
    return [seat for seat in found if _takes_part(*seat)]


def _takes_part(source: Source | None, sink: Sink | None) -> bool:
    if sink is not None and sink.clocked:
        return True
    return source is not None and (source.spoken is not None or source.concealer is not None)


def _chosen(sink: Sink, room: list[Seat]) -> list[int] | None:
    """The seats that the sink hears; None where it hears all but its own."""
    if sink.hears is None and not sink.hears_nobody:
        return None
    return [i for i, (source, _) in enumerate(room) if source is not None and hears(sink, source)]


def _is_special(sink: Sink) -> bool:
    """True when the sink does not just hear the room."""
    return sink.hears_nobody or sink.hears is not None or _plays(sink)


def _plays(sink: Sink) -> bool:
    """True when it has digits, a tone or a recording of its own."""
    return sink.player.pressing or sink.player.sound is not None


def _split(room: list[Seat]) -> tuple[list[Seat], dict[int, Sink]]:
    """The seats that get rows; and of the others, which are sent one seat's sound and nothing else
    in a codec of their own, the sink by the number of that seat: they are encoded from its row."""
    rows: list[Seat] = []
    copied: dict[int, Sink] = {}
    for seat in room:
        source, sink = seat
        chosen = _chosen(sink, room) if source is None and sink is not None else None
        if (
            sink is None
            or chosen is None
            or len(chosen) != 1
            or chosen[0] in copied
            or _is_g711(sink.codec)
            or _plays(sink)
        ):
            rows.append(seat)
        else:
            copied[chosen[0]] = sink
    return rows, copied


class NarrowMix:
    """All rooms at 8 kHz that the clock works for, in the rows of one matrix. A room that changes
    is placed anew, and that alone.

    The rows of G.711 are decoded and encoded together. In the rows of other codecs that makes
    silence and octets for nobody, which costs less than to leave them out; their own sound is put
    over it, or sent instead.
    """

    def __init__(self, complexity: int = COMPLEXITY) -> None:
        """`complexity`: of Opus encoders, 0 to 10."""
        self._complexity = complexity
        self._begin(Rows(), 0)
        self._rooms: dict[Bridge, range] = {}

    def _begin(self, rows: Rows, capacity: int) -> None:
        """An empty matrix."""
        self._rows = rows
        self._pulled: dict[int, tuple[Callable[[float], bytes | None], Concealer]] = {}
        self._decoded: dict[int, tuple[Callable[[float], bytes | None], Concealer]] = {}
        """As `_pulled`, where what comes in is samples already."""
        self._speaking: dict[int, TonePlayer] = {}
        self._plain: dict[int, tuple[SendRow, int, int]] = {}
        self._encoded: dict[int, tuple[Sender, FrameEncoder]] = {}
        self._copied: dict[int, tuple[Sink, FrameEncoder]] = {}
        """Who is sent what came in for that row, without the others."""
        self._special: dict[int, tuple[Sink, FrameEncoder | None, list[int] | None]] = {}
        self._lines: list[bytes] = []
        """What came in for each row, silence where nothing did."""
        self._silences: list[bytes] = []
        self._decode_offsets = np.zeros((0, 1), np.uint16)
        self._encode_offsets = np.zeros((0, 1), np.uint32)
        self._allocate(capacity)

    def _allocate(self, capacity: int) -> None:
        """Have that many rows; those in use stay what they are."""
        more = ((0, capacity - len(self._decode_offsets)), (0, 0))
        self._decode_offsets = np.pad(self._decode_offsets, more)
        self._encode_offsets = np.pad(self._encode_offsets, more)
        self._codec = g711.RowCodec(capacity, NARROW_FRAME)
        self._mixer = RoomMixer(capacity, NARROW_FRAME)
        self._packets = bytearray(capacity * _ROW)
        self._view = memoryview(self._packets)
        table = np.frombuffer(self._packets, np.uint8).reshape(capacity, _ROW)
        self._payloads = table[:, HEADER_SIZE:]

    # --- rooms ----------------------------------------------------------------------------------

    def place(self, bridge: Bridge) -> None:
        """Take a room up, or see what has changed in it."""
        room, copied = _split(seats(bridge))
        rows = self._rooms.get(bridge)
        if rows is None or len(rows) != len(room):
            self.drop(bridge)
            if not room:
                return
            rows = self._rooms[bridge] = self._rows.take(len(room))
            self._extend(len(self._rows))
        else:
            self._clear(rows)
        for row, (source, sink) in zip(rows, room, strict=True):
            self._seat(row, source, sink, rows.start, room)
        for seat, sink in copied.items():
            if sink.codec is not None:
                encoder = sink.encoder_for(sink.codec, NARROW_RATE, self._complexity)
                self._copied[rows.start + seat] = (sink, encoder)

    def drop(self, bridge: Bridge) -> None:
        """The clock does not work for it any more; what does not stand here is passed over."""
        rows = self._rooms.pop(bridge, None)
        if rows is None:
            return
        self._clear(rows)
        self._rows.give_back(rows)
        if not self._rooms:
            self._empty()
        elif self._rows.sparse:
            rooms = list(self._rooms)
            self._rooms.clear()
            self._begin(Rows(), len(self._decode_offsets) // 2)
            for other in rooms:
                self.place(other)

    def _empty(self) -> None:
        """The last room has gone. A small matrix waits for the next one: where calls are few, one
        would else be made for nearly each of them."""
        if len(self._decode_offsets) > _KEPT:
            self._begin(Rows(), 0)
            return
        self._rows = Rows()
        self._lines.clear()
        self._silences.clear()

    def _extend(self, count: int) -> None:
        """Have at least that many rows."""
        if count > len(self._decode_offsets):
            self._allocate(max(16, 2 * count))
        while len(self._lines) < count:
            self._lines.append(_SILENT["PCMU"])
            self._silences.append(_SILENT["PCMU"])

    def _clear(self, rows: range) -> None:
        """Silence in these rows, and nobody who hears them."""
        for row in rows:
            self._pulled.pop(row, None)
            self._decoded.pop(row, None)
            self._speaking.pop(row, None)
            self._plain.pop(row, None)
            self._encoded.pop(row, None)
            self._copied.pop(row, None)
            self._special.pop(row, None)
            self._decode_offsets[row] = 0
            self._lines[row] = self._silences[row] = _SILENT["PCMU"]

    def _seat(
        self, row: int, source: Source | None, sink: Sink | None, first: int, room: list[Seat]
    ) -> None:
        if source is not None:
            law = _law(source.codec)
            self._decode_offsets[row] = g711.DECODE_OFFSET[law]
            self._lines[row] = self._silences[row] = _SILENT[law]
            jitter, concealer = source.receiver.jitter, source.concealer
            if jitter is not None and concealer is not None:
                pulled = self._pulled if _is_g711(source.codec) else self._decoded
                pulled[row] = (jitter.pull, concealer)
            if source.spoken is not None:
                self._speaking[row] = source.spoken
        if sink is None or sink.codec is None or not sink.clocked:
            return
        self._encode_offsets[row] = g711.ENCODE_OFFSET[_law(sink.codec)]
        encoder = None
        if _is_g711(sink.codec):
            sink.encoder = None
        else:
            encoder = sink.encoder_for(sink.codec, NARROW_RATE, self._complexity)
        if _is_special(sink):
            chosen = _chosen(sink, room)
            rows = None if chosen is None else [first + seat for seat in chosen]
            self._special[row] = (sink, encoder, rows)
        elif encoder is not None:
            self._encoded[row] = (sink.sender, encoder)
        else:
            start = row * _ROW
            self._plain[row] = (sink.sender.send_row, start, start + _ROW)

    # --- the tick -------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Sink]:
        """20 ms for every phone. Returns the sinks whose recording or digits may be over."""
        if not self._rooms:
            return []
        frames = self._pull(now)
        for row, tone in self._speaking.items():
            frames[row] = tone.frame(NARROW_RATE)
        if self._copied:
            self._send_copies(frames, now)
        heard = self._mixer.mix(frames, self._rows.layout)
        for row, (sink, _, chosen) in self._special.items():
            sound = sink.player.sound
            if sound is not None:
                heard[row] = sound.frame(NARROW_RATE)
            elif chosen is not None:
                heard[row] = mix(frames[chosen])
        count = len(frames)
        self._payloads[:count] = self._codec.encode(heard, self._encode_offsets[:count])
        packets, view = self._packets, self._view
        for send_row, start, end in self._plain.values():
            send_row(packets, view, start, end, now)
        for row, (sender, encoder) in self._encoded.items():
            _send(sender, encoder.encode(heard[row]), now)
        for row, (sink, own, _) in self._special.items():
            if sink.send_event(now):
                continue
            if own is not None:
                _measure(sink, heard[row])
                _send(sink.sender, own.encode(heard[row]), now)
            else:
                start = row * _ROW
                sink.sender.send_row(packets, view, start, start + _ROW, now)
        return [sink for sink, _, _ in self._special.values()]

    def _send_copies(self, frames: Pcm, now: float) -> None:
        """What came in for a row, to who is sent that alone."""
        levels = levels_of(frames[list(self._copied)])
        for (row, (sink, encoder)), level in zip(self._copied.items(), levels, strict=True):
            if sink.measured is not None:
                sink.measured(level)
            _send(sink.sender, encoder.encode(frames[row]), now)

    def _pull(self, now: float) -> Pcm:
        """(rows, 160) samples of what came in."""
        lines = self._lines
        odd: list[tuple[int, Pcm]] = []
        for row, (pull, concealer) in self._pulled.items():
            line = pull(now)
            if line is not None and len(line) == NARROW_FRAME:
                lines[row] = concealer.line = line
                continue
            lines[row] = self._silences[row]
            if line is not None:  # some samples more or fewer
                concealer.line = line
                odd.append((row, concealer.decode(line)))
            elif not concealer.silent:
                odd.append((row, concealer.fill()))
        for row, (pull, concealer) in self._decoded.items():
            line = pull(now)
            if line is not None:
                concealer.line = line
                odd.append((row, concealer.decode(line)))
            elif not concealer.silent:
                odd.append((row, concealer.fill()))
        octets = np.frombuffer(b"".join(lines), np.uint8).reshape(len(lines), NARROW_FRAME)
        frames = self._codec.decode(octets, self._decode_offsets[: len(lines)])
        for row, frame in odd:
            frames[row] = frame
        return frames


def _measure(sink: Sink, frame: Pcm) -> None:
    if sink.measured is not None:
        sink.measured(levels_of(frame[np.newaxis])[0])


def _send(sender: Sender, payloads: list[bytes], now: float) -> None:
    for payload in payloads:
        sender.send(payload, now)


def _is_g711(codec: Codec | None) -> bool:
    return codec is not None and codec.name in g711.SILENCE


def _law(codec: Codec | None) -> g711.Law:
    """That of a row; of one that is not decoded or encoded with the others, either."""
    return "PCMA" if codec is not None and codec.name == "PCMA" else "PCMU"


class WideMix:
    """One room at 16 kHz."""

    def __init__(self, bridge: Bridge, complexity: int = COMPLEXITY) -> None:
        """`complexity`: of the Opus encoders that this room needs, 0 to 10."""
        self._room = seats(bridge)
        self._sinks: list[tuple[int, Sink, FrameEncoder, list[int] | None]] = []
        for row, (_, sink) in enumerate(self._room):
            if sink is None or sink.codec is None or not sink.clocked:
                continue
            encoder = sink.encoder_for(sink.codec, WIDE_RATE, complexity)
            self._sinks.append((row, sink, encoder, _chosen(sink, self._room)))
        self._special = [sink for _, sink, _, _ in self._sinks if _is_special(sink)]

    def tick(self, now: float) -> list[Sink]:
        """As `NarrowMix.tick`."""
        frames = np.zeros((len(self._room), WIDE_FRAME), np.int16)
        for row, (source, _) in enumerate(self._room):
            if source is not None:
                frames[row] = source.wide_frame(now)
        everybody = mix_others(frames)
        for row, sink, encoder, chosen in self._sinks:
            sound = sink.player.sound
            if sound is not None:
                heard = sound.frame(WIDE_RATE)
            else:
                heard = everybody[row] if chosen is None else mix(frames[chosen])
            if sink.send_event(now):
                continue
            _measure(sink, heard)
            _send(sink.sender, encoder.encode(heard), now)
        return self._special
