"""`hookflash carrier --load` as people run it, against `hookflash serve`."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from tests.support.cli import invoke, running
from tests.support.dev import Dev
from tests.support.dev import run as with_server

from hookflash.carrier.load_figures import LoadFigures
from hookflash.carrier.load_order import LoadOrder
from hookflash.carrier.load_verdicts import LoadVerdict
from hookflash.carrier.packets import Packets
from hookflash.cli.carrier_load import LoadDone, said
from hookflash.cli.exits import EXIT_CONFIG
from hookflash.config import DEV_KEY, DEV_SECRET

LINE, TARGET = "+15550000001", "+15105550123"
CARRIER = (sys.executable, "-W", "error", "-m", "hookflash", "carrier")
ROOM = ("--room", "lobby")
PORTS = ("--sip", "127.0.0.1:0", "--http", "127.0.0.1:0")


def play(
    test: Callable[[Dev, tuple[str, ...]], Awaitable[None]], folder: Path, *, called: str = LINE
) -> None:
    """With an exchange whose calls are all in one room, and the command with its trunk."""

    async def main(dev: Dev) -> None:
        access = ("--api-key", DEV_KEY, "--api-secret", DEV_SECRET)
        for words in (("trunk", "inbound", "add", "--number", LINE), ("rule", "add", *ROOM)):
            made = await asyncio.to_thread(invoke, dev.url, *words, *access)
            assert made.code == 0, made.err
        config = folder / "carrier.yml"
        host, port = dev.sip
        trunks = [{"numbers": [called], "origination": f"sip:{host}:{port}"}]
        phones = [{"number": "+14155550100", "tone": 330}, {"number": TARGET, "after": 0.1}]
        config.write_text(json.dumps({"trunks": trunks, "phones": phones}))
        await test(dev, (*CARRIER, *PORTS, "--config", str(config)))

    with_server(main)


def test_a_run_with_transfers_whose_verdicts_are_all_right(tmp_path: Path) -> None:
    async def test(dev: Dev, command: tuple[str, ...]) -> None:
        terms = ("calls=12", "rate=6", "hold=2s", "transfers=0.5")
        code, out = await dev.program(*command, "--json", "--load", *terms, "--for", "2s")
        line, _, document = out.partition("{\n")
        told = json.loads("{" + document)
        assert code == 0, out
        assert line.startswith("0:00: 0 calls up, 0 made, 0 failed")
        calls, transfers = told["calls"], told["transfers"]
        assert calls["tried"] == calls["answered"] >= 8
        assert calls["failures"] == {}
        assert transfers["asked"] == transfers["completed"] == calls["tried"] // 2
        assert transfers["wrong"] == 0
        assert told["load"]["to"] == TARGET
        assert told["rtp"]["received"] > 100
        assert told["set_up"]["median"] > 0
        assert told["transfer"]["median"] >= 0.1

    play(test, tmp_path)


def test_a_table_and_the_code_of_a_run_that_failed(tmp_path: Path) -> None:
    """The exchange does not know the number."""

    async def test(dev: Dev, command: tuple[str, ...]) -> None:
        code, out = await dev.program(*command, "--load", "calls=1", "rate=1", "--for", "1s")
        assert code == 1, out
        rows = [line.split() for line in out.splitlines()]
        assert ["what", "number", "median", "95", "%", "longest"] in rows
        assert ["answered", "0"] in rows
        assert ["failed", "1"] in rows
        assert rows[rows.index(["failed", "1"]) + 1][0].startswith("4")

    play(test, tmp_path, called="+15550000002")


def test_ctrl_c_ends_it_early_with_the_table(tmp_path: Path) -> None:
    file = tmp_path / "seen.pcap"

    async def test(dev: Dev, command: tuple[str, ...]) -> None:
        terms = ("calls=2", "rate=50", "hold=60s")
        async with running(*command, "--load", *terms, "--pcap", str(file)) as (child, line):
            assert (await line()).startswith("0:00: ")
            while file.read_bytes().count(b"ACK sip:") < 2:
                await asyncio.to_thread(lambda: None)
            child.send_signal(signal.SIGINT)
            rows = [(await line()).split() for _ in range(7)]
            assert await child.wait() == 0
        assert ["ended", "by", "the", "end", "of", "the", "run", "2"] in rows
        assert ["failed", "0"] in rows
        assert file.read_bytes().count(b"BYE sip:") >= 2

    play(test, tmp_path)


def test_an_api_that_is_not_there() -> None:
    ran = invoke("http://127.0.0.1:9", "carrier", "--load", "calls=1", "transfers=1")
    assert ran.code == 1
    assert ran.err.startswith("hookflash: no answer from http://127.0.0.1:9 (")
    assert ran.out == ""


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        async def main() -> None:
            command = (*CARRIER, "--sip", f"127.0.0.1:{port}", "--http", "", "--load", "calls=1")
            async with running(*command) as (child, line):
                assert (await line()).startswith("hookflash: cannot listen at ")
                assert await child.wait() == EXIT_CONFIG

        uvloop.run(main())


def figures() -> LoadFigures:
    made = LoadFigures()
    for seconds in (0.01, 0.02, 1.5):
        made.placed()
        made.answered(seconds)
    made.over(answered=True, failure="")
    made.over(answered=True, failure="heard nothing")
    made.transferred(LoadVerdict("completed"), 0.5)
    made.transferred(LoadVerdict("not completed", "486 Busy Here"), 0.5)
    return made


def test_the_line_while_it_goes_on() -> None:
    assert said(LoadFigures(), 3.9) == "0:03: 0 calls up, 0 made, 0 failed"
    assert said(figures(), 65.0) == (
        "1:05: 1 calls up, 3 made, 1 failed, 1 of 2 transfers completed"
    )


def test_the_table() -> None:
    packets = Packets()
    packets.sent, packets.received, packets.lost = 100, 99, 1
    order = LoadOrder(seconds=2.0, transfers=0.5, to=TARGET)
    done = LoadDone(order, figures(), packets, (500, 3), 4.0)
    assert [[cell for cell in row if cell] for row in done.rows()] == [
        ["calls made", "3 (1.5/s)"],
        ["  answered", "3", "20 ms", "1.50 s", "1.50 s"],
        ["  up at once", "3"],
        ["  failed", "1"],
        ["    heard nothing", "1"],
        ["transfers asked for", "2"],
        ["  completed", "1", "500 ms", "500 ms", "500 ms"],
        ["  not completed", "1"],
        ["    486 Busy Here", "1"],
        ["  verdicts that are wrong", "0"],
        ["RTP packets sent", "100"],
        ["  received", "99"],
        ["  lost on the way here", "1 (1.00 %)"],
        ["20 ms ticks that came late", "3 of 500"],
    ]
    told = done.as_json()
    assert told["rtp"] == {"sent": 100, "received": 99, "lost": 1}
    assert told["ticks"] == {"all": 500, "late": 3}
    assert told["load"]["for"] == 2.0


@pytest.mark.parametrize(("transfers", "sound", "rows"), [(0.0, True, 9), (0.0, False, 5)])
def test_what_is_not_asked_for_is_not_in_the_table(
    transfers: float, sound: bool, rows: int
) -> None:
    order = LoadOrder(transfers=transfers, sound=sound)
    assert len(LoadDone(order, figures(), Packets(), (0, 0), 1.0).rows()) == rows
