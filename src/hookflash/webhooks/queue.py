"""In which order webhooks go out, and what happens when a receiver refuses them (facts §7).

For each URL and room there is one ordered queue with at most one request on its way. A refused
event is sent again with growing pauses; the events behind it wait. When a URL has refused
everything for a while, it is `probing`: its oldest event is tried once a second, nothing else
goes there, and after the first success all goes on.

    idle/sending --refused--> waiting for a retry --due--> sending
    any --`failures_until_probing` refusals in a row--> probing --an answer but a refusal--> sending
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from ..base.light import light_dataclass


@light_dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Times are seconds."""

    attempts: int = 5
    """The first and its retries; then the event is given up, if the URL takes others."""
    first_delay: float = 1.0
    """Before the second attempt; doubles each time."""
    longest_delay: float = 30.0
    patience: float = 30.0
    """An event that waited longer before its first attempt is dropped."""
    depth: int = 200
    """Events that may wait in one queue; newer ones are dropped."""
    failures_until_probing: int = 5
    probe_interval: float = 1.0
    probe_answers: int = 10
    """A probe that an answering server refuses so often is given up: then the fault may be that
    event's. The others behind it are still within their patience by then."""
    parallel: int = 32
    """Requests on their way to one URL at a time."""


@light_dataclass(frozen=True, slots=True)
class Post:
    """Send this body now; comes back as `answered` or `failed` with the ticket."""

    ticket: int
    url: str
    name: str
    """Of the event."""
    room: str
    body: bytes
    attempt: int
    """1 for the first."""


@dataclass(slots=True)
class Counters:
    """Of one URL, since the start; every queued event ends as one of the next four after
    `attempts`."""

    queued: int = 0
    attempts: int = 0
    delivered: int = 0
    """2xx."""
    rejected: int = 0
    """A status that is final, but no 2xx."""
    given_up: int = 0
    """Refused as often as the schedule allows."""
    expired: int = 0
    """Waited too long before the first attempt."""
    overflowed: int = 0
    """Its queue was full, so it was never queued."""


class _Room:
    """A room's queue: its first event is ready, on its way, or waits for a retry."""

    __slots__ = ("items", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: deque[_Item] = deque()


class _Item:
    __slots__ = ("attempts", "body", "name", "number", "queued_at", "refused_probes", "room")

    def __init__(self, number: int, room: _Room, name: str, body: bytes, queued_at: float) -> None:
        self.number = number
        self.room = room
        self.name = name
        self.body = body
        self.queued_at = queued_at
        self.attempts = 0
        self.refused_probes = 0


def is_refusal(status: int) -> bool:
    """True for an answer after which the same event is sent again."""
    return status == 429 or (500 <= status <= 599 and status != 501)


class UrlQueue:
    """Everything that is to go to one URL. An empty room queue is forgotten at once."""

    def __init__(self, url: str, schedule: RetrySchedule) -> None:
        self.url = url
        self.schedule = schedule
        self.counters = Counters()
        self.probing = False
        self.pending = 0
        """Events that are neither delivered nor dropped."""
        self._rooms: dict[str, _Room] = {}
        self._ready: deque[_Room] = deque()
        """Rooms whose first event may go out, in order."""
        self._retries: list[tuple[float, int, _Room]] = []
        """Heap of rooms whose first event waits for its next attempt."""
        self._flying: dict[int, _Item] = {}
        """By ticket."""
        self._fresh: deque[_Item] = deque()
        """Events without an attempt, the oldest first (some in between may have had one)."""
        self._failures = 0
        self._probe_at = 0.0
        self._number = 0

    @property
    def rooms(self) -> int:
        """Rooms with events that wait."""
        return len(self._rooms)

    def push(self, now: float, room: str, name: str, body: bytes) -> list[Post]:
        """A new event at the end of its room's queue; a full queue drops it."""
        queue = self._rooms.get(room)
        if queue is None:
            queue = self._rooms[room] = _Room(room)
            self._ready.append(queue)
        elif len(queue.items) >= self.schedule.depth:
            self.counters.overflowed += 1
            return []
        self._number += 1
        self.counters.queued += 1
        self.pending += 1
        item = _Item(self._number, queue, name, body, now)
        queue.items.append(item)
        self._fresh.append(item)
        return self._pump(now)

    def answered(self, now: float, ticket: int, status: int) -> list[Post]:
        """The receiver answered with this HTTP status."""
        if is_refusal(status):
            return self._refused(now, ticket, by_server=True)
        item = self._flying.pop(ticket)
        if 200 <= status <= 299:
            self.counters.delivered += 1
        else:
            self.counters.rejected += 1
        self._failures = 0
        self._drop(item)
        if self.probing:
            self.probing = False
            flying = {id(other.room) for other in self._flying.values()}
            self._ready = deque(r for r in self._rooms.values() if id(r) not in flying)
        else:
            self._ready.append(item.room)
        return self._pump(now)

    def failed(self, now: float, ticket: int) -> list[Post]:
        """No answer: no connection, a broken one, or none in time."""
        return self._refused(now, ticket, by_server=False)

    def next_deadline(self) -> float | None:
        """When a retry or a probe is due."""
        if self.probing:
            return self._probe_at if self._rooms and not self._flying else None
        return self._retries[0][0] if self._retries else None

    def handle_deadline(self, now: float) -> list[Post]:
        """Send what is due; drop what waited too long."""
        while self._retries and self._retries[0][0] <= now:
            self._ready.append(heappop(self._retries)[2])
        return self._pump(now)

    # --- inside -------------------------------------------------------------------------------

    def _refused(self, now: float, ticket: int, *, by_server: bool) -> list[Post]:
        item = self._flying.pop(ticket)
        schedule = self.schedule
        self._failures += 1
        if self.probing:
            self._probe_at = now + schedule.probe_interval
            item.refused_probes += by_server
            if item.refused_probes >= schedule.probe_answers:
                self._give_up(item)
        elif self._failures >= schedule.failures_until_probing:
            self.probing = True
            self._probe_at = now + schedule.probe_interval
            self._retries.clear()
            self._ready.clear()
        elif item.attempts >= schedule.attempts:
            self._give_up(item)
            self._ready.append(item.room)
        else:
            pause = min(schedule.first_delay * 2 ** (item.attempts - 1), schedule.longest_delay)
            heappush(self._retries, (now + pause, item.number, item.room))
        return self._pump(now)

    def _give_up(self, item: _Item) -> None:
        self.counters.given_up += 1
        self._drop(item)

    def _drop(self, item: _Item) -> None:
        """The event is done with; its room's queue goes with its last event."""
        room = item.room
        room.items.remove(item)
        self.pending -= 1
        if not room.items:
            del self._rooms[room.name]

    def _expire(self, now: float) -> None:
        fresh = self._fresh
        oldest = now - self.schedule.patience
        while fresh and (fresh[0].attempts or fresh[0].queued_at < oldest):
            item = fresh.popleft()
            if not item.attempts:
                self.counters.expired += 1
                self._drop(item)

    def _pump(self, now: float) -> list[Post]:
        self._expire(now)
        if self.probing:
            return self._probe(now)
        posts = []
        while self._ready and len(self._flying) < self.schedule.parallel:
            items = self._ready.popleft().items
            if items:
                posts.append(self._send(items[0]))
        return posts

    def _probe(self, now: float) -> list[Post]:
        if self._flying or now < self._probe_at or not self._rooms:
            return []
        heads = (room.items[0] for room in self._rooms.values())
        return [self._send(min(heads, key=lambda item: item.number))]

    def _send(self, item: _Item) -> Post:
        item.attempts += 1
        self.counters.attempts += 1
        ticket = self._number = self._number + 1
        self._flying[ticket] = item
        return Post(ticket, self.url, item.name, item.room.name, item.body, item.attempts)


class DeliveryQueues:
    """The queues of all URLs."""

    def __init__(self, urls: Sequence[str], schedule: RetrySchedule | None = None) -> None:
        chosen = schedule or RetrySchedule()
        self.urls = {url: UrlQueue(url, chosen) for url in urls}

    @property
    def pending(self) -> int:
        """Deliveries that are still to be made."""
        return sum(queue.pending for queue in self.urls.values())

    def push(self, now: float, room: str, name: str, body: bytes) -> list[Post]:
        """A new event for every URL; `room` is the name of its room, "" for none."""
        posts: list[Post] = []
        for queue in self.urls.values():
            posts += queue.push(now, room, name, body)
        return posts

    def answered(self, now: float, post: Post, status: int) -> list[Post]:
        """The answer to a post."""
        return self.urls[post.url].answered(now, post.ticket, status)

    def failed(self, now: float, post: Post) -> list[Post]:
        """A post that got none."""
        return self.urls[post.url].failed(now, post.ticket)

    def next_deadline(self) -> float | None:
        """The earliest of all URLs."""
        first = None
        for queue in self.urls.values():  # twice for each event, so without a generator
            at = queue.next_deadline()
            if at is not None and (first is None or at < first):
                first = at
        return first

    def handle_deadline(self, now: float) -> list[Post]:
        """Send what is due anywhere."""
        posts: list[Post] = []
        for queue in self.urls.values():
            posts += queue.handle_deadline(now)
        return posts
