"""G.711 by table: µ-law and A-law, whole batches at a time (ITU-T G.711, tables 1 and 2).

Both laws share one decoding and one encoding table, so that a batch whose rows speak different
laws is one lookup: add `LAW_OFFSET[law]` to the index.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["PCMU", "PCMA"]
Pcm = NDArray[np.int16]
Octets = NDArray[np.uint8]

SILENCE: Final[dict[Law, int]] = {"PCMU": 0xFF, "PCMA": 0xD5}
"""The octet of each law that stands for (nearly) no sound."""

DECODE_OFFSET: Final[dict[Law, int]] = {"PCMU": 0, "PCMA": 256}
ENCODE_OFFSET: Final[dict[Law, int]] = {"PCMU": 0, "PCMA": 65536}


def _ulaw_values() -> Pcm:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent = (code >> 4) & 7
    magnitude = ((((code & 15) << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_values() -> Pcm:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code >> 4) & 7
    mantissa = ((code & 15) << 4) + 8
    magnitude = np.where(exponent > 0, (mantissa + 0x100) << np.maximum(exponent - 1, 0), mantissa)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest(values: Pcm) -> Octets:
    """The octet nearest to each of the 65,536 samples, indexed by the sample's uint16 view."""
    order = np.argsort(values, kind="stable")
    levels = values[order].astype(np.int32)
    borders = (levels[1:] + levels[:-1]) / 2.0
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.float64)
    return order[np.searchsorted(borders, samples, side="right")].astype(np.uint8)


def _decoding_table() -> Pcm:
    table = np.concatenate([_ulaw_values(), _alaw_values()])
    table.setflags(write=False)
    return table


def _encoding_table() -> Octets:
    ulaw = _nearest(_ulaw_values())
    ulaw[0] = SILENCE["PCMU"]  # µ-law has two zeros; 0xFF is the one that peers send
    table = np.concatenate([ulaw, _nearest(_alaw_values())])
    table.setflags(write=False)
    return table


DECODE: Final = _decoding_table()
"""int16[512]: µ-law at 0, A-law at 256."""
ENCODE: Final = _encoding_table()
"""uint8[131072]: µ-law at 0, A-law at 65536, indexed by the sample as uint16."""


def decode(law: Law, octets: bytes | Octets) -> Pcm:
    """Samples of `octets` (any shape; 8 kHz), full scale ±32124 (µ-law) or ±32256 (A-law)."""
    data = np.frombuffer(octets, np.uint8) if isinstance(octets, bytes) else octets
    start = DECODE_OFFSET[law]
    result: Pcm = DECODE[start : start + 256].take(data)
    return result


def encode(law: Law, samples: Pcm) -> Octets:
    """Octets of int16 `samples`, same shape."""
    start = ENCODE_OFFSET[law]
    result: Octets = ENCODE[start : start + 65536].take(samples.view(np.uint16))
    return result


class RowCodec:
    """Decodes and encodes batches of rows, tick after tick, in arrays of its own: fresh ones of
    this size would cost more than the look-ups, in page faults."""

    __slots__ = ("_codes", "_index", "_levels", "_octets", "_samples")

    def __init__(self, rows: int, samples: int) -> None:
        """`rows`: the most that there will be; `samples`: of a frame."""
        self._codes = np.empty((rows, samples), np.uint16)
        self._levels = np.empty((rows, samples), np.uint32)
        self._index = np.empty((rows, samples), np.intp)
        self._samples = np.empty((rows, samples), np.int16)
        self._octets = np.empty((rows, samples), np.uint8)

    def decode(self, octets: Octets, offsets: NDArray[np.uint16]) -> Pcm:
        """Samples of (legs, samples) `octets`; `offsets` (legs, 1) holds each row's
        `DECODE_OFFSET`. Valid until the next call."""
        count = len(octets)
        index = self._index[:count]
        np.copyto(index, np.add(octets, offsets, out=self._codes[:count]))
        return DECODE.take(index, out=self._samples[:count], mode="wrap")

    def encode(self, samples: Pcm, offsets: NDArray[np.uint32]) -> Octets:
        """Octets of (legs, samples) `samples`; `offsets` (legs, 1) holds each row's
        `ENCODE_OFFSET`. Valid until the next call."""
        count = len(samples)
        index = self._index[:count]
        np.copyto(index, np.add(samples.view(np.uint16), offsets, out=self._levels[:count]))
        return ENCODE.take(index, out=self._octets[:count], mode="wrap")
