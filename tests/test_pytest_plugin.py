"""The fixtures, as a project that has them gets them: each test runs a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.testing.test_agent import WORKER

import hookflash

SOURCE = Path(hookflash.__file__).resolve().parents[1]
IMMEDIATELY = """
import pytest

@pytest.fixture(scope="session")
def exchange_settings():
    return {"sip.answer": "immediately"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(IMMEDIATELY, encoding="utf-8")
    (tmp_path / "agent.py").write_text(WORKER, encoding="utf-8")
    return tmp_path


def ran(project: Path, text: str, *options: str) -> str:
    """What pytest prints of this one test module."""
    (project / "test_it.py").write_text(text, encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-p", "hookflash.pytest_plugin", "-rA", *options)
    done = subprocess.run(
        (*command, "-p", "no:cacheprovider", "--strict-markers"),
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        check=False,
        timeout=60,
        text=True,
    )
    return done.stdout + done.stderr


def test_a_transfer_in_ten_lines(project: Path) -> None:
    output = ran(
        project,
        """
        import pytest
        from livekit import api

        @pytest.mark.carrier(profile="twilio", transfer_mode="enable-all", room="lobby")
        async def test_transfer(exchange, carrier, phone):
            async with phone.call() as call:
                await exchange.api.sip.transfer_sip_participant(api.TransferSIPParticipantRequest(
                    room_name="lobby", participant_identity=f"sip_{phone.number}",
                    transfer_to="tel:+15105550123"))
                await carrier.phones["+15105550123"].hears(330)
                await call.hears(1000)

        async def test_what_is_left_of_it(exchange):
            assert not (await exchange.api.room.list_rooms(api.ListRoomsRequest())).rooms
        """.replace("\n        ", "\n"),
    )
    assert "2 passed" in output, output


def test_a_failure_shows_what_the_carrier_saw_and_the_agent_said(project: Path) -> None:
    output = ran(
        project,
        """
        async def test_fails(carrier, phone, agent_worker):
            agent_worker("agent.py", env={"GREETING": "hello"})
            async with phone.call() as call:
                await call.hears(555, within=0.05)
        """.replace("\n        ", "\n"),
    )
    assert "does not hear 555 Hz within 0.05 s, but" in output
    assert "- carrier (call) -" in output
    assert re.search(r"carrier → exchange  INVITE\n", output), output
    assert "- agent (call) -" in output
    assert "arguments dev --no-reload hello" in output


def test_markers_and_parameters(project: Path) -> None:
    """The nearer one wins, a parameter over all."""
    (project / "conftest.py").unlink()
    output = ran(
        project,
        """
        import pytest

        pytestmark = pytest.mark.carrier(profile="twilio", number="+15550000007")

        def test_module(carrier):
            assert (carrier.number, carrier.service.profile.name) == ("+15550000007", "twilio")

        @pytest.mark.carrier(profile="telnyx")
        @pytest.mark.parametrize("carrier", [{"number": "+15550000008"}], indirect=True)
        def test_nearer(carrier):
            assert (carrier.number, carrier.service.profile.name) == ("+15550000008", "telnyx")
        """.replace("\n        ", "\n"),
    )
    assert "2 passed" in output, output
    assert "@pytest.mark.carrier(profile=…" in ran(project, "", "--markers")


def test_workers_live_as_long_as_tests_in_a_row_want_them(project: Path) -> None:
    output = ran(
        project,
        """
        import pytest

        workers = []

        def test_one(agent_worker):
            workers.append(agent_worker("agent.py"))

        def test_same(exchange, agent_worker):
            assert agent_worker("agent.py") is workers[0]
            assert exchange.workers() == 1

        def test_none(exchange):
            assert exchange.workers() == 0
            assert not workers[0].runs
        """.replace("\n        ", "\n"),
    )
    assert "3 passed" in output, output


def test_tests_without_our_fixtures_are_left_alone(project: Path) -> None:
    output = ran(
        project,
        """
        import sys

        def test_plain():
            assert "hookflash.testing" not in sys.modules

        async def test_of_others():
            pass
        """.replace("\n        ", "\n"),
    )
    assert "1 failed, 1 passed" in output
    assert "async def functions are not natively supported" in output


def test_a_test_that_anyio_is_to_run_is_left_to_it(project: Path) -> None:
    (project / "conftest.py").write_text(
        IMMEDIATELY + "\ndef pytest_configure(config):\n"
        "    config.addinivalue_line('markers', 'anyio: of another plugin')\n",
        encoding="utf-8",
    )
    output = ran(
        project,
        """
        import pytest

        @pytest.mark.anyio
        async def test_of_anyio(exchange):
            pass
        """.replace("\n        ", "\n"),
        "-p",
        "no:anyio",
    )
    assert "async def functions are not natively supported" in output
