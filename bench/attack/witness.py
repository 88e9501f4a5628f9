"""The carrier's phones, in a process of their own: ten calls that speak, and new ones that knock.

The calls stand in pairs, so that each packet that a phone sends is to come out at another. All
packets come and go by one thread; new calls and requests to the API are tried one after the other.
"""

from __future__ import annotations

import select
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from tests.wire.kit.call import Call
from tests.wire.kit.message import token
from tests.wire.kit.phone import Phone
from tests.wire.kit.sound import Sound

from .scene import CARRIER, PAIRED, PROBED, Scene
from .verdict import Seen

FRAME_SECONDS = 0.02
PATIENCE = 5.0
"""How long an answer is waited for at all."""
RESENT_AFTER = (0.5, 1.0, 2.0, 1.5)
"""Timer A of an INVITE (RFC 3261 §17.1.1.2), until patience ends."""
PAUSE = 0.25
"""Between two new calls."""
_PAYLOAD = b"\x2a" * 160


class Voices:
    """All RTP of the running calls. Counted are those of the pairs."""

    def __init__(self) -> None:
        self.sounds: list[Sound] = []
        self.uncounted: list[Sound] = []
        self.sent = self.got = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """From now on every phone speaks."""
        self._thread.start()

    def stop(self) -> None:
        """And is silent."""
        self._stop.set()
        self._thread.join(2)

    def _run(self) -> None:
        poll = select.epoll()
        every = [*self.sounds, *self.uncounted]
        by_file = {sound.socket.fileno(): sound for sound in every}
        counted = {sound.socket.fileno() for sound in self.sounds}
        for sound in every:
            sound.socket.setblocking(False)
            poll.register(sound.socket, select.EPOLLIN)
        due = time.monotonic()
        while not self._stop.is_set():
            for number, _ in poll.poll(max(0.0, due - time.monotonic())):
                self._read(by_file[number], number in counted)
            if time.monotonic() < due:
                continue
            due += FRAME_SECONDS
            for sound in every:
                self._speak(sound)
            self.sent += len(self.sounds)
        poll.close()

    def _read(self, sound: Sound, counted: bool) -> None:
        try:
            while len(sound.socket.recv(2048)) > 12:
                self.got += counted
        except OSError:
            return

    def _speak(self, sound: Sound) -> None:
        with suppress(OSError):  # what the kernel does not take is lost, and counts as that
            sound.send(_PAYLOAD)
        sound.timestamp += 160


class Witness:
    """Does what the other end of `orders` asks: "begin", "end" (answered by a `Seen`), "stop"."""

    def __init__(self, scene: Scene, orders: Connection) -> None:
        self._scene = scene
        self._orders = orders
        self._phone = Phone(scene.sip, CARRIER)
        self._prober = Phone(scene.sip, CARRIER)
        self._quiet = Sound(CARRIER)
        self._voices = Voices()
        self._answers: list[float | None] = []
        self._api: list[float | None] = []
        self._from = (0, 0)
        self._ended = 0

    def run(self) -> None:
        """Until "stop"."""
        self._set_up()
        self._orders.send("up")
        while True:
            if self._orders.poll(PAUSE):
                order = self._orders.recv()
                if order == "stop":
                    break
                if order == "begin":
                    self._begin()
                else:
                    self._orders.send(self._seen())
                continue
            self._answers.append(self._knock())
            self._api.append(self._ask())
            self._look_after()
        self._voices.stop()
        self._phone.close()
        self._prober.close()

    def _set_up(self) -> None:
        for number in PAIRED:
            first, second = Call(self._phone, number), Call(self._phone, number)
            first.invite()
            second.invite()
            for call in (first, second):
                call.accepted()
                call.ack()
                self._voices.sounds.append(call.sound)
        # One who waits for those who knock; it is answered when the first one does.
        waiting = Call(self._phone, PROBED)
        waiting.invite()
        if self._knock() is None:
            raise AssertionError("the first call is not answered")
        waiting.accepted()
        waiting.ack()
        self._voices.uncounted.append(waiting.sound)
        self._voices.start()

    def _begin(self) -> None:
        self._answers.clear()
        self._api.clear()
        self._ended = 0
        self._from = self._voices.sent, self._voices.got

    def _seen(self) -> Seen:
        sent, got = self._from
        return Seen(
            tuple(self._answers),
            tuple(self._api),
            self._voices.sent - sent,
            self._voices.got - got,
            self._ended,
        )

    def _knock(self) -> float | None:
        """A new call, ended at once: seconds until its 200."""
        call = Call(self._prober, PROBED, sound=self._quiet, call_id=token("knock-"))
        invite = call.message("INVITE", (), call.sdp())
        began = time.monotonic()
        for wait in RESENT_AFTER:
            self._prober.send(invite)
            try:
                answer = call.answer(method="INVITE", within=wait)
            except AssertionError:
                continue
            took = time.monotonic() - began
            if answer.status != 200:
                return None
            call.adopt(answer)
            call.ack()
            self._end(call)
            return took
        self._prober.close()
        self._prober = Phone(self._scene.sip, CARRIER)
        return None

    def _end(self, call: Call) -> None:
        call.up = False
        bye = call.message("BYE")
        for wait in RESENT_AFTER[:2]:
            self._prober.send(bye)
            try:
                call.answer(method="BYE", within=wait)
                break
            except AssertionError:
                continue
        self._prober.inbox.clear()
        self._prober.log.clear()
        self._prober.calls.clear()

    def _ask(self) -> float | None:
        try:
            body = {"names": ["none"]}
            return self._scene.exchange.rpc("RoomService/ListRooms", body, within=PATIENCE).seconds
        except OSError:
            return None

    def _look_after(self) -> None:
        """What the exchange asks of the calls that stand."""
        while self._phone.read(0):
            pass
        for message in self._phone.inbox:
            if not message.status and message.method != "ACK":
                self._phone.reply(message, "200 OK")
                self._ended += message.method == "BYE"
        self._phone.inbox.clear()
        self._phone.log.clear()


def witness(scene: Scene, orders: Connection) -> None:
    """The whole life of the process. What goes wrong at the start is sent instead of "up"."""
    try:
        Witness(scene, orders).run()
    except AssertionError as error:
        orders.send(str(error))
