"""Opus by libopus itself (RFC 6716): mono, int16, at 8, 16 or 48 kHz whatever the peer's rate.

The library is looked for when the first encoder or decoder is made: the newer one of the system's
and the copy inside PyAV's wheel (1.6 encodes an eighth faster than 1.3). Encoder and decoder states
live in memory of Python, so that they go with their object. The interpreter lock is kept during a
call: it takes some 50 µs, and who lets go of the lock may wait for it a hundred times as long.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Iterator
from ctypes import c_char_p, c_int, c_int32, c_void_p
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import CodecError, RtpError

Pcm = NDArray[np.int16]

COMPLEXITY: Final = 1
"""1 costs 6 % more than 0 and saves 7 % of the octets; 2 costs twice as much, and what was measured
of its sound (signal to noise) is no better."""
LONGEST_MS: Final = 120
"""Of one packet (RFC 6716 §3.2.5)."""

_NAMES: Final = ("libopus.so.0", "libopus.0.dylib", "opus.dll", "libopus-0.dll")
_IN_WHEEL: Final = ("../av.libs/libopus[-.]*", "../av.libs/opus-*", ".dylibs/libopus[-.]*")
_LARGEST: Final = 0xFFFF
"""Octets of a payload: more fits into no UDP packet."""
_ROOM: Final = 4000
"""Octets for one packet of ours; three frames of the largest size need 3,831."""

_VOIP: Final = 2048
_SET_BITRATE: Final = 4002
_SET_VBR: Final = 4006
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERC: Final = 4014
_SET_DTX: Final = 4016


def places() -> Iterator[str]:
    """Where libopus may be: what the system's loader finds, then PyAV's own copy."""
    yield from _NAMES
    wheel = find_spec("av")  # finds the package without importing it
    for folder in (wheel and wheel.submodule_search_locations) or ():
        for pattern in _IN_WHEEL:
            yield from map(str, sorted(Path(folder).glob(pattern)))


def load(names: Iterable[str]) -> ctypes.PyDLL:
    """The newest libopus of `names`, the first of equals. Raises CodecError where there is none."""
    found = []
    for name in names:
        try:
            found.append(_declared(ctypes.PyDLL(name)))
        except (OSError, AttributeError):
            continue
    if found:
        return max(found, key=version)
    raise CodecError(
        "Opus needs libopus, which was not found: install it (Debian and Ubuntu: libopus0, Fedora "
        "and Alpine: opus), or PyAV as a wheel (pip install --only-binary av av), which brings it"
    )


def _declared(library: ctypes.PyDLL) -> ctypes.PyDLL:
    """With the types of the arguments; AttributeError where it is another library."""
    library.opus_encoder_get_size.argtypes = [c_int]
    library.opus_encoder_init.argtypes = [c_void_p, c_int32, c_int, c_int]
    library.opus_encoder_ctl.argtypes = [c_void_p, c_int]  # and one more: it is variadic
    library.opus_encode.argtypes = [c_void_p, c_char_p, c_int, c_void_p, c_int32]
    library.opus_decoder_get_size.argtypes = [c_int]
    library.opus_decoder_init.argtypes = [c_void_p, c_int32, c_int]
    library.opus_decode.argtypes = [c_void_p, c_char_p, c_int32, c_void_p, c_int, c_int]
    library.opus_packet_get_nb_samples.argtypes = [c_char_p, c_int32, c_int32]
    library.opus_packet_get_samples_per_frame.argtypes = [c_char_p, c_int32]
    library.opus_get_version_string.argtypes = []
    library.opus_get_version_string.restype = c_char_p
    library.opus_strerror.argtypes = [c_int]
    library.opus_strerror.restype = c_char_p
    return library


def version(library: ctypes.PyDLL) -> tuple[int, ...]:
    """The numbers of `opus_get_version_string`, (1, 6, 1); () where it has none."""
    numbers = re.search(rb"\d+(\.\d+)+", library.opus_get_version_string())
    return tuple(map(int, numbers[0].split(b"."))) if numbers is not None else ()


@cache
def _library() -> ctypes.PyDLL:
    return load(places())


def missing() -> str:
    """Why there is no Opus, "" where there is; the answer stays the same while we run."""
    try:
        _library()
    except CodecError as error:
        return str(error)
    return ""


def _checked(result: int) -> int:
    """What libopus returned; ValueError where that is an error."""
    if result < 0:
        raise ValueError(f"libopus: {_library().opus_strerror(result).decode()}")
    return result


class OpusEncoder:
    """One stream that goes out. Discontinuous transmission is off: a phone's NAT wants packets."""

    __slots__ = ("_encode", "_memory", "_out", "_state", "_view")

    def __init__(
        self,
        rate: int,
        *,
        bitrate: int = 24000,
        complexity: int = COMPLEXITY,
        expected_loss: int = 0,
        constant: bool = False,
    ) -> None:
        """`rate`: Hz of the samples; `bitrate`: bits per second, as a mean, or of every packet
        where `constant`; `complexity`: 0 to 10; `expected_loss`: percent of packets that the peer
        will miss: above 0 each packet also has what matters of the one before (in-band FEC), as
        far as the bit rate allows.

        Raises ValueError for what libopus does not take, CodecError where there is no libopus.
        """
        library = _library()
        self._memory = ctypes.create_string_buffer(library.opus_encoder_get_size(1))
        self._state = ctypes.addressof(self._memory)
        _checked(library.opus_encoder_init(self._state, rate, 1, _VOIP))
        for request, value in (
            (_SET_BITRATE, bitrate),
            (_SET_VBR, not constant),
            (_SET_COMPLEXITY, complexity),
            (_SET_INBAND_FEC, expected_loss > 0),
            (_SET_PACKET_LOSS_PERC, expected_loss),
            (_SET_DTX, 0),
        ):
            _checked(library.opus_encoder_ctl(self._state, request, c_int32(value)))
        self._encode = library.opus_encode
        self._view = memoryview(ctypes.create_string_buffer(_ROOM))
        self._out = ctypes.addressof(self._view.obj)  # type: ignore[arg-type]

    def encode(self, samples: Pcm) -> bytes:
        """One packet of `samples`: 2.5, 5, 10, 20, 40 or 60 ms (RFC 6716 §2.1.4); ValueError for
        another length or type."""
        if samples.dtype != np.int16:
            raise ValueError(f"Opus takes int16, not {samples.dtype}")
        octets = self._encode(self._state, samples.tobytes(), samples.size, self._out, _ROOM)
        return bytes(self._view[: _checked(octets)])


class OpusDecoder:
    """One stream that comes in."""

    __slots__ = ("_decode", "_memory", "_out", "_pcm", "_per_frame", "_samples", "_state", "rate")

    def __init__(self, rate: int) -> None:
        """`rate`: Hz of the samples wanted. Raises as `OpusEncoder` does."""
        library = _library()
        self.rate = rate
        self._memory = ctypes.create_string_buffer(library.opus_decoder_get_size(1))
        self._state = ctypes.addressof(self._memory)
        _checked(library.opus_decoder_init(self._state, rate, 1))
        self._decode = library.opus_decode
        self._samples = library.opus_packet_get_nb_samples
        self._per_frame = library.opus_packet_get_samples_per_frame
        self._pcm = np.zeros(rate * LONGEST_MS // 1000, np.int16)
        self._out: int = self._pcm.ctypes.data

    def decode(self, payload: bytes) -> Pcm:
        """The samples of one packet, 2.5 to 120 ms; RtpError where it cannot be read."""
        if not 0 < len(payload) <= _LARGEST:
            raise RtpError(f"Opus: a payload of {len(payload)} octets")
        return self._run(payload, len(self._pcm), recover=0)

    def conceal(self, samples: int) -> Pcm:
        """What may have been in `samples` that are lost, from what was decoded last; each call in
        a row is quieter. ValueError unless they are 1 sample to 120 ms."""
        return self._run(None, self._whole(samples), recover=0)[:samples]

    def recover(self, payload: bytes, samples: int) -> Pcm:
        """The `samples` before those of `payload`, from what it has of them (in-band FEC); where
        it has nothing, or not enough, as `conceal`. RtpError where `payload` cannot be read."""
        whole = self._whole(samples)
        self._check(payload)
        # The last frame before the packet is in it as a whole, or not at all.
        whole = max(whole, self._per_frame(payload, self.rate))
        return self._run(payload, whole, recover=1)[whole - samples :]

    def _run(self, payload: bytes | None, samples: int, *, recover: int) -> Pcm:
        size = 0 if payload is None else len(payload)
        count = self._decode(self._state, payload, size, self._out, samples, recover)
        if count < 0:
            raise RtpError(f"Opus: {_library().opus_strerror(count).decode()}")
        return self._pcm[:count].copy()

    def _check(self, payload: bytes) -> None:
        """Before libopus writes anything: whole, and no longer than there is room for."""
        size = len(payload)
        if not 0 < size <= _LARGEST:
            raise RtpError(f"Opus: a payload of {size} octets")
        if not 0 < self._samples(payload, size, self.rate) <= len(self._pcm):
            raise RtpError("Opus: a packet of no possible length")

    def _whole(self, samples: int) -> int:
        """`samples` as libopus can conceal them: 2.5 ms and multiples."""
        if not 0 < samples <= len(self._pcm):
            raise ValueError(
                f"{samples} samples at {self.rate} Hz are over {LONGEST_MS} ms or none"
            )
        grain = self.rate // 400
        return -(-samples // grain) * grain
