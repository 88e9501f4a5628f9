"""A table keeps objects by id with the cells that they hold, and lets a change be taken back.

A change is made in memory first and stored then (nothing waits between the conflict check and the
insert), so between the two the old and the new cells are both held: whatever the disk says later,
no two objects can end up in conflict.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from ...base.light import light_dataclass
from .index import NumberClaims


class Shelved(Protocol):
    """What a table wants to know of an object."""

    @property
    def cells(self) -> Mapping[Any, None]: ...


Entry = TypeVar("Entry", bound=Shelved)


@light_dataclass(frozen=True, slots=True)
class Change(Generic[Entry]):
    """One change that is made but not yet stored. None: not there."""

    ident: str
    before: Entry | None
    after: Entry | None


class IndexedTable(Generic[Entry]):
    """Objects by id, in order of their ids."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._claims: NumberClaims[Hashable] = NumberClaims()

    # --- changes ---------------------------------------------------------------------------

    def put(self, ident: str, entry: Entry) -> Change[Entry]:
        """Add or replace; raises ApiError on a conflict and then leaves all as it was."""
        self.check(ident, entry)
        return self._swap(ident, entry)

    def remove(self, ident: str) -> Change[Entry]:
        """Take out; what is not there is no error."""
        return self._swap(ident, None)

    def settle(self, change: Change[Entry]) -> None:
        """The change is stored: let go of the cells that only the old object held."""
        if change.before is not None:
            kept = self._entries.get(change.ident)
            held = kept.cells if kept is not None else {}
            gone = [cell for cell in change.before.cells if cell not in held]
            self._claims.drop(change.ident, gone)

    def undo(self, change: Change[Entry]) -> None:
        """The change could not be stored: all as before."""
        if self._entries.get(change.ident) is change.after:
            back = self._swap(change.ident, change.before)
            self.settle(back)

    def _swap(self, ident: str, after: Entry | None) -> Change[Entry]:
        before = self._entries.pop(ident, None)
        if before is not None:
            self._left(ident, before)
        if after is not None:
            self._entries[ident] = after
            self._claims.add(ident, after.cells)
            self._entered(ident, after)
        if before is None and after is not None:
            insort(self._order, ident)
        elif before is not None and after is None:
            del self._order[bisect_left(self._order, ident)]
        return Change(ident, before, after)

    # --- what the kinds of table add -------------------------------------------------------

    def check(self, ident: str, entry: Entry) -> None:
        """Raise ApiError if `entry` may not be put under `ident`."""

    def _entered(self, ident: str, entry: Entry) -> None:
        """Keep further indexes."""

    def _left(self, ident: str, entry: Entry) -> None:
        """Keep further indexes."""

    # --- questions -------------------------------------------------------------------------

    def get(self, ident: str) -> Entry | None:
        """The object with this id."""
        return self._entries.get(ident)

    def holders(self, cell: Hashable) -> Iterator[tuple[str, Entry]]:
        """Those that hold this cell as they are now."""
        for ident in self._claims.holders(cell):
            entry = self._entries.get(ident)
            if entry is not None and cell in entry.cells:
                yield ident, entry

    def claimed(self, cell: Hashable) -> tuple[str, ...]:
        """Ids that hold this cell, those of a change under way included."""
        return self._claims.holders(cell)

    def ids(self) -> Iterator[str]:
        """Ids in ascending order."""
        return iter(self._order)

    def walk(self, idents: Iterable[str] | None, after_id: str = "") -> Iterator[Entry]:
        """The objects with these ids, or all (None), in ascending order, those after `after_id`
        only: those of this moment, however long the walk takes."""
        entries = self._entries
        if idents is not None:
            known = (i for i in sorted(set(idents)) if i > after_id and i in entries)
            return iter([entries[ident] for ident in known])
        start = bisect_right(self._order, after_id) if after_id else 0
        return map(entries.copy().__getitem__, self._order[start:])

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, ident: str) -> bool:
        return ident in self._entries
