"""Held calls: CPU, loss and memory of the media engine alone (docs/performance.md).

    python bench/media.py [--seconds 8] [--rows relay:100,relay:400,mix:99,mix:399]

The engine runs in a child process; this one is all the phones: 50 packets/s of G.711 each way
for each. `relay`: pairs; `mix`: three phones in a room.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from struct import Struct

HEADER = Struct("!BBHII")
FIRST_PORT = 30000


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident_kb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


class Server:
    """The child: opens legs as told, then reports."""

    def __init__(self, kind: str, ports: list[int]) -> None:
        self.kind = kind
        self.ports = ports

    async def run(self) -> None:
        from hookflash.adapters.clock import SystemClock
        from hookflash.base.ids import Ids
        from hookflash.runtime.media.engine import MediaEngine, MediaEngineSettings
        from hookflash.sdp.plan import Codec, MediaPlan

        loop = asyncio.get_running_loop()
        engine = MediaEngine(
            clock=SystemClock(),
            loop=loop,
            settings=MediaEngineSettings(rtp_port=(FIRST_PORT, FIRST_PORT + 4096)),
            ids=Ids(random.Random(1)),
        )
        gc.collect()
        before = _resident_kb()
        size = 2 if self.kind == "relay" else 3
        codec = Codec("PCMU", 0, 8000)
        streams = []
        for number, port in enumerate(self.ports):
            stream = engine.open(f"leg{number}", "127.0.0.1", "127.0.0.1", lambda _event: None)
            address = ("127.0.0.1", port)
            rtcp = ("127.0.0.1", port + 1)
            stream.apply(MediaPlan(address, rtcp, codec, {0: codec}, 101, frozenset({101})))
            engine.join(f"room{number // size}", stream)
            streams.append(stream)
        _say({"ports": [stream.local.port for stream in streams]})
        await _line(loop)
        cpu, at = _cpu(), time.monotonic()
        await _line(loop)
        cpu, seconds = _cpu() - cpu, time.monotonic() - at
        stats = [stream.stats() for stream in streams]
        _say(
            {
                "percent": 100 * cpu / seconds / len(streams),
                "cpu": cpu,
                "kb": (_resident_kb() - before) / len(streams),
                "received": sum(item.packets_received for item in stats),
                "lost_in": sum(item.packets_lost for item in stats),
                "sent": sum(item.packets_sent for item in stats),
            }
        )
        await engine.stop()


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _first_line() -> bytes:
    """Of stdin, and not an octet more: what follows is watched by the loop."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1)
    return line


async def _line(loop: asyncio.AbstractEventLoop) -> None:
    read = loop.create_future()
    loop.add_reader(0, read.set_result, None)
    await read
    loop.remove_reader(0)
    os.read(0, 16)


class Phones:
    """All phones: each sends 50 packets/s, evenly spread over time, and counts what it gets."""

    def __init__(self, count: int) -> None:
        self.sockets = []
        for _ in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            self.sockets.append(sock)
        self.ports = [sock.getsockname()[1] for sock in self.sockets]
        self.first = [-1] * count
        self.last = [-1] * count
        self.got = [0] * count
        self._sent = self._forgotten = 0
        self._start = time.monotonic()
        self._packet = bytearray(172)
        self._buffer = bytearray(2048)

    def connect(self, ports: list[int]) -> None:
        for sock, port in zip(self.sockets, ports, strict=True):
            sock.connect(("127.0.0.1", port))
        self._start = time.monotonic()

    def joined(self, others: Phones) -> Phones:
        """All of them as one."""
        both = Phones(0)
        both.sockets = self.sockets + others.sockets
        both.ports = self.ports + others.ports
        both.forget()
        return both

    @property
    def sent(self) -> int:
        """Packets since `forget`; where the machine is busy, fewer than were due."""
        return self._sent - self._forgotten

    def forget(self) -> None:
        self._forgotten = self._sent
        count = len(self.sockets)
        self.first, self.last, self.got = [-1] * count, [-1] * count, [0] * count

    def lost(self) -> tuple[int, int]:
        """(packets missing in the sequences, packets expected)."""
        expected = sum(
            (last - first & 0xFFFF) + 1
            for first, last in zip(self.first, self.last, strict=True)
            if first >= 0
        )
        return expected - sum(self.got), expected

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        gap = 0.02 / len(self.sockets)
        while (now := time.monotonic()) < end:
            due = int((now - self._start) / gap)
            while self._sent < due:
                self._turn(self._sent)
                self._sent += 1
            time.sleep(0.0005)

    def _turn(self, number: int) -> None:
        turn, phone = divmod(number, len(self.sockets))
        sock, buffer = self.sockets[phone], self._buffer
        HEADER.pack_into(self._packet, 0, 0x80, 0, turn & 0xFFFF, turn * 160 & 0xFFFFFFFF, phone)
        try:
            sock.send(self._packet)
            while True:
                sock.recv_into(buffer)
                sequence = buffer[2] << 8 | buffer[3]
                if self.first[phone] < 0:
                    self.first[phone] = sequence
                self.last[phone] = sequence
                self.got[phone] += 1
        except OSError:
            return


def measure(kind: str, count: int, seconds: float) -> dict[str, float]:
    """One row of the table."""
    phones = Phones(count)
    command = [sys.executable, __file__, "--serve", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(json.dumps(phones.ports).encode() + b"\n")
        child.stdin.flush()
        phones.connect(json.loads(child.stdout.readline())["ports"])
        phones.run(2)
        phones.forget()
        child.stdin.write(b"\n")
        child.stdin.flush()
        phones.run(seconds)
        child.stdin.write(b"\n")
        child.stdin.flush()
        lost, expected = phones.lost()
        result: dict[str, float] = json.loads(child.stdout.readline())
    result["lost"] = 100 * lost / max(1, expected)
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rows", default="relay:100,relay:400,mix:99,mix:399")
    parser.add_argument("--serve")
    options = parser.parse_args()
    if options.serve:
        import uvloop

        ports = json.loads(_first_line())
        uvloop.run(Server(options.serve, ports).run())
        return
    print(f"{'row':12} {'% of a core per leg':>20} {'lost %':>8} {'kB per leg':>11}")
    for row in options.rows.split(","):
        kind, count = row.split(":")
        result = measure(kind, int(count), options.seconds)
        print(
            f"{row:12} {result['percent']:20.4f} {result['lost']:8.3f} {result['kb']:11.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
