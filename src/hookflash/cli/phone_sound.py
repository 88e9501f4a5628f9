"""A person at a telephone of the carrier, who speaks and listens by this machine's sound card."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from ..adapters.sound_card import SoundCard, SoundCardError, sound_devices
from ..audio.tone_bank import Pcm
from .output import print_table
from .phone_http import WITHIN, PhoneError, check_address, no_carrier, refusal

GOODBYE: Final = 1.0
"""Seconds for the end of the WebSocket."""
WAITING: Final = 10
"""Pieces of the microphone's sound that wait for a connection that takes none; the oldest are lost
then."""


class PhoneSound:
    """`with PhoneSound(…) as sound`: the telephone says what the microphone hears, and the
    loudspeaker plays what the telephone hears. At its end the telephone hangs up.

    Each 20 ms of the microphone go to the carrier at once, by a WebSocket, and wait there for the
    clock of the call (`carrier/sound_face.py`); what the telephone hears comes back by it and waits
    in the `SoundCard` for the clock of the card. The threads that do so are here.
    """

    def __init__(self, carrier: str, number: str, source: str, sink: str) -> None:
        """`carrier`: its http address. `source`, `sink`: of the sound card."""
        self._carrier = carrier
        self._number = number
        self._devices = (source, sink)
        self._said: queue.SimpleQueue[Pcm | None] = queue.SimpleQueue()
        self._cut = threading.Event()
        """The WebSocket has ended."""
        self._card: SoundCard
        self._socket: ClientConnection
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        """Raises PhoneError: no card, no carrier, or no such telephone."""
        with ExitStack() as begun:
            try:
                self._card = SoundCard(*self._devices, self._heard)
                begun.callback(self._card.close)
                self._socket = begun.enter_context(_connected(self._carrier, self._number))
                self._card.__enter__()
            except SoundCardError as error:
                raise PhoneError(str(error)) from None
            self._exit = begun.pop_all()
        for work in (self._send, self._receive):
            thread = threading.Thread(target=work)
            thread.start()
            self._exit.callback(thread.join)
        self._exit.callback(self._socket.close)
        self._exit.callback(self._said.put, None)
        self._exit.callback(self._card.close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def check(self) -> None:
        """Raises PhoneError where the card is gone, or the connection."""
        if self._card.gone:
            raise PhoneError("the sound card is gone")
        if self._cut.is_set():
            raise PhoneError("the connection to the carrier is gone")

    def told(self) -> str:
        """Which devices are used, for the user."""
        microphone, loudspeaker = self._card.names
        return f"microphone: {microphone}; loudspeaker: {loudspeaker}"

    def _heard(self, samples: Pcm) -> None:
        if self._said.qsize() >= WAITING:
            with suppress(queue.Empty):  # all of it has been sent since
                self._said.get_nowait()
        self._said.put(samples)

    def _send(self) -> None:
        while (samples := self._said.get()) is not None:
            try:
                self._socket.send(samples.astype("<i2").tobytes())
            except ConnectionClosed:  # as `_receive` notices too
                return

    def _receive(self) -> None:
        with suppress(ConnectionClosed):
            for message in self._socket:
                if isinstance(message, bytes):
                    self._card.play(np.frombuffer(message, "<i2").astype(np.int16))
        self._cut.set()


@contextmanager
def _connected(carrier: str, number: str) -> Iterator[ClientConnection]:
    check_address(carrier)
    url = f"ws{carrier.removeprefix('http')}/sound?number={quote(number, safe='')}"
    with ExitStack() as begun:
        try:
            socket = begun.enter_context(
                connect(
                    url, open_timeout=WITHIN, close_timeout=GOODBYE, compression=None, proxy=None
                )
            )
        except InvalidStatus as error:
            answer = error.response
            raise PhoneError(refusal(answer.status_code, bytes(answer.body))) from None
        except (OSError, InvalidHandshake, InvalidURI, ValueError) as error:
            raise no_carrier(carrier, error) from None
        yield socket


def list_devices() -> None:
    """Print the devices of this machine's sound cards; raises PhoneError."""
    try:
        devices = sound_devices()
    except SoundCardError as error:
        raise PhoneError(str(error)) from None
    rows = [
        (
            one.name,
            _named(one.inputs > 0, one.outputs > 0),
            _named(one.default_input, one.default_output),
        )
        for one in devices
    ]
    print_table(("name", "for", "default for"), rows, "this machine has no sound card")


def _named(inward: bool, outward: bool) -> str:
    return " and ".join(["--input"] * inward + ["--output"] * outward)
