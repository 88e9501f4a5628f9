"""A load run of the carrier against the whole exchange, in one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from livekit import api
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.call_load import CallLoad
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.load_figures import LoadFigures
from hookflash.carrier.load_order import LoadOrder, dialled_numbers, load_network
from hookflash.carrier.load_runner import LoadRunner
from hookflash.carrier.load_verdicts import TransferTold
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.uri import Uri

TARGET = "+15105550123"
SECONDS = 64
"""In which everything about a call is forgotten."""
ORDER = LoadOrder(calls=4, rate=10.0, seconds=1.0, hold=1.0)


class LabApi:
    """Asks the exchange of the lab; `done`: what it says instead of the truth."""

    def __init__(self, lab: Lab, done: bool | None = None) -> None:
        self._lab = lab
        self._done = done

    async def transfer(self, caller: str, dialled: str) -> TransferTold:
        """As `load_runner.TransferApi` has it."""
        assert dialled == NUMBER
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._lab.transfer(f"sip_{caller}", f"tel:{TARGET}")
        except api.TwirpError as error:
            status = error.metadata.get("sip_status_code", "0")
            told = TransferTold(False, f"{status} {error.code}", error.code, int(status))
        else:
            told = TransferTold(True, seconds=loop.time() - began)
        return told if self._done is None else replace(told, done=self._done)


class Played:
    """A carrier, a load run on it, and what is left of it."""

    def __init__(
        self, carrier: CarrierService, load: CallLoad, runner: LoadRunner, shared: int
    ) -> None:
        """`shared`: sockets that stay until the carrier ends."""
        self._shared = shared
        self.carrier = carrier
        self.load = load
        self.runner = runner
        self.stop = asyncio.Event()

    async def run(self) -> LoadFigures:
        """All of it; nothing is left."""
        carrier, before = self.carrier, sockets()
        await self.runner.run(self.stop)
        assert self.load.done
        await carrier.until(lambda: carrier.idle)
        switch, now = carrier.switch, carrier.now()
        assert not switch.conversations
        assert sockets() == before + self._shared
        for _ in range(SECONDS):  # what waits for messages that come again
            now += 1.0
            switch.take(now, switch.board.handle_deadline(now))
            switch.handle_deadline(now)
        assert (*switch.ends, *switch.board.legs()) == ()
        assert switch.next_deadline() is None
        assert switch.board.next_deadline() is None
        assert self.load.next_deadline() is None
        return self.load.figures


def play(
    test: Callable[[Played], Awaitable[None]],
    order: LoadOrder = ORDER,
    *,
    target: PhoneConfig | None = None,
    says: bool | None = None,
    profile: str = "plain",
    reaches: bool = True,
) -> None:
    """`target`: the telephone that calls are transferred to. `says`: the API says so, whatever is
    true. `reaches`: the exchange knows the number that is called."""

    async def main(lab: Lab) -> None:
        if reaches:
            await lab.ready()
        line = TrunkConfig("line", (NUMBER,), Uri.sip(None, *lab.sip))
        phones = (
            PhoneConfig("+14155550100", tone=330.0),
            target or PhoneConfig(TARGET, tone=1000.0, after=0.1),
        )
        config = NetworkConfig((line,), phones)
        network, callers = load_network(order, config)
        muted = not order.sound
        before = sockets()
        async with CarrierService(load_profile(profile), network, muted=muted) as carrier:
            load = CallLoad(order, callers, dialled_numbers(config))
            runner = LoadRunner(carrier, load, LabApi(lab, says))
            played = Played(carrier, load, runner, 2 * muted)
            await test(played)
        assert sockets() == before
        assert played.load.done
        assert [task for task in asyncio.all_tasks() if "LoadRunner" in repr(task)] == []

    run(main, sip__answer="immediately")


def sockets() -> int:
    """Those for UDP that are open in this process, the exchange's too."""
    udp = {line.split()[9] for line in Path("/proc/self/net/udp").read_text().splitlines()[1:]}
    found = 0
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder itself is closed by now
            found += str(file.readlink())[8:-1] in udp
    return found


def test_calls_are_made_heard_and_over() -> None:
    async def test(played: Played) -> None:
        figures = await played.run()
        assert (figures.tried, figures.answers, figures.failures) == (10, 10, {})
        assert 2 <= figures.at_once <= 10
        packets, (ticks, _) = played.carrier.packets, played.carrier.ticks
        assert packets.sent > 10 * 40
        assert packets.received > 10 * 20
        assert packets.lost <= packets.received // 10
        assert ticks > 50

    play(test, replace(ORDER, calls=10))


def test_half_of_them_are_transferred_and_every_verdict_is_right() -> None:
    async def test(played: Played) -> None:
        figures = await played.run()
        assert figures.failures == {}
        assert figures.verdicts == {"completed": figures.tried // 2}
        assert figures.transfer is not None
        assert figures.transfer.median >= 0.1

    play(test, replace(ORDER, transfers=0.5))


def test_without_sound() -> None:
    async def test(played: Played) -> None:
        figures = await played.run()
        assert figures.failures == {}
        assert figures.verdicts == {"completed": figures.tried}
        packets = played.carrier.packets
        assert (packets.sent, packets.received) == (0, 0)
        assert played.carrier.ticks == (0, 0)

    play(test, replace(ORDER, transfers=1.0, sound=False))


@pytest.mark.parametrize(
    ("does", "profile", "status", "why"),
    [
        ("busy", "plain", "486 ", ""),
        ("answers", "twilio", "603 ", ": transfer_mode of the trunk is disable-all"),
    ],
)
def test_a_transfer_that_fails_as_it_should(does: str, profile: str, status: str, why: str) -> None:
    async def test(played: Played) -> None:
        figures = await played.run()
        assert figures.failures == {}
        (told,) = figures.not_completed
        assert told.startswith(status)
        assert told.endswith(why)

    target = replace(PhoneConfig(TARGET, after=0.1), does=does)  # type: ignore[arg-type]
    play(test, replace(ORDER, transfers=1.0, seconds=0.5), target=target, profile=profile)


def test_an_api_that_tells_lies_is_found_out() -> None:
    async def test(played: Played) -> None:
        figures = await played.run()
        why = "the API said , at the carrier it connected caller and target"
        assert figures.failures == {why: figures.tried}
        assert figures.verdicts == {"wrong": figures.tried}

    play(test, replace(ORDER, transfers=1.0, seconds=0.5), says=False)


def test_an_exchange_that_refuses() -> None:
    async def test(played: Played) -> None:
        figures = await played.run()
        assert figures.answers == 0
        (why,) = figures.failures
        assert why.startswith("4")
        assert figures.failed == figures.tried

    play(test, replace(ORDER, seconds=0.5), reaches=False)


def test_the_end_before_its_time() -> None:
    async def test(played: Played) -> None:
        run = asyncio.create_task(played.run())
        await played.carrier.happened("transferred")
        played.stop.set()
        figures = await run
        assert figures.failures == {}
        assert figures.ended_early >= 1

    play(test, replace(ORDER, calls=20, seconds=3600.0, hold=60.0, transfers=0.5))
