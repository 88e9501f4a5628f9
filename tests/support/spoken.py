"""Telephones that speak and record, through a real exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray
from tests.support.lab import NUMBER, Lab, run

from hookflash.audio.tone_bank import Pcm
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.uri import Uri

CALLER, AGENT = "+14155550100", "+14155550101"
Test = Callable[[CarrierService], Awaitable[None]]


def found_in(heard: Pcm, said: Pcm) -> tuple[int, float]:
    """(where in `heard` what was said begins, in samples; how like it that is, 1.0 for the same).

    By correlation, which the Fourier transform makes quick.
    """
    size = len(heard) + len(said)
    both = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size))
    at = int(np.argmax(np.fft.irfft(both, size)[: len(heard) - len(said) + 1]))
    piece: NDArray[np.float64] = heard[at : at + len(said)].astype(np.float64)
    like = piece @ said / np.sqrt((piece @ piece) * (said.astype(np.float64) @ said))
    return at, float(like)


def play(test: Test, caller: PhoneConfig, agent: PhoneConfig, profile: str = "plain") -> None:
    """The agent is in the exchange's room; the caller comes when the test lets it call."""

    async def main(lab: Lab) -> None:
        await lab.ready()
        trunk = TrunkConfig("line", (NUMBER,), Uri.sip(None, *lab.sip))
        config = NetworkConfig((trunk,), (caller, agent))
        async with CarrierService(load_profile(profile), config, seed=1) as carrier:
            carrier.call(AGENT, NUMBER)
            await carrier.happened("call_answered")
            await test(carrier)

    run(main, sip__answer="immediately")
