"""When datagrams go out that are late, doubled, lost or overtaken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hookflash.carrier.departures import LONGEST, ON_TIME, Copies, Departures

NEXT = Copies((0.0,), overtaken=True)


class Wire:
    """Departures with a clock of their own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gone: list[str] = []
        self._later: list[tuple[float, Callable[[], object]]] = []
        self._departures = Departures(
            lambda delay, call: self._later.append((self.now + delay, call))
        )

    def send(self, name: str, copies: Copies = ON_TIME, way: str = "") -> None:
        self._departures.send(way, copies, lambda: self.gone.append(name))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [one for one in self._later if one[0] <= end]:
            first = min(due, key=lambda one: one[0])
            self._later.remove(first)
            self.now = first[0]
            first[1]()
        self.now = end


def sent(*copies: Copies) -> str:
    """What goes out of a, b, c …, with so many seconds between them as it takes."""
    wire = Wire()
    for name, one in zip("abcdef", copies, strict=False):
        wire.send(name, one)
    wire.advance(10.0)
    return "".join(wire.gone)


@pytest.mark.parametrize(
    ("copies", "gone"),
    [
        ((ON_TIME, ON_TIME), "ab"),
        ((Copies(()), ON_TIME), "b"),
        ((Copies((0.0, 0.0)), ON_TIME), "aab"),
        ((Copies((1.0,)), ON_TIME), "ba"),
        ((NEXT, ON_TIME, ON_TIME), "bac"),
        ((NEXT, NEXT, NEXT, NEXT), "badc"),
        ((NEXT, Copies(()), ON_TIME), "ca"),
        ((Copies((0.0, 0.0), overtaken=True), ON_TIME), "baa"),
        ((NEXT, Copies((0.0, 0.0))), "bba"),
        ((NEXT, Copies((1.0,)), ON_TIME), "cba"),
        ((Copies((1.0,), overtaken=True), Copies((1.0,)), Copies((1.0,))), "bac"),
        ((NEXT,), "a"),
    ],
)
def test_what_goes_out(copies: tuple[Copies, ...], gone: str) -> None:
    assert sent(*copies) == gone


def test_who_is_overtaken_by_nobody_goes_after_a_while() -> None:
    wire = Wire()
    wire.send("a", NEXT)
    wire.advance(LONGEST * 0.9)
    assert wire.gone == []
    wire.advance(LONGEST * 0.2)
    assert wire.gone == ["a"]
    wire.send("b")
    wire.advance(10.0)
    assert wire.gone == ["a", "b"]


def test_a_timer_of_one_that_went_is_not_that_of_the_next() -> None:
    wire = Wire()
    wire.send("a", NEXT)
    wire.send("b")
    wire.advance(LONGEST / 2)
    wire.send("c", NEXT)
    wire.advance(LONGEST * 0.75)
    assert wire.gone == ["b", "a"]
    wire.advance(LONGEST)
    assert wire.gone == ["b", "a", "c"]


def test_one_that_is_late_anyway_waits_so_much_longer() -> None:
    wire = Wire()
    wire.send("a", Copies((1.0,), overtaken=True))
    wire.advance(1.0)
    assert wire.gone == []
    wire.advance(LONGEST)
    assert wire.gone == ["a"]


def test_only_one_of_the_same_way_overtakes() -> None:
    wire = Wire()
    wire.send("a", NEXT, "here")
    wire.send("b", ON_TIME, "there")
    assert wire.gone == ["b"]
    wire.send("c", ON_TIME, "here")
    assert wire.gone == ["b", "c", "a"]
