"""Host names that trunks name, and the addresses that they stand for.

Pure: whoever looks names up asks which are due, and says what came of it. A name is looked up when
a trunk begins to name it, then every `REFRESH`; after a failure every `RETRY`, and what was found
last holds for `KEEP`. A name that stands for no address admits
nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from math import inf

from .index import parse_source

REFRESH = 300.0
RETRY = 30.0
KEEP = 3600.0
"""Seconds between two look-ups of a name, after a failed one, and for which the last answer holds
while look-ups fail."""
MAX_NAMES = 1000
"""Names that are looked up; further ones stand for no address."""
MAX_ADDRESSES = 64
"""Addresses that one name stands for."""


class _Name:
    """One name: how many trunks name it, what it stands for, and when to ask again."""

    __slots__ = ("addresses", "asked", "due", "found_at", "trunks")

    def __init__(self) -> None:
        self.trunks = 0
        self.addresses: frozenset[object] = frozenset()
        self.found_at = -inf
        self.due = -inf
        self.asked = False


class NamedHosts:
    """Names in lower case, as trunks have them. `changed` is called when one is due at once."""

    def __init__(self) -> None:
        self._names: dict[str, _Name] = {}
        self._at: dict[object, dict[str, None]] = {}
        self.changed: Callable[[], None] = _nobody

    # --- what trunks name -----------------------------------------------------------------------

    def add(self, names: Iterable[str]) -> None:
        """One more trunk has these."""
        news = False
        for text in names:
            name = self._names.get(text)
            if name is None:
                name = self._names[text] = _Name()
                news = True
            name.trunks += 1
        if news:
            self.changed()

    def drop(self, names: Iterable[str]) -> None:
        """One trunk less has these."""
        for text in names:
            name = self._names.get(text)
            if name is None:
                continue
            name.trunks -= 1
            if name.trunks <= 0:
                self._stand_for(text, name, frozenset())
                del self._names[text]

    # --- the match ------------------------------------------------------------------------------

    def at(self, source: object) -> Collection[str]:
        """The names that stand for this address (of `ipaddress`)."""
        return self._at.get(source, ())

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those that stand for no address: not found, or not yet."""
        known = self._names
        return [text for text in names if text not in known or not known[text].addresses]

    # --- looking up -----------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When a name is to be looked up next."""
        due = min((name.due for name in self._candidates() if not name.asked), default=inf)
        return None if due == inf else due

    def due(self, now: float, most: int) -> list[str]:
        """Names to look up now, `most` at once; each is `answered` then."""
        wanted = islice(self._names.items(), MAX_NAMES)
        found = [text for text, name in wanted if not name.asked and name.due <= now]
        chosen = sorted(found, key=lambda text: self._names[text].due)[: max(0, most)]
        for text in chosen:
            self._names[text].asked = True
        return chosen

    def answered(self, now: float, text: str, addresses: Iterable[str], complete: bool) -> None:
        """What a look-up found, IP literals. Not `complete`: some question had no answer, so that
        what was found before holds too."""
        name = self._names.get(text)
        if name is None:
            return
        name.asked = False
        read = (parse_source(address) for address in addresses)
        found = frozenset(islice((a for a in read if a is not None), MAX_ADDRESSES))
        if found and complete:
            name.found_at = now
            self._stand_for(text, name, found)
        elif now >= name.found_at + KEEP:
            self._stand_for(text, name, found)
        else:
            both = sorted(found - name.addresses, key=str)[: MAX_ADDRESSES - len(name.addresses)]
            self._stand_for(text, name, name.addresses.union(both))
        name.due = now + (REFRESH if found and complete else RETRY)

    def _candidates(self) -> Iterable[_Name]:
        return islice(self._names.values(), MAX_NAMES)

    def _stand_for(self, text: str, name: _Name, addresses: frozenset[object]) -> None:
        for address in name.addresses - addresses:
            names = self._at[address]
            del names[text]
            if not names:
                del self._at[address]
        for address in addresses - name.addresses:
            self._at.setdefault(address, {})[text] = None
        name.addresses = addresses


def _nobody() -> None:
    """Nobody looks names up."""
