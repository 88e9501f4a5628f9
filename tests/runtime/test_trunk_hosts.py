"""Names of trunks are looked up beside everything else, whatever name servers do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from hookflash.adapters.clock import SystemClock
from hookflash.calls.trunks.index import parse_source
from hookflash.calls.trunks.named_hosts import NamedHosts
from hookflash.runtime.trunk_hosts import AT_ONCE, TrunkHosts

HOME = parse_source("192.0.2.1")


class Names:
    """A resolver whose answers the test holds back."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.open = asyncio.Event()
        self.fault: Exception | None = None

    async def peer(self, name: str) -> tuple[list[str], bool]:
        self.asked.put_nowait(name)
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return ["192.0.2.1"], True


def run(check: Callable[[NamedHosts, Names, TrunkHosts], Awaitable[None]]) -> None:
    async def main() -> None:
        hosts, names = NamedHosts(), Names()
        looks = TrunkHosts(hosts, names, SystemClock())
        try:
            async with asyncio.timeout(10):
                await check(hosts, names, looks)
        finally:
            await looks.stop()

    asyncio.run(main())


def test_the_start_waits_for_names_that_are_answered() -> None:
    async def check(hosts: NamedHosts, names: Names, looks: TrunkHosts) -> None:
        names.open.set()
        hosts.add(["carrier.example:5060"])
        await looks.start()
        assert await names.asked.get() == "carrier.example"
        assert list(hosts.at(HOME)) == ["carrier.example:5060"]

    run(check)


def test_the_start_does_not_wait_long_for_a_slow_name_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hookflash.runtime.trunk_hosts.AT_START", 0.01)

    async def check(hosts: NamedHosts, names: Names, looks: TrunkHosts) -> None:
        hosts.add(["carrier.example"])
        await looks.start()
        assert not hosts.at(HOME)

    run(check)


def test_a_name_of_a_new_trunk_is_looked_up_at_once() -> None:
    async def check(hosts: NamedHosts, names: Names, looks: TrunkHosts) -> None:
        await looks.start()
        hosts.add(["carrier.example"])
        assert await names.asked.get() == "carrier.example"
        names.open.set()
        while not hosts.at(HOME):
            await asyncio.wait(looks._tasks)

    run(check)


def test_so_many_names_are_looked_up_at_a_time_and_then_the_others() -> None:
    async def check(hosts: NamedHosts, names: Names, looks: TrunkHosts) -> None:
        await looks.start()
        hosts.add(f"host-{i}" for i in range(AT_ONCE + 2))
        seen = [await names.asked.get() for _ in range(AT_ONCE)]
        assert names.asked.empty()
        assert looks.next_deadline() is None
        names.open.set()
        seen += [await names.asked.get() for _ in range(2)]
        assert sorted(seen) == sorted(f"host-{i}" for i in range(AT_ONCE + 2))

    run(check)


def test_whatever_a_look_up_raises_it_is_tried_again() -> None:
    async def check(hosts: NamedHosts, names: Names, looks: TrunkHosts) -> None:
        names.fault = ValueError("nonsense")
        names.open.set()
        hosts.add(["carrier.example"])
        with capture_logs() as logs:
            await looks.start()
        assert {line["event"] for line in logs} == {"trunk_host_failed", "trunk_host_unknown"}
        assert looks.next_deadline() is not None
        assert not hosts.at(HOME)

    run(check)


def test_a_look_up_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookflash.runtime.trunk_hosts.WITHIN", 0.01)

    async def check(hosts: NamedHosts, names: Names, looks: TrunkHosts) -> None:
        hosts.add(["carrier.example"])
        with capture_logs() as logs:
            await looks.start()
        assert "TimeoutError" in {line.get("error") for line in logs}
        assert not looks._tasks

    run(check)
