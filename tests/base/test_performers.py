"""No kind of a union is forgotten, and none has a performer that cannot take it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hookflash.base.performers import on, performers


class Ring:
    times = 2


class Stop:
    pass


class Wait:
    pass


Bell = Ring | Stop | Wait
Sound = Ring | Stop
Silence = Stop | Wait


def ring(room: str, effect: Ring) -> str:
    return f"{room} {effect.times}"


def stop(room: str, _: Stop) -> str:
    return f"{room} stop"


def test_each_kind_finds_its_performer() -> None:
    table = performers(Bell, on(Ring, ring), on(Stop, stop), on(Wait, lambda room, _: room))
    assert [table[type(effect)]("hall", effect) for effect in (Ring(), Stop(), Wait())] == [
        "hall 2",
        "hall stop",
        "hall",
    ]


def test_a_kind_without_a_performer_is_an_error_at_the_start() -> None:
    with pytest.raises(TypeError, match=r"^no performer for Wait$"):
        performers(Bell, on(Ring, ring), on(Stop, stop))


def test_a_kind_that_is_passed_over_is_named() -> None:
    assert set(performers(Bell, on(Ring, ring), but=Silence)) == {Ring}


def test_a_performer_for_what_is_passed_over_or_not_in_the_union_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"^nobody asked for Stop$"):
        performers(Bell, on(Ring, ring), on(Stop, stop), but=Silence)
    with pytest.raises(TypeError, match=r"^nobody asked for Wait$"):
        performers(Sound, on(Ring, ring), on(Stop, stop), on(Wait, lambda room, _: room))


def test_two_for_one_kind_are_an_error() -> None:
    with pytest.raises(TypeError, match=r"^two performers for Ring$"):
        performers(Bell, on(Ring, ring), on(Ring, ring), but=Silence)


def test_the_type_checker_knows_what_each_performer_takes(tmp_path: Path) -> None:
    module = tmp_path / "table.py"
    module.write_text(
        "from hookflash.base.performers import on, performers\n"
        "class Ring: times = 2\n"
        "class Stop: pass\n"
        "def stop(room: str, _: Stop) -> None: ...\n"
        "Sound = Ring | Stop\n"
        "performers(Sound, on(Ring, stop), on(Stop, stop))\n"
        "performers(Sound, on(Ring, lambda room, it: it.tones), on(Stop, stop))\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "", "--cache-dir", str(tmp_path)]
    done = subprocess.run([*command, str(module)], capture_output=True, text=True, check=False)
    assert 'expected "Callable[[str, Ring], None]"' in done.stdout
    assert '"Ring" has no attribute "tones"' in done.stdout
