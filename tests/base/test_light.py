from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest

from hookflash.base.light import FREEZE, LightEnum, light_dataclass


@light_dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


def test_it_is_a_dataclass_with_equality_hash_and_slots() -> None:
    assert [field.name for field in fields(Point)] == ["x", "y"]
    assert Point(1) == Point(1, 0) != Point(1, 2)
    assert len({Point(1), Point(1), Point(2)}) == 2
    assert replace(Point(1), y=3) == Point(1, 3)
    assert not hasattr(Point(1), "__dict__")


def test_in_the_suite_nobody_can_change_one() -> None:
    with pytest.raises(FrozenInstanceError):
        Point(1).x = 2  # type: ignore[misc]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_server_pays_for_no_guard(frozen: bool) -> None:
    program = "from hookflash.sip.effects import SendBytes; print(SendBytes.__dataclass_params__)"
    environment = {name: value for name, value in os.environ.items() if name != FREEZE}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), **({FREEZE: "1"} if frozen else {})}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"frozen={frozen}" in done.stdout
    assert "unsafe_hash=True" in done.stdout


@pytest.mark.parametrize(
    "flags", [{"frozen": False, "slots": True}, {"frozen": True, "slots": False}]
)
def test_it_makes_nothing_else(flags: dict[str, bool]) -> None:
    with pytest.raises(TypeError):
        light_dataclass(**flags)


def test_the_type_checker_lets_nobody_change_one(tmp_path: Path) -> None:
    module = tmp_path / "changes.py"
    module.write_text(
        "from hookflash.base.light import light_dataclass\n"
        "@light_dataclass(frozen=True, slots=True)\n"
        "class Point:\n"
        "    x: int\n"
        "Point(1).x = 2\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "", "--cache-dir", str(tmp_path)]
    done = subprocess.run([*command, str(module)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'Property "x" defined in "Point" is read-only' in done.stdout


def test_the_members_of_an_enum_are_found_as_themselves() -> None:
    class Colour(LightEnum):
        RED = 1
        BLUE = 2

    assert {Colour.RED: "r"}.get(Colour.RED) == "r"
    assert Colour.BLUE not in {Colour.RED}
    assert Colour(2) is Colour.BLUE
    assert hash(Colour.RED) == object.__hash__(Colour.RED)
