"""The machine's microphone and loudspeaker, by PortAudio and the library sounddevice.

Both are imported when a card is first asked for: the extra `sound` brings the one, the system the
other. PortAudio calls us in threads of its own, every 20 ms by the card's clock.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np

from ..audio.elastic_buffer import RATE, ElasticBuffer
from ..audio.resample import Resampler
from ..audio.tone_bank import Pcm
from ..base.errors import HookflashError
from ..base.light import light_dataclass

Way = Literal["input", "output"]

RATES: Final = (48000, 8000, 16000, 32000)
"""Samples a second that a card is asked for, in this order: nearly all have the first, and where
the system has to convert, we do it better."""
WRONG_RATE: Final = -9997
"""PortAudio's paInvalidSampleRate."""
NO_LIBRARY: Final = "sounddevice is not installed: pip install 'hookflash[sound]'"
NO_PORTAUDIO: Final = (
    "PortAudio is not installed: apt install libportaudio2 (Debian, Ubuntu), "
    "dnf install portaudio (Fedora)"
)
LISTED: Final = "`hookflash phone --list-devices` names them"


class SoundCardError(HookflashError):
    """There is no sound card, or it does not do what it is to; the text says why."""


@light_dataclass(frozen=True, slots=True)
class SoundDevice:
    """One of PortAudio's devices."""

    index: int
    name: str
    """With the system's interface to it after a comma."""
    inputs: int
    """Channels."""
    outputs: int
    default_input: bool
    default_output: bool

    def takes(self, way: Way) -> bool:
        """Whether sound goes this way."""
        return bool(self.inputs if way == "input" else self.outputs)


def sound_devices() -> list[SoundDevice]:
    """All that there are; raises SoundCardError where a library is missing."""
    library = _library()
    inward, outward = library.default.device
    apis = library.query_hostapis()
    return [
        SoundDevice(
            index,
            f"{one['name']}, {apis[one['hostapi']]['name']}",
            one["max_input_channels"],
            one["max_output_channels"],
            index == inward,
            index == outward,
        )
        for index, one in enumerate(library.query_devices())
    ]


def find_device(devices: list[SoundDevice], way: Way, name: str) -> SoundDevice:
    """That with this name, or the only one with this in its name; "": the system's own choice.
    Raises SoundCardError."""
    usable = [one for one in devices if one.takes(way)]
    if not usable:
        raise SoundCardError(f"this machine has no sound {way}")
    if not name:
        return next((one for one in usable if _is_default(one, way)), usable[0])
    asked = name.casefold()
    same = [one for one in usable if asked in _names(one)]
    found = same or [one for one in usable if asked in one.name.casefold()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise SoundCardError(f"no sound {way} is called {name!r}; {LISTED}")
    names = "; ".join(one.name for one in found)
    raise SoundCardError(f"more than one sound {way} is called {name!r}: {names}")


class SoundCard:
    """`with SoundCard("", "", heard) as card`: the microphone is heard and the loudspeaker plays
    until its end. All samples are int16, 8 kHz."""

    def __init__(self, source: str, sink: str, heard: Callable[[Pcm], None]) -> None:
        """`source`, `sink`: names of devices as `find_device` takes them. `heard`: called with each
        20 ms of the microphone, in a thread of PortAudio's: it is not to wait for anything.

        Raises SoundCardError: no library, no device, or one that cannot be used.
        """
        library = _library()
        devices = sound_devices()
        self._closing = False
        self._gone = threading.Event()
        self._lock = threading.Lock()
        self._buffer = ElasticBuffer()
        self._heard = heard
        self._streams: list[Any] = []
        microphone = find_device(devices, "input", source)
        loudspeaker = find_device(devices, "output", sink)
        try:
            self._open(library.RawInputStream, microphone, 1, self._listen)
            # One channel of a headset with two would be heard by one ear.
            ears = min(loudspeaker.outputs, 2)
            self._open(library.RawOutputStream, loudspeaker, ears, self._speak)
        except SoundCardError:
            self.close()
            raise
        self.names = (microphone.name, loudspeaker.name)
        """Of microphone and loudspeaker."""

    @property
    def gone(self) -> bool:
        """The system has ended it: it was unplugged, say."""
        return self._gone.is_set()

    def play(self, samples: Pcm) -> None:
        """The next that the loudspeaker is to say. It waits for the card's clock in an
        `ElasticBuffer`; silence is played where nothing is there."""
        with self._lock:
            self._buffer.put(samples)

    def __enter__(self) -> Self:
        try:
            with _silenced():
                for stream in self._streams:
                    stream.start()
        except _library().PortAudioError as error:
            self.close()
            raise SoundCardError(f"the sound card does not start: {_text(error)}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the devices back."""
        self._closing = True
        for stream in self._streams:
            stream.close()
        self._streams.clear()

    # --- inside ---------------------------------------------------------------------------------

    def _open(
        self,
        stream: Any,
        device: SoundDevice,
        channels: int,
        callback: Callable[[int, int], Callable[..., None]],
    ) -> None:
        """At the first rate that the device takes."""
        for rate in RATES:
            try:
                with _silenced():
                    opened = stream(
                        samplerate=rate,
                        blocksize=rate // 50,
                        device=device.index,
                        channels=channels,
                        dtype="int16",
                        callback=callback(rate, channels),
                        finished_callback=self._finished,
                    )
            except _library().PortAudioError as error:
                if error.args[1:2] == (WRONG_RATE,):
                    continue
                raise SoundCardError(f"{device.name}: {_text(error)}") from None
            self._streams.append(opened)
            return
        rates = ", ".join(map(str, RATES))
        raise SoundCardError(f"{device.name} takes none of {rates} samples a second")

    def _listen(self, rate: int, channels: int) -> Callable[..., None]:
        resampler = Resampler(rate, RATE)

        def callback(data: Any, *_: object) -> None:
            samples = np.frombuffer(data, np.int16)[::channels]
            self._heard(resampler.process(samples))

        return callback

    def _speak(self, rate: int, channels: int) -> Callable[..., None]:
        resampler = Resampler(RATE, rate)

        def callback(data: Any, frames: int, *_: object) -> None:
            with self._lock:
                samples = self._buffer.take(frames * RATE // rate)
            data[:] = np.repeat(resampler.process(samples), channels).tobytes()

        return callback

    def _finished(self) -> None:
        if not self._closing:
            self._gone.set()


def _library() -> Any:
    """The library sounddevice, with PortAudio; raises SoundCardError."""
    try:
        import sounddevice
    except ImportError:
        raise SoundCardError(NO_LIBRARY) from None
    except OSError:  # it looks for the shared library when it is imported
        raise SoundCardError(NO_PORTAUDIO) from None
    _quieten()
    return sounddevice


def _quieten() -> None:
    """ALSA, where there is one, tells of each block that was late on the standard error, amid what
    we say there; no more."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_ALSA_TELLS)


def _told(*_: object) -> None:
    """File, line, function, error and format, of which we want none."""


_TEXT: Final = ctypes.c_char_p
_ALSA_TELLS: Final = ctypes.CFUNCTYPE(None, _TEXT, ctypes.c_int, _TEXT, ctypes.c_int, _TEXT)(_told)
"""As ALSA calls it, and as long as ALSA may."""


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """What the system's libraries write to the standard error by themselves, errors that we tell in
    our own words among it, is written nowhere."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _is_default(device: SoundDevice, way: Way) -> bool:
    return device.default_input if way == "input" else device.default_output


def _names(device: SoundDevice) -> tuple[str, str]:
    full = device.name.casefold()
    return full, full.rpartition(", ")[0]


def _text(error: Exception) -> str:
    """PortAudio's own words."""
    return str(error).partition(" [PaErrorCode")[0]
