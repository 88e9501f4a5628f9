"""`python -m hookflash`."""

from __future__ import annotations

import os
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


NAMES = """
import sys
from hookflash.cli import main, output, rooms

def phones(client, room):
    output.say("Zo\u00eb")
    output.print_json("\u2192")
    output.print_table(("name",), [["\u65e5"]], "")
    return []

rooms.list_phones = phones
sys.argv[1:] = ["calls"]
main()
"""


def test_names_that_a_terminal_cannot_show_are_escaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NAMES],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Zo\\xeb", '"\\u2192"']
    assert lines[3].strip() == "\\u65e5"


def test_a_wrong_configuration_exits_with_2_and_one_clear_line() -> None:
    done = run("serve", "--dev", "--sip.answer", "later")
    assert done.returncode == 2
    assert done.stderr.startswith("hookflash: sip.answer: 'later' is not allowed")
    assert done.stderr.count("\n") == 1
