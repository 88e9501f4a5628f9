from __future__ import annotations

from hookflash.calls.trunks.indexed_table import IndexedTable


class Thing:
    def __init__(self, *cells: str) -> None:
        self.cells = dict.fromkeys(cells)


def table() -> IndexedTable[Thing]:
    return IndexedTable[Thing]()


def test_ids_come_in_order_and_after_a_mark() -> None:
    things = table()
    a, b, c = Thing(), Thing(), Thing()
    for ident, thing in (("c", c), ("a", a), ("b", b)):
        things.put(ident, thing)
    assert list(things.ids()) == ["a", "b", "c"]
    assert list(things.walk(None)) == [a, b, c]
    assert list(things.walk(None, "a")) == [b, c]
    assert list(things.walk(None, "aa")) == [b, c]
    assert list(things.walk(["c", "x", "a", "c"])) == [a, c]
    assert list(things.walk(["c", "a"], "a")) == [c]
    assert len(things) == 3
    assert "a" in things


def test_a_walk_sees_what_there_was_when_it_began() -> None:
    things = table()
    a, b, c = Thing(), Thing(), Thing()
    for ident, thing in (("a", a), ("b", b), ("c", c)):
        things.put(ident, thing)
    everything, after, some = (
        things.walk(None),
        things.walk(None, "a"),
        things.walk(["c", "x", "b"]),
    )
    assert next(everything) is a
    things.remove("a")
    things.put("b", Thing())
    things.remove("c")
    things.put("d", Thing())
    assert list(everything) == [b, c]
    assert list(after) == [b, c]
    assert list(some) == [b, c]


def test_old_cells_stay_held_until_a_change_is_stored() -> None:
    things = table()
    things.settle(things.put("a", Thing("x", "y")))
    change = things.put("a", Thing("y", "z"))
    assert things.claimed("x") == ("a",)
    assert list(things.holders("x")) == []
    assert [i for i, _ in things.holders("z")] == ["a"]
    things.settle(change)
    assert things.claimed("x") == ()
    assert things.claimed("y") == ("a",)


def test_a_change_that_cannot_be_stored_is_taken_back() -> None:
    things = table()
    first = Thing("x")
    things.settle(things.put("a", first))
    things.undo(things.put("a", Thing("z")))
    assert things.get("a") is first
    assert things.claimed("z") == ()
    assert things.claimed("x") == ("a",)
    removal = things.remove("a")
    assert "a" not in things
    assert things.claimed("x") == ("a",)
    things.undo(removal)
    assert list(things.ids()) == ["a"]
    things.settle(things.remove("a"))
    assert things.claimed("x") == ()
    things.undo(things.put("n", Thing("n")))
    assert len(things) == 0
    assert things.claimed("n") == ()


def test_a_change_under_a_newer_one_is_not_taken_back() -> None:
    things = table()
    older = things.put("a", Thing("x"))
    newest = Thing("y")
    things.put("a", newest)
    things.undo(older)
    assert things.get("a") is newest


def test_removing_what_is_not_there_changes_nothing() -> None:
    things = table()
    change = things.remove("a")
    things.settle(change)
    things.undo(change)
    assert list(things.ids()) == []
