"""The composition root: what is stored is there again, and everything closes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from livekit import api
from pydantic import SecretStr

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


def test_nothing_is_left_of_a_server_that_stopped(tmp_path: Path) -> None:
    async def check() -> set[asyncio.Task[object]]:
        await with_server(tmp_path, "main")
        return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert asyncio.run(check()) == set()
