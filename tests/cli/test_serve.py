"""`hookflash serve` as a process: it says when it is ready, and ends cleanly."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.support.disk import full_disk
from tests.support.process import Serving


def test_it_serves_and_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        with urllib.request.urlopen(f"{server.url}/") as response:
            assert response.read() == b"OK"
        assert server.ready["calls_possible"] > 0
        assert server.terminate() == 0
        assert "stopped" in "".join(server.log)


def test_sigint_ends_it_too(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with Serving(tmp_path / "one") as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "hookflash", "serve", "--dev", "--port", "0"),
                *("--metrics.bind", "", "--sip.sip-port", str(server.sip[1])),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        f"hookflash: sip.sip_port: {server.sip[1]} is not allowed; allowed: a port that is free "
        "and may be opened (address already in use)\n"
    )


def test_dev_on_a_public_address_is_one_clear_line() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hookflash", "serve", "--dev", "--port", "0"),
            *("--sip.sip-port", "0", "--metrics.bind", "", "--bind-addresses", "0.0.0.0"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "hookflash: bind_addresses: '0.0.0.0' is not allowed; allowed: a loopback address "
        "(everybody knows the secret of --dev)\n"
    )


def test_a_database_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        server.terminate()
    (tmp_path / "hookflash.db").chmod(0o644)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hookflash", "serve", "--port", "0", "--metrics.bind", ""),
            *("--sip.sip-port", "0", "--data-dir", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"HOOKFLASH_KEYS": '{"k": "hQ3vT9zKp1wXc7Lr5mYb2NdF8sGj4RaU"}', "PATH": "/usr/bin"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"hookflash: data_dir: '{tmp_path}' is not allowed")
    assert f"chmod 600 {tmp_path / 'hookflash.db'}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_start_on_a_full_disk_serves_what_can_be_read(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        assert server.terminate() == 0
    with full_disk(), Serving(tmp_path) as server:
        with pytest.raises(urllib.error.HTTPError, match="406"):
            urllib.request.urlopen(f"{server.url}/")
        assert "file too large" in "".join(server.log)
        assert server.terminate() == 0


def test_a_first_start_on_a_full_disk_says_so(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(AssertionError, match=r"hookflash: .*file too large"):
        Serving(tmp_path).__enter__()


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "hookflash.db").write_text("dear diary")
    (tmp_path / "hookflash.db").chmod(0o600)
    server = Serving(tmp_path)
    with pytest.raises(AssertionError, match=r"hookflash\.db' is not allowed"):
        server.__enter__()
    assert server.process.returncode == 2
    assert (tmp_path / "hookflash.db").read_text() == "dear diary"


def test_a_data_dir_in_use_is_refused_and_the_first_server_keeps_its_calls(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        second = Serving(tmp_path)
        with pytest.raises(AssertionError, match="this one is in use"):
            second.__enter__()
        assert server.terminate() == 0
    with Serving(tmp_path) as server:  # the lock went with the first
        assert server.terminate() == 0
