"""Who is at which telephone of a running carrier."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..audio.tone_bank import Pcm
from .agent import CarrierError
from .conversation import End, PhoneEnd
from .person import Person
from .routing import Numbers


class OccupiedError(CarrierError):
    """Somebody else is at this telephone."""


class People:
    """At most one person at each telephone."""

    def __init__(
        self,
        numbers: Numbers,
        ends: Mapping[str, End],
        let_go: Callable[[PhoneEnd], None],
    ) -> None:
        """`numbers`, `ends`: of the switch. `let_go`: hangs up."""
        self._numbers = numbers
        self._ends = ends
        self._let_go = let_go
        self._changed: Callable[[str], None] = _nobody_asks
        self._people: dict[str, Person] = {}
        """By number."""

    def watch(self, changed: Callable[[str], None]) -> None:
        """`changed`: called with the id of a telephone in a call to which somebody has come, or
        from which he is gone, or in which he is as before."""
        self._changed = changed

    def come(self, number: str, hears: Callable[[Pcm], None]) -> Person:
        """Somebody is at a telephone from now on, speaks in its place, and `hears` what it hears.
        Raises CarrierError where there is no such telephone, OccupiedError where somebody else is
        there."""
        phone = self._numbers.phone(number)
        if phone is None:
            raise CarrierError(f"no telephone has the number {number}")
        if phone.number in self._people:
            raise OccupiedError(f"somebody is at the telephone {number} already")
        person = self._people[phone.number] = Person(hears)
        for end in self._calls(phone.number):
            self._changed(end.id)
        return person

    def leave(self, person: Person) -> None:
        """He is gone, and has hung up."""
        (number,) = (number for number, one in self._people.items() if one is person)
        del self._people[number]
        for end in self._calls(number):
            self._changed(end.id)
            self._let_go(end)

    def call_over(self, number: str) -> None:
        """A call of this telephone is over, and the person there in the first that is left."""
        if number in self._people:
            for end in self._calls(number)[:1]:
                self._changed(end.id)

    def at(self, end_id: str) -> Person | None:
        """Who is at a telephone in this call. A person talks in one call, the first one."""
        end = self._ends.get(end_id)
        person = self._people.get(end.number) if isinstance(end, PhoneEnd) else None
        if end is None or person is None or self._calls(end.number)[0] is not end:
            return None
        return person

    def _calls(self, number: str) -> list[PhoneEnd]:
        ends = self._ends.values()
        return [end for end in ends if isinstance(end, PhoneEnd) and end.number == number]


def _nobody_asks(_: str) -> None:
    """Before `watch`."""
