"""Memory that is free is the system's again."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from hookflash.adapters import allocator

_PROGRAM = """
from hookflash.adapters.allocator import BIG, settle

def resident():
    return int(open("/proc/self/statm").read().split()[1]) // 256

give_back = settle()
small, pins = [], []
for _ in range(600):
    small.append(bytearray(b"x") * 100_000)
    pins.append(bytes(1000))
most = resident()
del small
kept = resident()
give_back()
given = resident()
large = [bytearray(b"x") * BIG for _ in range(2)]
del large[0]
again = [bytearray(b"x") * BIG for _ in range(200)]
top = bytes(1000)
held = resident()
del again
print(most - given, kept - given, held - resident())
"""


def test_what_was_freed_goes_back() -> None:
    """Small blocks when it is asked for, big ones at once: megabytes."""
    command = [sys.executable, "-c", _PROGRAM]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    small, asked, large = (int(word) for word in ran.stdout.split())
    assert small > 50
    assert asked > 50
    assert large > 20


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        """Without `mallopt`."""

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Other())
    assert allocator.settle()() is None
