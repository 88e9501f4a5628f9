"""The composition root: what is stored is there again, and everything closes."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import jwt
import pytest
import structlog
from livekit import api
from structlog.testing import capture_logs

from hookflash.adapters.clock import SystemClock
from hookflash.audio import opus
from hookflash.base.errors import ConfigError
from hookflash.config import Settings, load
from hookflash.media.port_pool import NoPorts
from hookflash.server import Server, _exchange_settings
from hookflash.sip.flow import Flow

KEY, SECRET = "k", "hQ3vT9zKp1wXc7Lr5mYb2NdF8sGj4RaU"


def settings(data_dir: Path, **flags: object) -> Settings:
    """Of a server on loopback that stores; a flag may say otherwise."""
    file = data_dir.parent / "hookflash.yaml"
    file.write_text(f"keys: {{{KEY}: {SECRET}}}\n", "utf-8")
    return load(
        file,
        {
            "port": 0,
            "bind_addresses": ["127.0.0.1"],
            "metrics.bind": "127.0.0.1:0",
            "sip.listen_ip": "127.0.0.1",
            "sip.sip_port": 0,
            "rtc.udp_port": 0,
            "rtc.tcp_port": 0,
            "sip.answer": "immediately",
            "data_dir": str(data_dir),
            **flags,
        },
    )


async def with_server(data_dir: Path, what: str) -> list[str]:
    """Start, make or list trunks, stop; their names."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    server = Server(settings(data_dir))
    await server.start()
    try:
        async with api.LiveKitAPI(f"http://127.0.0.1:{server.http_port}", KEY, SECRET) as livekit:
            if what:
                trunk = api.SIPInboundTrunkInfo(name=what, numbers=["+15550000001"])
                await livekit.sip.create_inbound_trunk(
                    api.CreateSIPInboundTrunkRequest(trunk=trunk)
                )
            found = await livekit.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
            return [item.name for item in found.items]
    finally:
        await server.stop()
        structlog.reset_defaults()


def test_trunks_are_there_after_a_restart(tmp_path: Path) -> None:
    assert asyncio.run(with_server(tmp_path, "main")) == ["main"]
    assert asyncio.run(with_server(tmp_path, "")) == ["main"]


def test_the_start_warns_of_trunks_that_trust_from(tmp_path: Path) -> None:
    async def check() -> None:
        named = api.SIPInboundTrunkInfo(numbers=["+1"], allowed_addresses=["carrier.invalid"])
        for start in range(2):
            with capture_logs() as logs:
                server = Server(settings(tmp_path, **{"sip.allowed_hosts": "from_header"}))
                await server.start()
            assert [line["event"] for line in logs].count("allowed_hosts_from_header") == start
            if not start:
                url = f"http://127.0.0.1:{server.http_port}"
                async with api.LiveKitAPI(url, KEY, SECRET) as livekit:
                    request = api.CreateSIPInboundTrunkRequest(trunk=named)
                    await livekit.sip.create_inbound_trunk(request)
            await server.stop()

    asyncio.run(check())


@pytest.mark.parametrize("step", [3600.0, -7200.0])
def test_the_wall_clock_is_set_under_a_running_server(tmp_path: Path, step: float) -> None:
    """Tokens and what is written down go by the new time; no deadline comes early or late."""
    steps = [0.0]

    def wall() -> float:
        return time.time() + steps[-1]

    async def ask(session: aiohttp.ClientSession, method: str, **request: object) -> Any:
        grants = {"video": {"roomCreate": True, "roomList": True}, "sip": {"admin": True}}
        claims = {"iss": KEY, "nbf": int(wall()), "exp": int(wall()) + 60, **grants}
        headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET)}"}
        async with session.post(f"/twirp/livekit.{method}", json=request, headers=headers) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def check() -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        server = Server(settings(tmp_path), clock=SystemClock(wall))
        await server.start()
        base = f"http://127.0.0.1:{server.http_port}"
        async with aiohttp.ClientSession(base) as session:
            await ask(session, "RoomService/CreateRoom", name="old", empty_timeout=300)
            steps.append(step)
            room = await ask(session, "RoomService/CreateRoom", name="new", empty_timeout=300)
            assert abs(int(room["creation_time"]) - wall()) < 5
            now = server._clock.now()
            deadline = server.rooms.next_deadline()
            assert deadline is not None
            assert 290 < deadline - now < 310
            server.rooms.handle_deadline(now)
            rooms = await ask(session, "RoomService/ListRooms")
            assert [item["name"] for item in rooms["rooms"]] == ["old", "new"]
            trunk = {"name": "t", "numbers": ["+1"], "auth_username": "u", "auth_password": "p"}
            made = await ask(session, "SIP/CreateSIPInboundTrunk", trunk=trunk)
            created = datetime.fromisoformat(made["created_at"]).timestamp()
            assert abs(created - wall()) < 5
        await server.stop()
        structlog.reset_defaults()

    asyncio.run(check())


@pytest.mark.parametrize(
    ("size", "body"),
    [
        (b"Content-Length: 9437185", b""),
        (b"Transfer-Encoding: chunked", b"10001\r\n" + b" " * 65537 + b"\r\n"),
    ],
)
def test_without_a_token_no_body_is_waited_for(tmp_path: Path, size: bytes, body: bytes) -> None:
    head = b"POST /twirp/livekit.SIP/CreateSIPInboundTrunk HTTP/1.1\r\nHost: a\r\n"
    head += b"Content-Type: application/json\r\n" + size + b"\r\n\r\n"

    async def check() -> None:
        server = Server(settings(tmp_path))
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
        writer.write(head + body)
        assert await asyncio.wait_for(reader.readline(), 10) == b"HTTP/1.1 401 Unauthorized\r\n"
        writer.close()
        await server.stop()

    asyncio.run(check())


def test_connections_to_the_api_are_as_many_as_the_settings_say(tmp_path: Path) -> None:
    async def check() -> None:
        server = Server(settings(tmp_path, **{"http.max_connections": 2}))
        await server.start()
        silent = [await asyncio.open_connection("127.0.0.1", server.http_port) for _ in range(3)]
        assert await silent[0][0].read() == b""
        for _, writer in silent:
            writer.close()
        await server.stop()

    asyncio.run(check())


def test_the_log_says_that_rtp_has_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only that there are no ports."""

    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("hookflash.server.UdpPair", full)

    async def check() -> None:
        server = Server(settings(tmp_path))
        await server.start()
        with pytest.raises(NoPorts), capture_logs() as logs:
            server._engine.open("L1", "127.0.0.1", "127.0.0.1", lambda _: None)
        lines = [line for line in logs if line["event"] == "no_open_files"]
        assert [line["needed_for"] for line in lines] == ["RTP"]
        await server.stop()

    asyncio.run(check())


def test_operators_see_how_late_the_ticks_are(tmp_path: Path) -> None:
    async def page() -> str:
        server = Server(settings(tmp_path))
        await server.start()
        text = server.metrics.page().decode()
        await server.stop()
        return text

    assert "hookflash_media_tick_late_seconds_count 0.0" in asyncio.run(page())


Named = tuple[str, str]
TAKEN, FOREIGN = "a port that is free (--", "an address of this machine"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"port": "TCP"}, ("port", TAKEN)),
        ({"sip.sip_port": "TCP"}, ("sip.sip_port", TAKEN)),
        ({"rtc.tcp_port": "TCP"}, ("rtc.tcp_port", TAKEN)),
        ({"metrics.bind": "127.0.0.1:TCP"}, ("metrics.bind", TAKEN)),
        ({"sip.tls.port": "TCP", "sip.tls.certs": ["GOOD"]}, ("sip.tls.port", TAKEN)),
        ({"bind_addresses": "203.0.113.1"}, ("bind_addresses", FOREIGN)),
        ({"sip.listen_ip": "203.0.113.1"}, ("sip.listen_ip", FOREIGN)),
        ({"sip.tls.certs": ["BAD"]}, ("sip.tls.certs", "(not readable as pem)")),
        ({"sip.tls.certs": ["OTHER"]}, ("sip.tls.certs", "(key values mismatch)")),
        ({"sip.tls.ca_file": "BAD"}, ("sip.tls.ca_file", "a PEM file of certificates")),
    ],
)
def test_what_cannot_be_opened_names_its_setting(
    tmp_path: Path, flags: dict[str, object], named: Named
) -> None:
    """What the system says of a port or a file (`[SSL] PEM lib`) names neither."""
    cert, key = make_certificate(tmp_path, "one")
    _, other = make_certificate(tmp_path, "two")
    bad = tmp_path / "bad.pem"
    bad.write_text("nothing")
    pairs = {"GOOD": (cert, key), "BAD": (bad, bad), "OTHER": (cert, other)}

    async def check(port: int) -> None:
        filled = dict(flags)
        for name, value in flags.items():
            if isinstance(value, list):
                first, second = pairs[value[0]]
                filled[name] = [{"cert_file": str(first), "key_file": str(second)}]
            else:
                filled[name] = str(value).replace("TCP", str(port)).replace("BAD", str(bad))
        server = Server(settings(tmp_path / "data", **filled))
        try:
            with pytest.raises(ConfigError) as caught:
                await server.start()
        finally:
            await server.stop()
        assert caught.value.key == named[0]
        assert named[1] in caught.value.allowed

    with socket.create_server(("127.0.0.1", 0)) as taken:
        asyncio.run(check(taken.getsockname()[1]))


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_nothing_is_left_of_a_server_that_stopped(tmp_path: Path) -> None:
    async def check() -> set[asyncio.Task[object]]:
        await with_server(tmp_path, "main")
        return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert asyncio.run(check()) == set()


def test_the_effort_of_opus_is_handed_down(tmp_path: Path) -> None:
    async def effort() -> int:
        server = Server(settings(tmp_path, **{"sip.opus_complexity": 7}))
        await server.start()
        try:
            return server._engine._settings.opus_complexity
        finally:
            await server.stop()

    assert asyncio.run(effort()) == 7


class _Stun(asyncio.DatagramProtocol):
    """Tells everybody that they are 203.0.113.9."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        mapped = struct.pack("!HHBBHI", 0x0020, 8, 0, 1, 0, 0xCB007109 ^ 0x2112A442)
        head = struct.pack("!HHI", 0x0101, len(mapped), 0x2112A442)
        self.transport.sendto(head + data[8:20] + mapped, addr)


def test_the_public_address_is_asked_for_where_that_is_wanted(tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stun, _ = await loop.create_datagram_endpoint(_Stun, local_addr=("127.0.0.1", 0))
        port = stun.get_extra_info("sockname")[1]
        asked = {"sip.use_external_ip": True, "sip.stun_servers": [f"127.0.0.1:{port}"]}
        server = Server(settings(tmp_path, **asked))
        try:
            addresses = await server._addresses()
        finally:
            stun.close()
        assert addresses.advertised("198.51.100.1") == "203.0.113.9"

    asyncio.run(main())


@pytest.mark.parametrize("there", [True, False])
def test_opus_is_the_fallback_where_libopus_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Without it Opus is neither offered nor taken, and the log says so once, at the start."""
    if not there:
        monkeypatch.setattr(opus, "places", lambda: iter(()))
    opus._library.cache_clear()
    try:
        with capture_logs() as logs:
            found = _exchange_settings(settings(tmp_path), "x")
            chosen = _exchange_settings(settings(tmp_path, **{"sip.codecs": ["opus"]}), "x")
    finally:
        opus._library.cache_clear()
    said = [line for line in logs if line["event"] == "no_opus"]
    assert len(said) == (0 if there else 2)
    assert all("libopus" in line["why"] for line in said)
    assert found.fallback_codecs == ("opus",)
    assert chosen.fallback_codecs == ()
    assert found.missing_codecs == (frozenset() if there else {"opus"})


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({}, ["127.0.0.1"]),
        ({"rtc.node_ip": "198.51.100.7"}, ["198.51.100.7"]),
        ({"rtc.use_external_ip": True}, ["203.0.113.9"]),
        ({"rtc.use_external_ip": True, "rtc.node_ip": "198.51.100.7"}, ["198.51.100.7"]),
    ],
)
def test_the_address_that_clients_are_told(
    tmp_path: Path, flags: dict[str, object], told: list[str]
) -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        stun, _ = await loop.create_datagram_endpoint(_Stun, local_addr=("127.0.0.1", 0))
        port = stun.get_extra_info("sockname")[1]
        server = Server(settings(tmp_path, **{"sip.stun_servers": [f"127.0.0.1:{port}"], **flags}))
        try:
            return await server._rtc_addresses()
        finally:
            stun.close()

    assert asyncio.run(main()) == told


@pytest.mark.parametrize("allowed", [True, False])
def test_clients_come_by_tcp_only_where_they_may(tmp_path: Path, allowed: bool) -> None:
    async def ports() -> tuple[bool, bool]:
        server = Server(settings(tmp_path, **{"rtc.allow_tcp_fallback": allowed}))
        await server.start()
        try:
            return bool(server.rtc.ports.udp_port), bool(server.rtc.ports.tcp_port)
        finally:
            await server.stop()

    assert asyncio.run(ports()) == (True, allowed)


def test_a_source_that_a_trunk_names_is_trusted(tmp_path: Path) -> None:
    """Neither the shield nor the limit on requests shuts it out; nobody else is."""

    async def check() -> None:
        server = Server(settings(tmp_path))
        await server.start()
        url = f"http://127.0.0.1:{server.http_port}"
        async with api.LiveKitAPI(url, KEY, SECRET) as livekit:
            trunk = api.SIPInboundTrunkInfo(numbers=["+1"], allowed_addresses=["192.0.2.0/24"])
            await livekit.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=trunk))
        try:
            for ip, named in (("192.0.2.7", True), ("198.51.100.7", False)):
                assert (server._named(ip), server._trusted(ip)) == (named, named)
                flow = Flow("tcp", ("127.0.0.1", 5060), (ip, 5060), 1)
                assert not server._in_use(flow), "no call, no transaction"
            assert not server._in_call("no tag of a call")
        finally:
            await server.stop()

    asyncio.run(check())
