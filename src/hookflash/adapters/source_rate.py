"""How much one address may ask outside of calls in a second (calls.md §5).

`calls.limits.InviteRate` answers an INVITE too many; here the socket stops listening to whoever
sends more than anybody needs, whatever it is, before it costs anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from ..calls.limits import MAX_SOURCES, RATE_WINDOW, is_loopback, source_of

DEFAULT = 300
_NEVER = float("inf")

_source = lru_cache(MAX_SOURCES)(source_of)


class SourceRate:
    """`now` gives seconds; `limit` per second, 0 for none. None: the default, but none for loopback
    and for those that are `trusted`: a trunk names them, or a call of theirs is live."""

    def __init__(
        self,
        now: Callable[[], float],
        limit: int | None = None,
        trusted: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._now = now
        self._limit = DEFAULT if limit is None else limit or _NEVER
        self._trusted = trusted if limit is None else None
        self._windows: OrderedDict[str, list[float]] = OrderedDict()
        """Of each source: when its second ends, and how much of its limit is left; below 0 it is
        known not to be trusted."""
        self.dropped = 0
        """Datagrams that were not read."""

    def over(self, ip: str) -> float:
        """Count one message of `ip`. When it is one too many: the seconds until others will be
        heard again; else 0."""
        now = self._now()
        source = _source(ip)
        window = self._windows.get(source)
        if window is None or now >= window[0]:
            if window is None and len(self._windows) >= MAX_SOURCES:
                self._windows.popitem(last=False)
            window = self._windows[source] = [now + RATE_WINDOW, self._limit]
        left = window[1]
        if left > 0:
            window[1] = left - 1
            return 0.0
        if left == 0 and self._trusted is not None and (is_loopback(ip) or self._trusted(ip)):
            window[1] = _NEVER  # until this second is over
            return 0.0
        window[1] = -1
        return window[0] - now
