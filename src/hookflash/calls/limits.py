"""What keeps the exchange standing under load and attack (calls.md §5): rates and the shield."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from ..base.hosts import ip_literal

SHIELD_REFUSALS = 20
"""Refused dialog-creating requests from one source within `SHIELD_WINDOW` that shut it out."""
SHIELD_WINDOW = 60.0
SHIELD_TIME = 600.0
RATE_WINDOW = 1.0
MAX_SOURCES = 10_000
"""Sources remembered at once; the oldest are forgotten first, so that spoofed ones cost little."""


def is_loopback(ip: str) -> bool:
    """True for 127.0.0.0/8 and ::1."""
    return ip.startswith("127.") or ip == "::1" or _parsed_loopback(ip)


def _parsed_loopback(ip: str) -> bool:
    address = ip_literal(ip)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool(mapped.is_loopback) if mapped is not None else address.is_loopback


class Shield:
    """Drops dialog-creating requests of scanners silently for ten minutes.

    `trusted(ip)` says whether a trunk names the address or a call of it is or was live; such
    sources, and loopback, are never shut out. A 407 that is then met does not count: the caller
    reports the refusal only when it stands.
    """

    def __init__(self, trusted: Callable[[str], bool], *, enabled: bool = True) -> None:
        self._trusted = trusted
        self._enabled = enabled
        self._refusals: OrderedDict[str, deque[float]] = OrderedDict()
        self._shut: OrderedDict[str, float] = OrderedDict()
        self.dropped = 0

    def drops(self, now: float, ip: str) -> bool:
        """Whether a dialog-creating request from `ip` is to be dropped without an answer."""
        until = self._shut.get(ip)
        if until is None:
            return False
        if now >= until or self._trusted(ip):
            del self._shut[ip]
            return False
        self.dropped += 1
        return True

    def refused(self, now: float, ip: str) -> bool:
        """Count a refusal; True when it shuts the source out."""
        if not self._enabled or is_loopback(ip) or self._trusted(ip):
            return False
        times = self._refusals.get(ip)
        if times is None:
            times = self._refusals[ip] = deque(maxlen=SHIELD_REFUSALS)
            if len(self._refusals) > MAX_SOURCES:
                self._refusals.popitem(last=False)
        times.append(now)
        if len(times) < SHIELD_REFUSALS or now - times[0] > SHIELD_WINDOW:
            return False
        del self._refusals[ip]
        self._shut[ip] = now + SHIELD_TIME
        if len(self._shut) > MAX_SOURCES:
            self._shut.popitem(last=False)
        return True

    def met(self, ip: str) -> None:
        """A challenge of ours was met: its 407 does not count as a refusal."""
        times = self._refusals.get(ip)
        if times:
            times.pop()


class InviteRate:
    """INVITEs per second of one source (`sip.max_invites_per_second_per_source`).

    `limit` None means the default: 50, but none for loopback and addresses that a trunk names.
    """

    DEFAULT = 50

    def __init__(self, limit: int | None, exempt: Callable[[str], bool]) -> None:
        self._limit = limit
        self._exempt = exempt
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def exceeded(self, now: float, ip: str) -> bool:
        """Count one INVITE of `ip`; True when it is one too many."""
        limit = self._limit
        if limit == 0:
            return False
        if limit is None:
            if is_loopback(ip) or self._exempt(ip):
                return False
            limit = self.DEFAULT
        start, count = self._windows.get(ip, (now, 0))
        if now - start >= RATE_WINDOW:
            start, count = now, 0
        self._windows[ip] = (start, count + 1)
        self._windows.move_to_end(ip)
        if len(self._windows) > MAX_SOURCES:
            self._windows.popitem(last=False)
        return count >= limit
