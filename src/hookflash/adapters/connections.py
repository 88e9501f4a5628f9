"""Which connections of strangers are open, and which of them goes when there are too many.

A connection is *silent* until it has asked for something whole, and again once that is answered: it
may go then without a loss to anybody who waits. The others stay.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from ..calls.limits import source_of


class Closable(Protocol):
    """A connection."""

    def give_way(self) -> None:
        """Close at once: another one needs the room."""
        ...


class Connections:
    """`most` of all, and `silent_of_one` silent ones of one address; 0: no limit."""

    def __init__(self, most: int = 0, silent_of_one: int = 0) -> None:
        self.keeps: Callable[[Closable], bool] | None = None
        """Asked before a silent one is closed; if it says so, that one stays, as the latest."""
        self._most = most
        self._of_one = silent_of_one
        self._source: dict[Closable, str] = {}
        self._silent: OrderedDict[Closable, None] = OrderedDict()
        """The longest silent one first."""
        self._by_source: dict[str, OrderedDict[Closable, None]] = {}
        """The silent ones of each address, the same way."""

    def __len__(self) -> int:
        return len(self._source)

    def add(self, connection: Closable, address: str) -> bool:
        """A new one, silent so far. The one that was silent for longest makes room for it; False
        where nobody can, and it is not taken."""
        source = source_of(address)
        own = self._by_source.get(source)
        if self._of_one and own is not None and len(own) >= self._of_one:
            self._close_oldest(own)
        if self._most and len(self._source) >= self._most and not self.make_room():
            return False
        self._source[connection] = source
        self.silent(connection)
        return True

    def make_room(self) -> bool:
        """Close the one that was silent for longest; False: there is none."""
        return self._close_oldest(self._silent)

    def busy(self, connection: Closable) -> None:
        """Somebody works on what it asked for."""
        source = self._source.get(connection)
        if source is None or connection not in self._silent:
            return
        del self._silent[connection]
        own = self._by_source[source]
        del own[connection]
        if not own:
            del self._by_source[source]

    def silent(self, connection: Closable) -> None:
        """It has its answer."""
        source = self._source.get(connection)
        if source is None or connection in self._silent:
            return
        self._silent[connection] = None
        self._by_source.setdefault(source, OrderedDict())[connection] = None

    def remove(self, connection: Closable) -> None:
        """It is closed, or somebody else's now."""
        self.busy(connection)
        self._source.pop(connection, None)

    def _close_oldest(self, silent: OrderedDict[Closable, None]) -> bool:
        for _ in range(len(silent)):
            oldest = next(iter(silent))
            if self.keeps is None or not self.keeps(oldest):
                self.remove(oldest)
                oldest.give_way()
                return True
            self._silent.move_to_end(oldest)
            self._by_source[self._source[oldest]].move_to_end(oldest)
        return False
