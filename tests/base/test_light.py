from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, field, fields, replace
from pathlib import Path
from typing import Generic, TypeVar, cast

import pytest

from hookflash.base.light import LightEnum, light_dataclass


@light_dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


def test_it_is_a_dataclass_with_equality_hash_and_slots() -> None:
    assert [entry.name for entry in fields(Point)] == ["x", "y"]
    assert Point(1) == Point(1, 0) != Point(1, 2)
    assert len({Point(1), Point(1), Point(2)}) == 2
    assert replace(Point(1), y=3) == Point(1, 3)
    assert not hasattr(Point(1), "__dict__")


def test_nobody_can_change_one() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    assert point.x == 1


def test_one_of_another_class_is_not_the_same() -> None:
    @light_dataclass(frozen=True, slots=True)
    class Place:
        x: int
        y: int = 0

    assert Place(1) != cast(object, Point(1))


@light_dataclass(frozen=True, slots=True)
class Account:
    name: str
    password: str = field(default="", repr=False)
    seen: int = field(default=0, compare=False)
    realm: str = field(default="", kw_only=True)
    uses: list[int] = field(default_factory=list, hash=False)


def test_fields_may_be_hidden_not_compared_or_given_by_name_alone() -> None:
    assert "secret" not in repr(Account("alice", "secret"))
    assert Account("alice", seen=1) == Account("alice", seen=2) != Account("bob")
    assert hash(Account("alice", uses=[1])) == hash(Account("alice"))
    with pytest.raises(TypeError):
        Account("alice", "secret", 1, [], "realm")  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Account("alice").seen = 2  # type: ignore[misc]


Item = TypeVar("Item")


@light_dataclass(frozen=True, slots=True)
class Pair(Generic[Item]):
    first: Item
    more: list[Item] = field(default_factory=list)


@light_dataclass(frozen=True, slots=True)
class Names:
    found: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.found)


def test_each_has_a_default_of_its_own() -> None:
    for first, second in ((Pair(1).more, Pair(1).more), (Names().found, Names().found)):
        assert not first
        assert first is not second
    assert Names({"a": 1}).size == 1
    assert asdict(Names({"a": 1})) == {"found": {"a": 1}}


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
