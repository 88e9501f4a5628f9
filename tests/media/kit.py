"""Stand-ins for what lies around sources and sinks."""

from __future__ import annotations

import random
from typing import Any

from hookflash.base.ids import Ids
from hookflash.media.sender import Sender
from hookflash.rtp.packet import RtpPacket, parse


class Wire:
    """A sink's way out, which keeps what goes there."""

    def __init__(self, seed: int = 1) -> None:
        self.packets: list[RtpPacket] = []
        self.sender = Sender(self.send, bytearray(2048), Ids(random.Random(seed)))
        self.sender.remote = ("192.0.2.7", 4000)
        self.sender.configure(8, 8000, 160, 20)
        self.sender.event_type = 101

    def send(self, data: Any, _address: Any) -> int:
        """As a socket's `sendto`."""
        self.packets.append(parse(bytes(data)))
        return len(data)


class Owner:
    """The owner of a receiver: takes packets from anywhere, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.asked: list[tuple[object, int]] = []

    def admits(self, source: object, ssrc: int, now: float) -> bool:
        """From anywhere."""
        self.asked.append((source, ssrc))
        return True

    def packet_refused(self) -> None: ...
    def packet_first(self) -> None:
        """Kept."""
        self.told.append("first")

    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None:
        """Kept."""
        self.told.append((digit, duration_ms, relayed, inband))

    def event_started(self) -> None:
        """Kept."""
        self.told.append("event")

    def codec_changed(self) -> None:
        """Kept."""
        self.told.append("codec")
