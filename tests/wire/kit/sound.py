"""A telephone's RTP side: a thread that sends PCMU every 20 ms and keeps what comes."""

from __future__ import annotations

import math
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 8000
FRAME = 160


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet that came."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def ulaw(samples: NDArray[np.int16]) -> bytes:
    """G.711 µ-law."""
    value = samples.astype(np.int32)
    sign = np.where(value < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(value), 32635) + 0x84
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return bytes(code)


def linear(data: bytes) -> NDArray[np.float64]:
    """µ-law to samples."""
    code = ~np.frombuffer(data, np.uint8) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = (((mantissa.astype(np.int32) << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float64)


def level(samples: NDArray[np.float64], frequency: float) -> float:
    """Amplitude of one frequency (Goertzel as a dot product)."""
    if not len(samples):
        return 0.0
    turns = np.exp(-2j * math.pi * frequency / RATE * np.arange(len(samples)))
    return float(2 * abs(np.dot(samples, turns)) / len(samples))


def rtp_pair(ip: str) -> tuple[socket.socket, socket.socket]:
    """Sockets of RTP and, on the next port, of RTCP: what comes there is for nobody else's."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    for _ in range(100):
        sound, reports = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        sound.bind((ip, 0))
        try:
            reports.bind((ip, sound.getsockname()[1] + 1))
        except (OSError, OverflowError):
            sound.close()
            reports.close()
            continue
        return sound, reports
    raise AssertionError(f"no two ports of {ip} in a row are free")


class Sound:
    """Quiet until `play`; `peer` is where packets go. Times are time.monotonic()."""

    def __init__(self, ip: str = "127.0.0.1") -> None:
        self.socket, self.reports = rtp_pair(ip)
        self.port: int = self.socket.getsockname()[1]
        self.peer: tuple[str, int] | None = None
        self.packets: list[Packet] = []
        self.tones: tuple[float, ...] = ()
        self.playing = False
        self.sequence, self.timestamp, self.ssrc = 1000, 5000, 0x11223344
        self.wrap: Callable[[bytes], bytes] = bytes
        self.unwrap: Callable[[bytes], bytes] = bytes
        self._news = threading.Condition()
        self._sending = threading.RLock()
        """Of whoever moves sequence number and timestamp: the frame of the thread, or a test."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def play(self, frequency: float) -> None:
        """Send this tone from now on (0: silence)."""
        self.tones, self.playing = (frequency,) if frequency else (), True
        self.listen()

    def listen(self) -> None:
        """Start keeping what comes."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def send(self, payload: bytes, payload_type: int = 0, *, marker: bool = False) -> None:
        """One packet by hand."""
        assert self.peer is not None
        with self._sending:
            first = struct.pack(
                "!BBHII",
                0x80,
                payload_type | (0x80 if marker else 0),
                self.sequence & 0xFFFF,
                self.timestamp & 0xFFFFFFFF,
                self.ssrc,
            )
            self.sequence += 1
            self.socket.sendto(self.wrap(first + payload), self.peer)

    def press(self, event: int, frames: int = 5, payload_type: int = 101) -> None:
        """One RFC 4733 event: `frames` packets that grow, then its end three times, and no frame
        of sound between them, whose timestamp would make it two."""
        steps = [(FRAME * (n + 1), False) for n in range(frames)]
        steps += [(FRAME * frames, True)] * 3
        with self._sending:
            for index, (duration, end) in enumerate(steps):
                payload = struct.pack("!BBH", event, (0x80 if end else 0) | 10, duration)
                self.send(payload, payload_type, marker=index == 0)
            self.timestamp += FRAME * (frames + 5)

    def heard(
        self, good: Callable[[list[Packet]], bool], what: str, within: float = 5
    ) -> list[Packet]:
        """Wait until what came since the start is good."""
        self.listen()
        with self._news:
            done = self._news.wait_for(lambda: good(self.packets), within)
            assert done, f"{what}: {len(self.packets)} packets, {self.packets[-3:]}"
            return list(self.packets)

    def hears(self, frequency: float, within: float = 5, least: float = 1500) -> None:
        """Wait until this tone is in the last 100 ms that came."""
        self.heard(
            lambda packets: level(recent(packets), frequency) > least, f"{frequency} Hz", within
        )

    def hears_digit(self, low: float, high: float, within: float = 5, least: float = 1500) -> None:
        """Wait until both tones of a DTMF digit are in the last 100 ms that came."""

        def digit(packets: list[Packet]) -> bool:
            samples = recent(packets)
            return min(level(samples, low), level(samples, high)) > least

        self.heard(digit, f"{low} and {high} Hz", within)

    def hears_not(self, frequency: float, within: float = 5) -> None:
        """Wait until this tone is not in the last 100 ms that came."""
        self.heard(
            lambda packets: len(recent(packets)) > 400 and level(recent(packets), frequency) < 200,
            f"no {frequency} Hz",
            within,
        )

    def clear(self) -> None:
        """Forget what came."""
        with self._news:
            self.packets.clear()

    def close(self) -> None:
        """End the thread and the socket."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2)
        self.socket.close()
        self.reports.close()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            ready, _, _ = select.select([self.socket], [], [], max(0, due - time.monotonic()))
            if ready:
                try:
                    self._take(self.socket.recv(2048))
                except OSError:
                    continue
            if time.monotonic() >= due:
                due += FRAME / RATE
                with self._sending:
                    self._frame()

    def _frame(self) -> None:
        if not self.playing or self.peer is None:
            return
        start = self.timestamp
        times = (np.arange(FRAME) + start) / RATE
        samples = np.zeros(FRAME)
        for tone in self.tones:
            samples += 8000 * np.sin(2 * math.pi * tone * times)
        try:
            self.send(ulaw(samples.astype(np.int16)))
        except OSError:
            return
        self.timestamp += FRAME

    def _take(self, data: bytes) -> None:
        data = self.unwrap(data)
        if len(data) < 12:
            return
        first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
        start = 12 + 4 * (first & 0x0F)
        packet = Packet(
            time.monotonic(),
            second & 0x7F,
            bool(second & 0x80),
            sequence,
            timestamp,
            ssrc,
            data[start:],
        )
        with self._news:
            self.packets.append(packet)
            self._news.notify_all()


def recent(packets: list[Packet]) -> NDArray[np.float64]:
    """The last 100 ms of PCMU that came."""
    frames = [packet for packet in packets[-12:] if packet.payload_type == 0][-5:]
    return linear(b"".join(packet.payload for packet in frames))
