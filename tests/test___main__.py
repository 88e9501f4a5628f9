"""`python -m hookflash`."""

from __future__ import annotations

import subprocess
import sys

from hookflash.version import hookflash_version


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hookflash", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version() -> None:
    done = run("version")
    assert (done.returncode, done.stdout) == (0, f"hookflash {hookflash_version()}\n")


def test_a_wrong_configuration_exits_with_2_and_one_clear_line() -> None:
    done = run("serve", "--dev", "--sip.answer", "later")
    assert done.returncode == 2
    assert done.stderr.startswith("hookflash: sip.answer: 'later' is not allowed")
    assert done.stderr.count("\n") == 1
