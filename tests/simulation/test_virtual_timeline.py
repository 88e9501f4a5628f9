"""Virtual time jumps from one thing to the next, in order."""

from __future__ import annotations

from tests.simulation.virtual_timeline import Machine, VirtualTimeline


class Bell:
    """A machine that is due at some times."""

    def __init__(self, timeline: VirtualTimeline, *times: float) -> None:
        self.timeline = timeline
        self.times = list(times)
        self.rung: list[float] = []

    def next_deadline(self) -> float | None:
        return self.times[0] if self.times else None

    def ring(self) -> None:
        self.times.pop(0)
        self.rung.append(self.timeline.now())


def test_things_happen_in_order_and_those_of_one_instant_as_they_were_put_down() -> None:
    timeline = VirtualTimeline(0.0)
    done: list[str] = []
    timeline.at(2.0, lambda: done.append("late"))
    timeline.after(1.0, lambda: done.append("first"))
    timeline.at(1.0, lambda: done.append("second"))
    timeline.at(-5.0, lambda: done.append(f"at {timeline.now()}"))
    assert timeline.run()
    assert done == ["at 0.0", "first", "second", "late"]
    assert timeline.now() == 2.0


def test_machines_are_called_when_due_and_after_what_was_put_down() -> None:
    timeline = VirtualTimeline(0.0)
    bell = Bell(timeline, 1.0, 3.0)
    timeline.watch(Machine(bell.next_deadline, bell.ring))
    seen: list[int] = []
    timeline.at(3.0, lambda: seen.append(len(bell.rung)))
    assert not timeline.run(2.0)
    assert (timeline.now(), bell.rung) == (2.0, [1.0])
    assert timeline.run()
    assert (bell.rung, seen) == ([1.0, 3.0], [1])


def test_a_deadline_in_the_past_does_not_turn_the_clock_back() -> None:
    timeline = VirtualTimeline(10.0)
    bell = Bell(timeline, 4.0)
    timeline.watch(Machine(bell.next_deadline, bell.ring))
    assert timeline.run()
    assert bell.rung == [10.0]
