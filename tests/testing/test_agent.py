"""Workers as processes; one that registers as those of livekit-agents do stands for a user's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hookflash.testing.agent import AgentError, AgentPool, AgentProcess
from hookflash.testing.exchange import RunningExchange

WORKER = """
import asyncio, os, sys

import aiohttp
from livekit import api
from livekit.protocol.agent import RegisterWorkerRequest, WorkerMessage

async def main():
    print("arguments", *sys.argv[1:], os.environ.get("GREETING"), os.getcwd())
    token = api.AccessToken().with_grants(api.VideoGrants(agent=True)).to_jwt()
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session:
        url = os.environ["LIVEKIT_URL"] + "/agent"
        async with session.ws_connect(url, headers=headers) as socket:
            said = WorkerMessage(register=RegisterWorkerRequest(agent_name="phone", version="1"))
            await socket.send_bytes(said.SerializeToString())
            async for _ in socket:
                pass

asyncio.run(main())
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "agent.py"
    path.write_text(WORKER, encoding="utf-8")
    return path


def test_it_is_registered_and_ends(script: Path) -> None:
    with RunningExchange() as exchange:
        with AgentProcess(exchange, script, env={"GREETING": "hello"}) as worker:
            assert exchange.workers() == exchange.workers("phone") == 1
            assert exchange.workers("other") == 0
            assert worker.output == f"arguments dev --no-reload hello {script.parent}\n"
            assert worker.runs
        assert not worker.runs
        with AgentProcess(exchange, script, "start", cwd="/") as worker:
            assert worker.output == "arguments start None /\n"


def test_one_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    broken, idle = tmp_path / "broken.py", tmp_path / "idle.py"
    broken.write_text("raise SystemExit('no model')", encoding="utf-8")
    idle.write_text(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\nsignal.pause()",
        encoding="utf-8",
    )
    with RunningExchange() as exchange:
        with pytest.raises(AgentError, match=r"broken\.py ended with 1:\nno model"):
            AgentProcess(exchange, broken).__enter__()
        worker = AgentProcess(exchange, idle, within=0.2)
        with pytest.raises(AgentError, match=r"idle\.py is not registered after 0\.2 s"):
            worker.__enter__()
        assert not worker.runs


def test_one_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hookflash.testing.agent.GOES", 0.1)
    path = tmp_path / "stubborn.py"
    ignoring = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.alarm(20)\n"
    path.write_text(ignoring + WORKER, encoding="utf-8")
    with RunningExchange() as exchange:
        with AgentProcess(exchange, path) as worker:
            pass
        assert worker._child.returncode == -signal.SIGKILL


def test_a_pool_keeps_what_is_asked_for_again(script: Path) -> None:
    with RunningExchange() as exchange:
        pool = AgentPool(exchange)
        first = pool.get(AgentProcess(exchange, script))
        assert "arguments dev" in pool.told()
        pool.begin()
        assert pool.get(AgentProcess(exchange, script)) is first
        assert pool.told().splitlines()[1:] == []
        second = pool.get(AgentProcess(exchange, script, env={"GREETING": "hello"}))
        assert exchange.workers() == 2
        pool.begin()
        assert pool.get(AgentProcess(exchange, script, env={"GREETING": "hello"})) is second
        assert not first.runs
        os.kill(second._child.pid, signal.SIGKILL)
        exchange.loop.run(second._child.wait())
        third = pool.get(AgentProcess(exchange, script, env={"GREETING": "hello"}))
        assert third is not second
        pool.stop()
        assert not third.runs
