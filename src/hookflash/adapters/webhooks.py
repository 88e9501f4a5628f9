"""Sends webhooks: kept-alive connections, driven by the queues of `webhooks.queue`."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable, Sequence
from typing import Protocol

import structlog

from ..base.errors import PostFailed
from ..base.ids import Ids
from ..calls.records import CallRecord, TransferRecord, in_world_time
from ..ports import WorldClock
from ..rooms.events import RoomEvent
from ..rooms.room import Room
from ..webhooks.payload import (
    CALL_ENDED,
    EventFilter,
    TransferKind,
    call_body,
    event_name,
    room_event_body,
    transfer_body,
    transfer_event_name,
)
from ..webhooks.queue import Counters, DeliveryQueues, Post, RetrySchedule
from ..webhooks.signing import signing_input, token
from .alarm import Alarm

_log = structlog.get_logger("webhooks")

ATTEMPT_TIMEOUT = 10.0
"""Seconds for one attempt, from connecting to the end of the answer."""


class Posts(Protocol):
    """What sends: `http_post.Poster`."""

    async def post(self, url: str, authorization: str, body: bytes) -> int:
        """The status of the answer. Raises PostFailed."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class WebhookSender:
    """`ports.EventSink` and `exchange.rooms.RoomListener` over HTTP. Without URLs it builds and
    signs nothing.

    `start` and `stop` belong to the loop that runs everything else; the inputs are called from
    that loop and return at once.
    """

    def __init__(
        self,
        *,
        clock: WorldClock,
        ids: Ids,
        urls: Sequence[str],
        api_key: str,
        secret: str,
        version: str,
        wanted: EventFilter | None = None,
        schedule: RetrySchedule | None = None,
        timeout: float = ATTEMPT_TIMEOUT,
    ) -> None:
        self.enabled = bool(urls)
        self._clock = clock
        self._ids = ids
        self._queues = DeliveryQueues(urls, schedule)
        self._api_key = api_key
        self._mac = hmac.new(secret.encode("utf-8"), digestmod="sha256")
        self._wanted = wanted or EventFilter()
        self._timeout = timeout
        self._headers = {
            "User-Agent": f"Hookflash/{version}",
            "Content-Type": "application/webhook+json",
        }
        self._poster: Posts | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._probing: set[str] = set()
        """URLs of which the log says that they refuse everything."""
        self._alarm: Alarm | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Send from now on; before the first event."""
        if not self.enabled or self._poster is not None:
            return
        from .http_post import Poster  # brings aiohttp: for those who have webhooks

        self._poster = Poster(self._headers, self._timeout)
        self._alarm = Alarm(self._clock, asyncio.get_running_loop(), self)
        self._alarm.arm()

    async def stop(self, drain: float = 5.0) -> None:
        """Give what is queued `drain` seconds to get out, then drop the rest and close."""
        try:
            await asyncio.wait_for(self._idle.wait(), drain)
        except TimeoutError:
            _log.warning("webhooks_dropped", deliveries=self._queues.pending)
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm = None
        poster, self._poster = self._poster, None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if poster is not None:
            await poster.close()

    @property
    def pending(self) -> int:
        """Deliveries that are still to be made."""
        return self._queues.pending

    def counters(self) -> dict[str, Counters]:
        """By URL; for metrics."""
        return {url: queue.counters for url, queue in self._queues.urls.items()}

    # --- what happened ------------------------------------------------------------------------

    def room_events(self, events: Iterable[RoomEvent]) -> None:
        """`exchange.rooms.RoomListener`: those that have a webhook go out."""
        if not self.enabled:
            return
        for event in events:
            name = event_name(event)
            if name is not None and self._wanted.accepts(name):
                body = room_event_body(event, self._ids.new("EV_"), self._clock.shift())
                self._push(event.room.name, name, body)

    def transfer_changed(
        self, record: TransferRecord, kind: TransferKind, room: Room | None
    ) -> None:
        """`ports.EventSink`."""
        name = transfer_event_name(kind)
        if not self.enabled or not self._wanted.accepts(name):
            return
        told = in_world_time(record, self._clock.shift())
        body = transfer_body(told, kind, room, self._ids.new("EV_"), self._clock.world())
        self._push(record.room, name, body)

    def call_ended(self, record: CallRecord, room: Room | None, participant_sid: str) -> None:
        """`ports.EventSink`."""
        if not self.enabled or not self._wanted.accepts(CALL_ENDED):
            return
        told, now = in_world_time(record, self._clock.shift()), self._clock.world()
        body = call_body(told, room, participant_sid, self._ids.new("EV_"), now)
        self._push(record.room, CALL_ENDED, body)

    # --- inside -------------------------------------------------------------------------------

    def _push(self, room: str, name: str, body: bytes) -> None:
        self._idle.clear()
        self._perform(self._queues.push(self._clock.now(), room, name, body))

    def _perform(self, posts: list[Post]) -> None:
        for post in posts:
            task = asyncio.create_task(self._deliver(post))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._alarm is not None:
            self._alarm.arm()
        if not self._queues.pending:
            self._idle.set()

    def next_deadline(self) -> float | None:
        """`ports.Due`: of the queues."""
        return self._queues.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """`ports.Due`: the next attempts go out."""
        self._perform(self._queues.handle_deadline(now))

    async def _deliver(self, post: Post) -> None:
        try:
            status = await self._post(post)
        except Exception:  # noqa: BLE001  # a mistake of ours costs an attempt, not the queue
            _log.exception("internal_error", webhook=post.name)
            status = None
        now = self._clock.now()
        if status is None:
            self._perform(self._queues.failed(now, post))
        else:
            self._perform(self._queues.answered(now, post, status))
        self._note_probing(post.url)

    async def _post(self, post: Post) -> int | None:
        """The status; None where there was no answer."""
        poster = self._poster
        if poster is None:
            return None
        signed = signing_input(self._api_key, post.body, self._clock.world())
        mac = self._mac.copy()
        mac.update(signed)
        try:
            status = await poster.post(post.url, token(signed, mac.digest()), post.body)
        except PostFailed as error:
            self._note(post, error=str(error))
            return None
        if not 200 <= status <= 299:
            self._note(post, status=status)
        return status

    def _note(self, post: Post, **what: object) -> None:
        _log.debug(
            "webhook_not_taken",
            url=post.url,
            webhook=post.name,
            room=post.room,
            attempt=post.attempt,
            **what,
        )

    def _note_probing(self, url: str) -> None:
        """Not a line per attempt: a dead receiver would fill the log."""
        queue = self._queues.urls[url]
        if queue.probing == (url in self._probing):
            return
        if queue.probing:
            self._probing.add(url)
            _log.warning("webhook_url_refuses", url=url, waiting=queue.pending)
        else:
            self._probing.discard(url)
            _log.info("webhook_url_takes_again", url=url, waiting=queue.pending)
