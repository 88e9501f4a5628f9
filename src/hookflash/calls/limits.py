"""What keeps the exchange standing under load and attack (calls.md §5): rates, the shield, and the
bounds on guessing passwords.

Everything that is remembered of strangers is bounded, and whoever comes again and again is
forgotten last: a flood of spoofed sources pushes out other spoofed ones.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import TypeVar

from ..base.hosts import ip_literal
from ..sip.flow import Flow
from ..sip.message import Request

SHIELD_REFUSALS = 20
"""Refused dialog-creating requests from one source within `SHIELD_WINDOW` that shut it out."""
SHIELD_GUESSES = 10
"""Wrong passwords of one source within `SHIELD_WINDOW` that shut it out, whoever it is."""
SHIELD_WINDOW = 60.0
SHIELD_TIME = 600.0
RATE_WINDOW = 1.0
TRUNK_GUESSES = 30
"""Wrong passwords for one trunk within `SHIELD_WINDOW`, from everywhere; what comes beyond them
from an address that has not shown the right one is not judged."""
RIGHT_MEMORY = 86_400.0
"""Seconds for which an address that showed the right password is known."""
EASY = 1_000
"""Server transactions that anybody may have."""
STRANGERS = 20_000
"""Server transactions at which requests of strangers are dropped."""
TRANSACTIONS = 120_000
"""Server transactions at which all requests are dropped but those of calls. A call leaves two or
three, and a fast core takes 750 calls a second: 60,000 in 32 s."""
MAX_COPIED = 4_096
"""Characters that a stranger's request may have us copy into its answer, beyond `EASY`."""
MAX_SOURCES = 10_000
"""Sources remembered at once by each of the tables here."""


Key = TypeVar("Key")


def is_loopback(ip: str) -> bool:
    """True for 127.0.0.0/8 and ::1."""
    return ip.startswith("127.") or ip == "::1" or _parsed_loopback(ip)


def _parsed_loopback(ip: str) -> bool:
    address = ip_literal(ip)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool(mapped.is_loopback) if mapped is not None else address.is_loopback


def spelled(ip: str) -> str:
    """One spelling of an address; an IPv4 address in IPv6 clothes counts as IPv4."""
    address = ip_literal(ip) if ":" in ip else None
    if not isinstance(address, IPv6Address):
        return ip
    return str(address.ipv4_mapped or address)


def source_of(ip: str) -> str:
    """Who is counted as one: an IPv4 address, or the /64 of an IPv6 address, of which one host
    may use any number."""
    host = spelled(ip)
    if ":" not in host or ip_literal(host) is None:
        return host
    return f"{IPv6Address(int(IPv6Address(host)) >> 64 << 64)}/64"


class Tally:
    """Counts what sources do within `SHIELD_WINDOW`; told when one of them has done it `most`
    times.

    Of at most `MAX_SOURCES` sources: when there are more, one whose window is over is forgotten,
    else one with the fewest counts, the longest silent of these first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._levels: list[OrderedDict[str, deque[float]]] = [OrderedDict() for _ in range(most)]
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, now: float, source: str) -> bool:
        """Count one; True when it is the last one that is borne. Counting then begins anew."""
        times = self._out(source) or deque()
        while times and now - times[0] > SHIELD_WINDOW:
            times.popleft()
        times.append(now)
        if len(times) >= self._most:
            return True
        self._in(source, times)
        if len(self._counts) > MAX_SOURCES:
            self._forget_one(now, source)
        return False

    def take_back(self, source: str) -> None:
        """The last one does not count after all."""
        times = self._out(source)
        if times:
            times.pop()
        if times:
            self._in(source, times)

    def _in(self, source: str, times: deque[float]) -> None:
        count = len(times)
        self._counts[source] = count
        self._levels[count][source] = times

    def _out(self, source: str) -> deque[float] | None:
        count = self._counts.pop(source, None)
        return None if count is None else self._levels[count].pop(source)

    def _forget_one(self, now: float, latest: str) -> None:
        oldest = [next(iter(level.items())) for level in self._levels if level]
        over = [source for source, times in oldest if now - times[-1] > SHIELD_WINDOW]
        fewest = [source for source, _ in oldest if source != latest]
        self._out(next(iter(over or fewest or [latest])))


class _ShutOut:
    """Sources that are dropped, until when; the one that has been silent longest goes first."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def add(self, now: float, source: str) -> None:
        self._until[source] = now + SHIELD_TIME
        self._until.move_to_end(source)
        if len(self._until) > MAX_SOURCES:
            self._until.popitem(last=False)

    def holds(self, now: float, source: str) -> bool:
        until = self._until.get(source)
        if until is None:
            return False
        if now >= until:
            del self._until[source]
            return False
        self._until.move_to_end(source)
        return True

    def remove(self, source: str) -> None:
        self._until.pop(source, None)


class Shield:
    """Drops dialog-creating requests of scanners silently for ten minutes.

    `trusted(ip)` says whether a trunk names the address or a call of it is or was live; such
    sources, and loopback, are never shut out for refusals. A 407 that is then met does not count:
    the caller reports the refusal only when it stands. Wrong passwords shut out every source but
    loopback.
    """

    def __init__(self, trusted: Callable[[str], bool], *, enabled: bool = True) -> None:
        self._trusted = trusted
        self._enabled = enabled
        self._refusals = Tally(SHIELD_REFUSALS)
        self._guesses = Tally(SHIELD_GUESSES)
        self._scanners = _ShutOut()
        self._guessers = _ShutOut()
        self.dropped = 0

    def drops(self, now: float, ip: str) -> bool:
        """Whether a dialog-creating request from `ip` is to be dropped without an answer."""
        host, source = spelled(ip), source_of(ip)
        dropped = self._guessers.holds(now, host)
        if not dropped:
            guesser = source != host and self._guessers.holds(now, source)
            scanner = self._scanners.holds(now, source)
            dropped = (guesser or scanner) and not self._trusted(ip)
            if scanner and not dropped:
                self._scanners.remove(source)
        self.dropped += dropped
        return dropped

    def refused(self, now: float, ip: str) -> bool:
        """Count a refusal; True when it shuts the source out."""
        if not self._enabled or is_loopback(ip) or self._trusted(ip):
            return False
        source = source_of(ip)
        if not self._refusals.add(now, source):
            return False
        self._scanners.add(now, source)
        return True

    def guessed(self, now: float, ip: str) -> bool:
        """Count a wrong password; True when it shuts the source out. A trusted address is counted
        for itself, not with its neighbours."""
        if not self._enabled or is_loopback(ip):
            return False
        source = spelled(ip) if self._trusted(ip) else source_of(ip)
        if not self._guesses.add(now, source):
            return False
        self._guessers.add(now, source)
        return True

    def met(self, ip: str) -> None:
        """A challenge of ours was met: its 407 does not count as a refusal."""
        self._refusals.take_back(source_of(ip))


class GuessLimit:
    """Wrong passwords for each trunk, from all sources together: a guess that is spread over many
    sources has a bound too.

    Beyond it only addresses are judged that showed the trunk's right password within a day, so
    that nobody who is known is locked out by others who guess.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._right: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._addresses: OrderedDict[str, float] = OrderedDict()
        self.wrong = 0
        """Wrong passwords, ever."""

    def judges(self, now: float, trunk_id: str, ip: str) -> bool:
        """Whether credentials for this trunk from this address are looked at."""
        times = self._wrong.get(trunk_id)
        if times is None or len(times) < TRUNK_GUESSES or now - times[0] > SHIELD_WINDOW:
            return True
        return self._right.get((trunk_id, ip), 0.0) > now

    def denied(self, now: float, trunk_id: str) -> None:
        """A wrong password was shown."""
        self.wrong += 1
        times = self._wrong.setdefault(trunk_id, deque(maxlen=TRUNK_GUESSES))
        times.append(now)
        self._wrong.move_to_end(trunk_id)
        if len(self._wrong) > MAX_SOURCES:
            self._wrong.popitem(last=False)

    def accepted(self, now: float, trunk_id: str, ip: str) -> None:
        """The right password was shown from this address."""
        _remember(self._right, (trunk_id, ip), now + RIGHT_MEMORY)
        _remember(self._addresses, ip, now + RIGHT_MEMORY)

    def knows(self, now: float, ip: str) -> bool:
        """Whether the right password of any trunk came from this address within a day."""
        return self._addresses.get(ip, 0.0) > now


def _remember(table: OrderedDict[Key, float], key: Key, until: float) -> None:
    table[key] = until
    table.move_to_end(key)
    if len(table) > MAX_SOURCES:
        table.popitem(last=False)


class InviteRate:
    """INVITEs per second of one source (`sip.max_invites_per_second_per_source`).

    `limit` None means the default: none for loopback, 50 for strangers, none for addresses that a
    trunk names. But whoever forges one of these cannot confirm a call: 100 to each trunk from there
    while `UNCONFIRMED` calls of it ring, so that he harms that trunk alone; and never more than
    `MOST`, some more than one process answers, whatever becomes of them.
    """

    DEFAULT = 50
    NAMED = 100
    UNCONFIRMED = 100
    MOST = 500

    def __init__(self, limit: int | None, named: Callable[[str], bool]) -> None:
        self._limit = limit
        self._named = named
        self._windows: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def exceeded(self, now: float, ip: str) -> bool:
        """Count one INVITE of `ip`; True when it is one too many."""
        limit = self._limit
        if limit is None:
            if is_loopback(ip):
                return False
            if self._named(ip):
                return False  # see `exceeded_to`
            limit = self.DEFAULT
        return limit > 0 and self._count(now, (source_of(ip), "")) > limit

    def exceeded_to(self, now: float, ip: str, trunk_id: str, ringing: int) -> bool:
        """The same of those for one trunk, "" for none, from an address that a trunk names;
        `ringing`: its calls that nobody has confirmed by ACK."""
        if self._limit is not None or is_loopback(ip) or not self._named(ip):
            return False
        count = self._count(now, (spelled(ip), trunk_id))
        forged = not trunk_id or ringing >= self.UNCONFIRMED
        return count > (self.NAMED if forged else self.MOST)

    def _count(self, now: float, key: tuple[str, str]) -> int:
        start, count = self._windows.get(key, (now, 0))
        if now - start >= RATE_WINDOW:
            start, count = now, 0
        self._windows[key] = (start, count + 1)
        self._windows.move_to_end(key)
        if len(self._windows) > MAX_SOURCES:
            self._windows.popitem(last=False)
        return count + 1


class TransactionLimit:
    """Which requests are taken when so many server transactions live: each is remembered for 32 s,
    with its answer, whoever sent it from wherever.

    `known(ip)`: a trunk names the address; `in_call(tag)`: a call has this tag, which nobody else
    can guess.
    """

    def __init__(self, known: Callable[[str], bool], in_call: Callable[[str], bool]) -> None:
        self._known = known
        self._in_call = in_call

    def takes(self, live: int, request: Request, flow: Flow) -> bool:
        """Whether `request` is answered; else it is dropped, without a word."""
        if live < EASY:
            return True
        tag = request.to_tag
        if tag and self._in_call(tag):
            return True
        if live >= TRANSACTIONS:
            return False
        ip = flow.remote[0]
        if is_loopback(ip) or self._known(ip):
            return True
        return live < STRANGERS and _copied(request) <= MAX_COPIED


def _copied(request: Request) -> int:
    names = ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route")
    return sum(len(value) for name in names for value in request.headers.get_all(name))
