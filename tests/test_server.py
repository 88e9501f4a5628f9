"""The composition root: what is stored is there again, and everything closes."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
from pathlib import Path
from typing import cast

import pytest
import structlog
from livekit import api
from pydantic import SecretStr

from hookflash.base.errors import ConfigError
from hookflash.config import Settings, load
from hookflash.server import Server

KEY, SECRET = "k", "secretsecretsecretsecretsecretsecret"


def settings(data_dir: Path, **flags: object) -> Settings:
    loaded = load(
        flags={
            "port": 0,
            "metrics.bind": "127.0.0.1:0",
            "sip.sip_port": 0,
            "data_dir": str(data_dir),
            **flags,
        },
        dev=True,
    )
    loaded.dev = False
    loaded.keys = {KEY: SecretStr(SECRET)}
    return loaded


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


def test_operators_see_how_late_the_ticks_are(tmp_path: Path) -> None:
    async def page() -> str:
        server = Server(settings(tmp_path))
        await server.start()
        text = server.metrics.page().decode()
        await server.stop()
        return text

    assert "hookflash_media_tick_late_seconds_count 0.0" in asyncio.run(page())


Named = tuple[str, str]
TAKEN, FOREIGN = "free and may be opened (address already in use)", "an address of this machine"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"port": "TCP"}, ("port", TAKEN)),
        ({"sip.sip_port": "TCP"}, ("sip.sip_port", TAKEN)),
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
