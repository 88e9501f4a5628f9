"""A stranger who sends RTP to the port of somebody's call.

He knows the port: he may have seen the answer, or tried all. The call is one of the carrier's own,
with somebody to talk to; what he must not get is the sound, nor may he keep it from the two.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable

from tests.wire.kit.call import Call
from tests.wire.kit.phone import Phone

from .scene import ATTACKED, CARRIER, PUBLIC_CARRIER, PUBLIC_STRANGER, STRANGER, Scene
from .verdict import Report

CALLER_HZ, PEER_HZ = 440, 620
FRAME_SECONDS = 0.02
SILENCE = 2.5
"""Longer than a source that is latched may be silent for."""
HEAD_START = 0.3
"""Between the 200 and the first packet of the caller."""
SETTLING = 0.5
"""After which nothing goes to the stranger any more."""
WITHIN = 2.0


class Hijacker:
    """Sends 50 packets a second to `target`, from its own address, and counts what comes back."""

    def __init__(self, here: str, target: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((here, 0))
        self._socket.settimeout(FRAME_SECONDS)
        self._target = target
        self.got = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more of it."""
        self._stop.set()
        self._thread.join(2)
        self._socket.close()

    def _run(self) -> None:
        ssrc, number, due = random.getrandbits(32), 0, time.monotonic()
        while not self._stop.is_set():
            if time.monotonic() >= due:
                head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, ssrc)
                self._socket.sendto(head + b"\x2a" * 160, self._target)
                number += 1
                due += FRAME_SECONDS
            try:
                self.got += len(self._socket.recv(2048)) > 12
            except OSError:
                continue


class Talk:
    """Two phones in a room: the caller, whose call is attacked, and somebody to talk to."""

    def __init__(self, scene: Scene, number: str, caller_ip: str, stranger_ip: str) -> None:
        self._phones = Phone(scene.sip, caller_ip), Phone(scene.sip, CARRIER)
        self.caller, self.peer = (Call(phone, number) for phone in self._phones)
        self._stranger_ip = stranger_ip
        self.hijacker: Hijacker | None = None

    def connect(self) -> None:
        """Both are answered; nobody speaks yet."""
        calls = self.peer, self.caller
        for call in calls:
            call.invite()
        for call in calls:
            call.accepted()
            call.ack()

    def speak(self) -> None:
        """Both do."""
        self.caller.sound.play(CALLER_HZ)
        self.peer.sound.play(PEER_HZ)

    def attack(self) -> Hijacker:
        """The stranger begins."""
        assert self.caller.sound.peer is not None
        self.hijacker = Hijacker(self._stranger_ip, self.caller.sound.peer)
        return self.hijacker

    def faults(self, moment: str) -> list[str]:
        """What either of them does not hear within `WITHIN`."""
        found = []
        for call, tone, what in (
            (self.caller, PEER_HZ, "the caller does not hear the room"),
            (self.peer, CALLER_HZ, "the room does not hear the caller"),
        ):
            call.sound.clear()
            try:
                call.sound.hears(tone, WITHIN)
            except AssertionError:
                found.append(f"{moment}: {what}")
        return found

    def close(self) -> None:
        """Everybody leaves."""
        if self.hijacker is not None:
            self.hijacker.stop()
        for phone in self._phones:
            phone.close()


def _at_the_start(talk: Talk) -> list[str]:
    talk.connect()
    hijacker = talk.attack()
    time.sleep(HEAD_START)
    talk.speak()
    time.sleep(SETTLING)
    before = hijacker.got
    found = talk.faults("at the start")
    return found + _stolen("at the start", hijacker.got - before)


def _in_a_silence(talk: Talk) -> list[str]:
    talk.connect()
    talk.speak()
    found = talk.faults("before")
    hijacker = talk.attack()
    talk.caller.sound.playing = False
    time.sleep(SILENCE)
    talk.caller.sound.playing = True
    found += talk.faults("after a silence")
    return found + _stolen("in a silence", hijacker.got)


def _on_hold(talk: Talk) -> list[str]:
    talk.connect()
    talk.speak()
    found = talk.faults("before")
    talk.caller.reinvite(talk.caller.sdp(direction="inactive", version=2))
    talk.caller.sound.playing = False
    hijacker = talk.attack()
    time.sleep(SILENCE)
    found += _stolen("on hold", hijacker.got)
    talk.caller.reinvite(talk.caller.sdp(version=3))
    talk.caller.sound.playing = True
    time.sleep(SETTLING)
    before = hijacker.got
    found += talk.faults("after the hold")
    return found + _stolen("after the hold", hijacker.got - before)


def _stolen(moment: str, packets: int) -> list[str]:
    return [f"{moment}: the stranger got {packets} packets of the call"] if packets else []


def hijack(
    moment: Callable[[Talk], list[str]], number: str, *, public: bool
) -> Callable[..., Report]:
    """One attempt, with private or with public addresses."""
    caller, stranger = (PUBLIC_CARRIER, PUBLIC_STRANGER) if public else (CARRIER, STRANGER)
    kind = "public" if public else "private"

    def attempt(scene: Scene, seconds: float) -> Report:
        talk = Talk(scene, number, caller, stranger)
        end = time.monotonic() + seconds
        try:
            found = moment(talk)
        finally:
            talk.close()
        time.sleep(max(0.0, end - time.monotonic()))
        return Report("", tuple(f"{kind}, {fault}" for fault in found))

    return attempt


def both(
    moment: Callable[[Talk], list[str]], numbers: tuple[str, ...]
) -> tuple[Callable[..., Report], ...]:
    """At the same time, two calls: one with private addresses, one with public ones."""
    return hijack(moment, numbers[0], public=False), hijack(moment, numbers[1], public=True)


at_the_start = both(_at_the_start, ATTACKED[:2])
in_a_silence = both(_in_a_silence, ATTACKED[2:4])
on_hold = both(_on_hold, ATTACKED[4:])
