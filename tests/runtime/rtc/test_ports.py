"""The ports of all peer connections: strangers, TCP, and mistakes of ours."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aioice import stun
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer

from hookflash.runtime.rtc.ports import MANY

LOW = 440.0


def test_what_strangers_send_is_counted_and_disturbs_nobody() -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for data in (
                    b"\x00garbage",
                    b"\x80" + b"x" * 30,
                    b"\x16" + b"x" * 30,
                    b"",
                    b"\xff",
                ):
                    stranger.sendto(data, ("127.0.0.1", ports.udp_port))
                agent: Any = lab.server.rtc._clients[ann.sid].publisher.transport.agent
                silent = stun.Message(stun.Method.BINDING, stun.Class.INDICATION)
                silent.attributes["USERNAME"] = f"{agent.ufrag}:me"
                stranger.sendto(bytes(silent), ("127.0.0.1", ports.udp_port))
                unknown = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
                unknown.attributes["USERNAME"] = "nobody:me"
                stranger.sendto(bytes(unknown), ("127.0.0.1", ports.udp_port))
            await bob.until(lambda: ports.agents.refused["unknown_ufrag"])
            assert ports.dropped["unreadable"] == 1
            assert ports.dropped["unknown_path"] == 3
            ear = bob.ear(sid)
            assert ear is not None
            before = len(ear.packets)
            await bob.until(lambda: len(ear.packets) > before + 10)

    run(check)


def test_all_connections_have_one_certificate() -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        assert ports.fingerprint == ports.fingerprint

    run(check)


def test_a_connection_by_tcp_is_a_path_until_it_closes() -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            agent: Any = lab.server.rtc._clients[ann.sid].publisher.transport.agent
            check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            check.attributes.update(
                {
                    "USERNAME": f"{agent.ufrag}:mine",
                    "PRIORITY": 1,
                    "ICE-CONTROLLING": 1,
                    "USE-CANDIDATE": None,
                }
            )
            check.add_message_integrity(agent.password.encode())
            data = bytes(check)
            reader, writer = await asyncio.open_connection("127.0.0.1", ports.tcp_port)
            writer.write(len(data).to_bytes(2, "big") + data)
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = stun.parse_message(await reader.readexactly(size))
            assert answer.message_class == stun.Class.RESPONSE
            path = agent.selected
            assert path is not None
            assert ports.admits(path)
            writer.close()
            await ann.until(lambda: agent.selected is None)
            assert not ports.admits(path)
            ports.closed(path)

    run(check)


def test_a_mistake_about_one_packet_or_one_transport_is_in_the_log_and_costs_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            clients = lab.server.rtc._clients
            transport: Any = clients[ann.sid].publisher.transport
            path = transport.agent.selected
            monkeypatch.setattr(transport, "received", None)
            monkeypatch.setattr(transport, "check", None)
            ports.received(path, b"\x80", 0.0)
            assert len(lab.logged("internal_error")) == 1
            other: Any = clients[bob.sid].publisher.transport
            looked: list[float] = []
            monkeypatch.setattr(other, "check", looked.append)
            ports._look()
            assert looked
            assert ports._sweep is not None
            monkeypatch.undo()

    run(check, errors=["internal_error"])


def test_packets_that_only_ticks_want_wait_for_them() -> None:
    """Where they are many, and nobody's connection comes about at the moment."""

    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        said: list[bool] = []
        ports.sockets.be_patient = said.append  # type: ignore[assignment, method-assign]

        def look(packets: int) -> list[bool]:
            said.clear()
            ports._packets = packets
            ports._look()
            return said[:]

        async with RtcPeer(lab, "ann") as ann:
            await ann.until(lambda: not ports.handshakes)
            look(0)
            assert look(MANY - 1) == [False]
            assert look(MANY) == [True]
            assert look(MANY) == [True]
            said.clear()
            ports.hurry()
            ports.hurry()
            assert said == [False]
            assert look(MANY) == [False]
            assert look(MANY) == [True]
            ports.handshakes.add(ports._transports[next(iter(ports._transports))])
            assert look(MANY) == [False]
            ports.handshakes.clear()
            said.clear()
            async with RtcPeer(lab, "bob") as bob:
                await bob.told("join")
                assert said[0] is False

    run(check)


def test_who_is_forwarded_is_in_a_hurry_and_who_is_mixed_is_not() -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        async with RtcPeer(lab, "ann") as ann:
            sid = await ann.speak(LOW)
            track = lab.server.rtc._clients[ann.sid].publisher
            await ann.until(lambda: track.published)
            (published,) = track.published.values()
            ports._hurried = False
            received = published.source.receiver.received
            await ann.until(lambda: published.source.receiver.received > received + 2)
            assert not ports._hurried
            async with RtcPeer(lab, "bob") as bob:
                await bob.hears(sid, LOW)
                ports._hurried = False
                await ann.until(lambda: ports._hurried)

    run(check)


def test_ports_that_stop_end_their_connections() -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        async with RtcPeer(lab, "ann") as ann:
            transport: Any = lab.server.rtc._clients[ann.sid].publisher.transport
            await ports.stop()
            assert transport.closed
            assert not ports._transports
            await ann.until(lambda: ann.publisher.connectionState == "closed")

    run(check)
