"""Figures of WebRTC clients (webrtc.md §9): LiveKit's Python SDK, in processes of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from livekit import api
from livekit.protocol.rtc import SignalResponse
from websockets.sync.client import connect

from .caller import Call, Caller
from .exchange import KEY, SECRET, Exchange
from .media import Phones
from .report import Row, row

SECONDS = 15.0
PAIRS = 10
CALLS = 10
MANY = 20
"""Calls with an agent each that the SDK's clients manage on one core of their own."""
JOINS = 30


def join_token(room: str, identity: str) -> str:
    """For a client."""
    made = api.AccessToken(KEY, SECRET).with_identity(identity)
    return made.with_grants(api.VideoGrants(room_join=True, room=room)).to_jwt()


class SdkProcess:
    """`bench.rtc_client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.rtc_client", f"ws://127.0.0.1:{exchange.http_port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, **order: Any) -> dict[str, Any]:
        """One order, and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients' process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def join(self, *clients: tuple[str, str]) -> list[float]:
        """(room, identity) of those who join, speak and listen; seconds of each `connect()`."""
        order = [(join_token(room, who), None, True) for room, who in clients]
        times: list[float] = self.ask(join=order)["connect"]
        return times


def pairs() -> Row:
    """Clients in pairs, each sends and receives one Opus stream."""
    with Exchange() as exchange, SdkProcess(exchange) as clients:
        clients.join(*((f"p{n // 2}", f"c{n}") for n in range(2 * PAIRS)))
        time.sleep(3)
        clients.ask(heard=True)
        used, passed = _measured(exchange)
        heard = clients.ask(heard=True)["frames"] / (100 * passed * 2 * PAIRS)
    return row(
        f"client in {PAIRS} pairs that exchange Opus: % of a core each",
        100 * used / passed / (2 * PAIRS),
        0.50,
        0.25,
        unit=" %",
        digits=3,
        note=f" ({heard:.1%} of the frames heard)",
        also=heard > 0.97,
    )


@dataclass(frozen=True, slots=True)
class WithAgents:
    """Calls, each in a room with a client, both speaking."""

    percent: float
    """Of a core, of each."""
    lost: float
    """Percent of the packets that phones should have heard."""
    in_time: float
    """Percent of the media clock's ticks that came within 10 ms."""
    kilobytes: float
    """Resident memory of each."""
    answers: list[float]
    """Milliseconds from INVITE to 200, of calls one after another."""


def _with_agents(count: int) -> WithAgents:
    """So many of them."""
    with Exchange(answer="subscribed") as exchange, SdkProcess(exchange) as clients:
        clients.join(("warm", "warm"))  # the first one loads OpenSSL and SCTP
        before = exchange.resident_kb()
        clients.join(*((_room(n), f"agent{n}") for n in range(count)))
        caller = Caller(exchange.sip_port, exchange.http_port)
        phones = Phones(count)
        calls = [_call(caller, n, port) for n, port in enumerate(phones.ports)]
        caller.wait_answered(*calls)
        phones.connect([call.remote_port for call in calls])
        phones.run(3)
        phones.forget()
        late, start, used = exchange.late(), time.monotonic(), exchange.cpu()
        phones.run(SECONDS)
        used, passed = exchange.cpu() - used, time.monotonic() - start
        ticks = {limit: number - late[limit] for limit, number in exchange.late().items()}
        lost, expected = phones.lost()
        memory = (exchange.resident_kb() - before) / count
        for call in calls:
            caller.hang_up(call)
        caller.wait_gone(*calls)
        answers = _answers(caller)
        caller.close()
    return WithAgents(
        100 * used / passed / count,
        100 * lost / max(1, expected),
        100 * ticks["0.01"] / ticks["+Inf"],
        memory,
        answers,
    )


def phone_and_agent() -> list[Row]:
    """A few rooms, and many: a packet that comes alone costs more than one among others."""
    few, many = _with_agents(CALLS), _with_agents(MANY)
    good = many.lost <= 0.5 and many.in_time >= 99.9
    return [
        *(
            row(
                f"phone + agent in a room, both speaking, {count} of them: % of a core each",
                found.percent,
                1.0,
                0.6,
                unit=" %",
                digits=2,
                note=f" ({found.lost:.3f} % lost)",
                also=found.lost <= 0.1,
            )
            for count, found in ((CALLS, few), (MANY, many))
        ),
        row(
            f"calls with an agent that one core would hold, by those {MANY}",
            100 / many.percent,
            60,
            120,
            more=True,
            digits=0,
            note=f" ({many.in_time:.2f} % of the ticks within 10 ms)",
            also=good,
        ),
        row("resident memory of a phone + agent", few.kilobytes, 1000, 400, unit=" kB", digits=0),
        _percentiles("INVITE → 200, agent waiting: p50 / p99", few.answers, (20, 50), (10, 25)),
    ]


def _answers(caller: Caller) -> list[float]:
    """Milliseconds from INVITE to 200, of calls one after another."""
    found = []
    for n in range(JOINS):
        call = _call(caller, n % CALLS, 0)
        caller.wait_answered(call)
        found.append(1000 * (call.answered_at - call.invited_at))
        caller.hang_up(call)
        caller.wait_gone(call)
    return found


def _room(number: int) -> str:
    return f"r_+1510{number:07d}"


def _call(caller: Caller, number: int, port: int) -> Call:
    return caller.invite(f"+1444{number:07d}", f"+1510{number:07d}", port)


def joins() -> list[Row]:
    """What a client waits for."""
    with Exchange() as exchange, SdkProcess(exchange) as clients:
        clients.join(("warm", "warm"))
        connects = sorted(
            1000 * one for one in clients.join(*((f"j{n}", "c") for n in range(JOINS)))
        )
        first = sorted(_first_message(exchange, n) for n in range(JOINS))
    return [
        row(
            "`connect()` of the Python SDK, one after another: p50",
            statistics.median(connects),
            130,
            100,
            unit=" ms",
            digits=0,
        ),
        row("socket open → `join`: p50", statistics.median(first), 6, 3, unit=" ms"),
    ]


def _first_message(exchange: Exchange, number: int) -> float:
    """Milliseconds from the open socket to the first message."""
    token = join_token(f"w{number}", "c")
    url = f"ws://127.0.0.1:{exchange.http_port}/rtc?protocol=16&sdk=python&access_token={token}"
    with connect(url) as socket:
        start = time.monotonic()
        message = SignalResponse.FromString(socket.recv())  # type: ignore[arg-type]
        passed = time.monotonic() - start
    if message.WhichOneof("message") != "join":
        raise RuntimeError("the first message is no join")
    return 1000 * passed


def _percentiles(
    figure: str, values: list[float], least: tuple[float, float], aim: tuple[float, float]
) -> Row:
    """p50 and p99 in milliseconds."""
    ordered = sorted(values)
    p50, p99 = statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))]
    ok = "no"
    if p50 <= least[0] and p99 <= least[1]:
        ok = "aim" if p50 <= aim[0] and p99 <= aim[1] else "yes"
    return Row(
        figure,
        f"≤ {least[0]:g} / {least[1]:g} ms",
        f"{aim[0]:g} / {aim[1]:g} ms",
        f"{p50:.1f} / {p99:.1f} ms",
        ok,
    )


def _measured(exchange: Exchange) -> tuple[float, float]:
    """Seconds of CPU that the exchange used, and seconds that passed."""
    before, start = exchange.cpu(), time.monotonic()
    time.sleep(SECONDS)
    return exchange.cpu() - before, time.monotonic() - start


def clients() -> list[Row]:
    """All of them."""
    return [pairs(), *phone_and_agent(), *joins()]
