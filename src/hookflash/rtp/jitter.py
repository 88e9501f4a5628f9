"""The jitter buffer: packets in as they come, one frame out at every tick of the clock.

The delay is steered by one figure, the margin: how long before its turn a packet came. Over a
few seconds the smallest margin is to be `GUARD_MS`. Too small (or packets late): the line is
played a little slower until the delay has grown; too large: a little faster; in silence by
more than a little. The same rule follows jitter and a sender whose crystal differs from ours,
without ever leaving a gap: a frame is then made of some samples more or fewer than usual, and the
consumer stretches it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

FRAME_MS: Final = 20
MIN_DELAY_MS: Final = 20.0
MAX_DELAY_MS: Final = 120.0
START_DELAY_MS: Final = 30.0
GUARD_MS: Final = 28.0
"""The smallest margin wanted: a frame is taken whole, so what comes in its middle must be there
up to 20 ms before its turn; and the clock itself may be 8 ms late."""

_STEP_MS: Final = 0.5
"""Largest change of one frame's length: 2.5 %, not heard as a change of pitch."""
_QUIET_STEP_MS: Final = 5.0
"""The same after a quiet frame: whoever speaks in turns is nearly never played faster or slower."""
_QUIET: Final = 128
"""Largest sample (int16) of a quiet frame, -48 dBov."""
_QUIET_CODE: Final = 16
"""The same as a code of G.711, without its sign and counted from silence."""
_WINDOW: Final = 200
"""Frames (4 s) over which margins are gathered before the delay is judged."""
_LOOK: Final = 50
"""Frames after which the delay is judged already where it is to grow and nobody speaks."""
_SLACK_MS: Final = 1.0
_OVERFLOW_MS: Final = 280.0
_JUMP_MS: Final = 2000.0
_IDLE_FRAMES: Final = 5


class Repair(Protocol):
    """The decoder of a codec that makes sound for lost packets itself (Opus: RFC 6716 §4.4), by the
    count of samples."""

    def conceal(self, samples: int) -> NDArray[np.int16]:
        """For a loss, from what was decoded before it."""
        ...

    def recover(self, payload: bytes, samples: int) -> NDArray[np.int16]:
        """For a loss just before `payload`, from what that packet has of it, if anything."""
        ...


class JitterBuffer:
    """One leg's packets between network and mixer.

    `clock`: RTP ticks per second. `decode`: turns a payload into `octets_per_ms` octets for each
    millisecond, in the order of play (for codecs with state); None where the payload itself is
    that line (G.711: 8 octets a millisecond). `unit`: octets of one sample of that line, `silence`
    a silent one. `repair`: makes the sound for what is lost; None: the end of what was played once
    more, or nothing where a whole frame is missing.
    """

    __slots__ = (
        "_count",
        "_decode",
        "_empty",
        "_first_at",
        "_frame_octets",
        "_frame_ticks",
        "_held",
        "_low",
        "_next",
        "_octets_per_ms",
        "_owed",
        "_packet_octets",
        "_packets",
        "_played",
        "_pulled",
        "_pulls",
        "_repair",
        "_rest",
        "_running",
        "_silence",
        "_suspect",
        "_ticks_per_ms",
        "_total",
        "_unit",
        "concealed",
        "duplicates",
        "late",
        "skipped",
    )

    def __init__(
        self,
        clock: int = 8000,
        octets_per_ms: int = 8,
        unit: int = 1,
        decode: Callable[[bytes], bytes] | None = None,
        silence: bytes = b"\xff",
        repair: Repair | None = None,
    ) -> None:
        self._ticks_per_ms = clock // 1000
        self._octets_per_ms = octets_per_ms
        self._unit = unit
        self._decode = decode
        self._silence = silence
        self._repair = repair
        self._frame_ticks = FRAME_MS * self._ticks_per_ms
        self._frame_octets = self._packet_octets = FRAME_MS * octets_per_ms
        self.late = 0
        self.duplicates = 0
        self.concealed = 0
        """Frames for which nothing was there."""
        self.skipped = 0
        """Times that too much had piled up and was thrown away."""
        self.restart()

    def restart(self) -> None:
        """Forget the stream: another SSRC, another source, another codec."""
        self._packets: dict[int, bytes] = {}
        self._rest = self._played = b""
        self._next = 0
        self._running = False
        self._first_at = -1.0
        self._pulled = 0.0
        self._held = 0
        self._empty = 0
        self._suspect = -1
        self._begin_window(0.0)

    def _begin_window(self, owed: float) -> None:
        self._owed = owed
        self._low = 1e9
        self._total = 0.0
        self._count = 0
        self._pulls = 0

    def change_rate(self, octets_per_ms: int, convert: Callable[[bytes], bytes]) -> None:
        """From now on `decode` makes that many octets for each millisecond. `convert`: the same for
        what it made before and is yet to be played. The stream goes on."""
        self._packet_octets = self._packet_octets * octets_per_ms // self._octets_per_ms
        self._octets_per_ms = octets_per_ms
        self._frame_octets = FRAME_MS * octets_per_ms
        self._rest, self._played = convert(self._rest), convert(self._played)

    @property
    def depth_ms(self) -> float:
        """Milliseconds of sound that wait, from the next one played to the last that came."""
        rest = len(self._rest) / self._octets_per_ms
        if not self._packets:
            return rest
        return rest + FRAME_MS + (max(self._packets) - self._next) / self._ticks_per_ms

    @property
    def idle(self) -> bool:
        """True before the first packet and when the sender has paused."""
        return not self._running

    # --- in -------------------------------------------------------------------------------------

    def put(self, timestamp: int, payload: bytes, now: float) -> None:
        """A packet came at `now`; duplicates and packets whose turn is over are dropped."""
        if self._first_at < 0:
            self._next = timestamp
            self._first_at = now
            self._packets[timestamp] = payload
            return
        near = self._next
        key = near + ((timestamp - near + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        ahead = (key - near) / self._ticks_per_ms
        if not -_JUMP_MS < ahead < _JUMP_MS:
            self._jumped(timestamp, payload, now)
            return
        self._suspect = -1
        if not self._running:
            if key in self._packets:
                self.duplicates += 1
                return
            self._packets[key] = payload
            if key < near:
                self._next = key
            return
        margin = (self._pulled - now) * 1000 + FRAME_MS + ahead
        margin += len(self._rest) / self._octets_per_ms - self._held / self._ticks_per_ms
        if ahead < 0:
            self._note_late(key, margin)
            return
        if key in self._packets:
            self.duplicates += 1
            return
        self._packets[key] = payload
        self._low = min(self._low, margin)
        self._total += margin
        self._count += 1
        if ahead > _OVERFLOW_MS:
            self._overflow(key)

    def _jumped(self, timestamp: int, payload: bytes, now: float) -> None:
        """A timestamp far away: believed when a second packet agrees, or when nothing runs."""
        suspect = self._suspect
        apart = (timestamp - suspect + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if self._running and (suspect < 0 or abs(apart) > 1000 * self._ticks_per_ms):
            self._suspect = timestamp
            return
        self.restart()
        self.put(timestamp, payload, now)

    def _note_late(self, key: int, margin: float) -> None:
        """Too late to be played; counts for the delay unless it was played already."""
        self.late += 1
        if margin > -_OVERFLOW_MS and key not in self._packets:
            self._low = min(self._low, margin)

    def _overflow(self, newest: int) -> None:
        """A burst after a pause of the network: keep the newest 60 ms."""
        self.skipped += 1
        self._next = newest - 2 * self._frame_ticks
        self._rest = b""
        self._held = 0
        for key in [key for key in self._packets if key < self._next]:
            del self._packets[key]
        self._begin_window(0.0)

    # --- out ------------------------------------------------------------------------------------

    def pull(self, now: float) -> bytes | None:
        """The next 20 ms of the line, None where there is nothing (fade out, then silence).

        The frame may be a few samples longer or shorter than 20 ms: stretch it.
        """
        if not self._running and not self._start(now):
            return None
        self._pulled = now
        self._pulls += 1
        if self._pulls % _LOOK == 0 and (self._pulls >= _WINDOW or self._may_grow()):
            self._judge()
        need = self._frame_octets
        if self._owed:
            need -= self._step()
        elif not self._rest and self._decode is None:
            payload = self._packets.get(self._next)
            if payload is not None and len(payload) == need:
                del self._packets[self._next]
                self._next += self._frame_ticks
                self._held = self._empty = 0
                self._played = payload
                return payload
        return self._collect(need)

    def _start(self, now: float) -> bool:
        """Begin to play once the first packet has waited `START_DELAY_MS`."""
        if self._first_at < 0 or (now - self._first_at) * 1000 < START_DELAY_MS:
            return False
        self._running = True
        self._begin_window(0.0)
        if self.depth_ms > _OVERFLOW_MS:
            self._overflow(max(self._packets))
        return True

    def _may_grow(self) -> bool:
        return self._low < GUARD_MS - _SLACK_MS and self._is_quiet(self._played)

    def _judge(self) -> None:
        """Once in a window: how much later (+) or earlier (-) in ms everything should play."""
        if not self._count:
            self._begin_window(0.0)
            return
        average = self._total / self._count
        shift = GUARD_MS - self._low
        shift = min(max(shift, MIN_DELAY_MS - average), MAX_DELAY_MS - average)
        self._begin_window(shift if abs(shift) > _SLACK_MS else 0.0)

    def _step(self) -> int:
        """Octets by which this frame is shorter (later play) or longer (earlier play)."""
        most = _QUIET_STEP_MS if self._is_quiet(self._played) else _STEP_MS
        part = min(max(self._owed, -most), most)
        octets = int(part * self._octets_per_ms / self._unit) * self._unit
        if octets == 0:
            self._begin_window(0.0)
            return 0
        self._owed -= octets / self._octets_per_ms
        self._low, self._total, self._count, self._pulls = 1e9, 0.0, 0, 0
        return octets

    def _is_quiet(self, line: bytes) -> bool:
        if not line:
            return True
        if self._unit == 1:
            codes = np.frombuffer(line, np.uint8) ^ self._silence[0]
            return int((codes & 0x7F).max()) <= _QUIET_CODE
        samples = np.frombuffer(line, np.int16)
        return int(samples.min()) >= -_QUIET and int(samples.max()) <= _QUIET

    def _collect(self, need: int) -> bytes | None:
        """`need` octets from what was left of the last packet and those that follow."""
        line = self._rest
        concealed = self.concealed
        while len(line) < need:
            payload = self._packets.pop(self._next, None)
            if payload is not None:
                line += self._take(payload)
                continue
            missing = self._missing(self._wanted(need - len(line)))
            if not missing:
                continue
            self.concealed = concealed + 1
            if self._repair is not None:
                line += self._repaired(self._repair, missing)
                continue
            if missing == need:
                self._played = b""  # it fades away; what is missing after it is silent
                return None
            fill = _repeat(line or self._played, missing, self._unit)
            line += fill or self._silence * (missing // self._unit)
        self._rest = line[need:] if self._running else b""
        self._played = line[:need]
        return self._played

    def _wanted(self, octets: int) -> int:
        """How much is to be concealed at once where `octets` are missing now."""
        if self._repair is None:
            return octets
        if self._packets:  # lost: as a packet, for what the next one has of it is one packet
            return self._packet_octets
        grain = self._frame_octets // 8  # 2.5 ms: it may only be late
        return -(-octets // grain) * grain

    def _repaired(self, repair: Repair, octets: int) -> bytes:
        """What the decoder makes of `octets` just before `_next` that are missing."""
        following = self._packets.get(self._next)
        samples = octets // self._unit
        if following is None:
            return repair.conceal(samples).tobytes()
        return repair.recover(following, samples).tobytes()

    def _take(self, payload: bytes) -> bytes:
        line = payload if self._decode is None else self._decode(payload)
        self._next += len(line) * self._ticks_per_ms // self._octets_per_ms
        if line:
            self._packet_octets = len(line)
        elif self._repair is None:
            self._next += 1  # unreadable: as if it had been lost
        self._held = self._empty = 0
        return line

    def _missing(self, octets: int) -> int:
        """Nothing stands at `_next`: how many octets, at most as many as asked, are to be
        concealed before something is looked for again. 0: look now.

        With later packets in the buffer this one is lost, and its time passes. With none it may
        only be late: time is held, so that the delay grows by what it is late, and if it turns
        out to be lost after all, the held time is taken back.
        """
        ticks = octets * self._ticks_per_ms // self._octets_per_ms
        if not self._packets:
            self._held += ticks
            self._empty += 1
            if self._empty > _IDLE_FRAMES:
                self._pause()
            return octets
        first = min(self._packets)
        if first < self._next:
            del self._packets[first]
            return 0
        gap = first - self._next
        if self._held:
            back = min(self._held, gap)
            self._next += back
            self._held = 0
            return 0
        if gap >= ticks:
            self._next += ticks
            return octets
        self._next = first  # within this frame: what is missing has its own length, not a frame's
        octets = gap * self._octets_per_ms // self._ticks_per_ms
        return octets - octets % self._unit

    def _pause(self) -> None:
        """The sender is silent: the next packet starts afresh."""
        self._running = False
        self._first_at = -1.0
        self._held = self._empty = 0
        self._rest = self._played = b""


def _repeat(line: bytes, octets: int, unit: int) -> bytes:
    """The end of `line` once more, for a hole inside a frame."""
    octets -= octets % unit
    tail = line[-octets:] if octets else b""
    return (tail * (octets // max(1, len(tail)) + 1))[:octets]
