"""Virtual time jumps from one thing to the next, in order."""

from __future__ import annotations

from hookflash.testing.agenda import Agenda, Machine


class Bell:
    """A machine that is due at some times."""

    def __init__(self, agenda: Agenda, *times: float) -> None:
        self.agenda = agenda
        self.times = list(times)
        self.rung: list[float] = []

    def next_deadline(self) -> float | None:
        return self.times[0] if self.times else None

    def ring(self) -> None:
        self.times.pop(0)
        self.rung.append(self.agenda.now())


def test_things_happen_in_order_and_those_of_one_instant_as_they_were_put_down() -> None:
    agenda = Agenda(0.0)
    done: list[str] = []
    agenda.at(2.0, lambda: done.append("late"))
    agenda.after(1.0, lambda: done.append("first"))
    agenda.at(1.0, lambda: done.append("second"))
    agenda.at(-5.0, lambda: done.append(f"at {agenda.now()}"))
    assert agenda.run()
    assert done == ["at 0.0", "first", "second", "late"]
    assert agenda.now() == 2.0


def test_machines_are_called_when_due_and_after_what_was_put_down() -> None:
    agenda = Agenda(0.0)
    bell = Bell(agenda, 1.0, 3.0)
    agenda.watch(Machine(bell.next_deadline, bell.ring))
    seen: list[int] = []
    agenda.at(3.0, lambda: seen.append(len(bell.rung)))
    assert not agenda.run(2.0)
    assert (agenda.now(), bell.rung) == (2.0, [1.0])
    assert agenda.run()
    assert (bell.rung, seen) == ([1.0, 3.0], [1])


def test_a_deadline_in_the_past_does_not_turn_the_clock_back() -> None:
    agenda = Agenda(10.0)
    bell = Bell(agenda, 4.0)
    agenda.watch(Machine(bell.next_deadline, bell.ring))
    assert agenda.run()
    assert bell.rung == [10.0]
