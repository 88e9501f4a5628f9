"""Webhooks over real HTTP, checked by the SDK's own receiver."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from livekit.api import TokenVerifier, WebhookReceiver
from livekit.protocol.webhook import WebhookEvent
from structlog.testing import capture_logs

from hookflash.adapters.clock import SystemClock
from hookflash.adapters.webhooks import WebhookSender
from hookflash.base.ids import Ids
from hookflash.calls.records import CallRecord, TransferRecord
from hookflash.exchange.rooms import RoomListener
from hookflash.ports import WorldClock
from hookflash.rooms.orders import Join, Kind
from hookflash.rooms.registry import Rooms
from hookflash.webhooks import payload
from hookflash.webhooks.payload import EventFilter
from hookflash.webhooks.queue import Post, RetrySchedule
from hookflash.webhooks.signing import signing_input

KEY, SECRET = "devkey", "s" * 32
QUICK = RetrySchedule(first_delay=0.01, longest_delay=0.01, probe_interval=0.02)


class Receiver:
    """A webhook receiver as people write them, with the SDK."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        """Statuses to answer with; then 200."""
        self.requests: list[web.Request] = []
        self.bodies: list[str] = []
        self.events: list[WebhookEvent] = []
        self.changed = asyncio.Event()
        self.url = ""
        self.connections: set[object] = set()
        self.answer_body = b""
        self._receiver = WebhookReceiver(TokenVerifier(KEY, SECRET))

    async def handle(self, request: web.Request) -> web.Response:
        """Verify and keep."""
        body = (await request.read()).decode()
        self.requests.append(request)
        self.bodies.append(body)
        self.connections.add(request.transport)
        status = self.answers.pop(0) if self.answers else 200
        if 200 <= status <= 299:
            self.events.append(self._receiver.receive(body, request.headers["Authorization"]))
        self.changed.set()
        return web.Response(status=status, body=self.answer_body)

    async def wait(self, enough: Callable[[], bool]) -> None:
        """Until that holds."""
        while not enough():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)

    @property
    def names(self) -> list[str]:
        """Of the events taken so far."""
        return [event.event for event in self.events]


@asynccontextmanager
async def receiver() -> Any:
    """A receiver on a port of its own."""
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()


def sender(
    *urls: str,
    wanted: EventFilter | None = None,
    timeout: float = 10,
    clock: WorldClock | None = None,
) -> WebhookSender:
    return WebhookSender(
        clock=clock or SystemClock(),
        ids=Ids(random.Random(1)),
        urls=urls,
        api_key=KEY,
        secret=SECRET,
        version="1.2.3",
        wanted=wanted,
        schedule=QUICK,
        timeout=timeout,
    )


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine; what a task raised unnoticed fails the test."""

    async def guarded() -> None:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unhandled.append(what))
        await story()
        assert unhandled == []

    asyncio.run(guarded())


def call(sink: RoomListener) -> None:
    """One participant comes, speaks and goes; the room is deleted."""
    rooms = Rooms(Ids(random.Random(2)))
    now = SystemClock().now()
    participant, events = rooms.join(now, "Zürich", Join("sip_1", kind=Kind.SIP))
    sink.room_events(events)
    sink.room_events(rooms.activate(now, participant))
    sink.room_events(rooms.publish_audio(now, participant))
    sink.room_events(rooms.set_attributes(now, participant, {"sip.callStatus": "active"}))
    sink.room_events(rooms.leave(now, participant))
    sink.room_events(rooms.delete(now, "Zürich"))


ALL = [
    *("room_started", "participant_joined", "track_published"),
    *("track_unpublished", "participant_left", "room_finished"),
]


def test_the_sdk_verifies_every_webhook_in_order() -> None:
    async def story() -> None:
        async with receiver() as found:
            hooks = sender(found.url)
            await hooks.start()
            call(hooks)
            await hooks.stop()
            assert found.names == ALL
            headers = found.requests[0].headers
            assert headers["User-Agent"] == "Hookflash/1.2.3"
            assert headers["Content-Type"] == "application/webhook+json"
            assert not headers["Authorization"].startswith("Bearer")
            assert "Content-Length" in headers
            assert {event.room.name for event in found.events} == {"Zürich"}
            assert all(event.id.startswith("EV_") for event in found.events)
            assert len({event.id for event in found.events}) == len(ALL)
            assert len(found.connections) == 1
            assert hooks.pending == 0
            assert hooks.counters()[found.url].delivered == len(ALL)

    run(story)


def test_signatures_and_events_have_the_time_of_the_world() -> None:
    """The machine's clock was two hours behind as the process began, and is right now."""
    behind = [7200.0]
    clock = SystemClock(lambda: time.time() - behind[-1])
    behind.append(0.0)

    async def story() -> None:
        async with receiver() as found:
            hooks = sender(found.url, clock=clock)
            await hooks.start()
            now = clock.now()
            _, events = Rooms(Ids(random.Random(2)), shift=clock.shift).create(now, "r")
            hooks.room_events(events)
            transfer = TransferRecord("STR_1", "SCL_1", "r", "a", "t", "<t>", "k", "", now)
            hooks.transfer_changed(transfer, "started", None)
            hooks.call_ended(CallRecord("SCL_1", "c", "inbound", created_at=now), None, "")
            await hooks.stop()
            assert len(found.events) == 3  # the SDK took their signatures
            told = [json.loads(body) for body in found.bodies]
            bodies = {body["event"]: body for body in told}
            at = [float(body["createdAt"]) for body in told]
            at += [float(bodies["room_started"]["room"]["creationTime"])]
            at += [
                int(bodies["sip_transfer_started"]["sipTransfer"]["transferInitiatedAtNs"]) / 1e9
            ]
            at += [int(bodies["sip_call_ended"]["sipCall"]["createdAtNs"]) / 1e9]
            assert all(abs(time.time() - moment) < 60 for moment in at), at

    run(story)


def test_a_large_answer_is_not_read() -> None:
    async def story() -> None:
        async with receiver() as found:
            found.answer_body = b"x" * 1_000_000
            hooks = sender(found.url)
            await hooks.start()
            call(hooks)
            await hooks.stop()
            assert found.names == ALL

    run(story)


def test_transfers_and_calls() -> None:
    async def story() -> None:
        async with receiver() as found:
            hooks = sender(found.url, wanted=EventFilter(exclude={"sip_transfer_updated"}))
            await hooks.start()
            transfer = TransferRecord("STR_1", "SCL_1", "r", "a", "t", "<t>", "k", "", 1.0)
            hooks.transfer_changed(transfer, "started", None)
            hooks.transfer_changed(transfer, "updated", None)
            hooks.transfer_changed(transfer, "ended", None)
            hooks.call_ended(CallRecord("SCL_1", "x@y", "inbound", room="r"), None, "PA_1")
            await hooks.stop()
            assert found.names == ["sip_transfer_started", "sip_transfer_ended", "sip_call_ended"]

    run(story)


def test_filters() -> None:
    async def story() -> None:
        async with receiver() as found:
            hooks = sender(found.url, wanted=EventFilter(include={"room_finished"}))
            await hooks.start()
            call(hooks)
            hooks.call_ended(CallRecord("SCL_1", "x@y", "inbound"), None, "")
            await hooks.stop()
            assert found.names == ["room_finished"]

    run(story)


def test_refusals_are_tried_again_with_the_same_body_and_in_order() -> None:
    async def story() -> None:
        async with receiver() as found:
            found.answers = [500, 429, 503, 404]
            hooks = sender(found.url)
            await hooks.start()
            call(hooks)
            await found.wait(lambda: len(found.events) == len(ALL) - 1)
            await hooks.stop()
            assert found.names == ALL[1:]  # the 404 was final
            assert hooks.counters()[found.url].rejected == 1
            bodies = [await request.read() for request in found.requests[:4]]
            assert len(set(bodies)) == 1

    run(story)


def test_a_receiver_that_comes_back_gets_everything() -> None:
    async def story() -> None:
        async with receiver() as found:
            found.answers = [503] * 8
            hooks = sender(found.url)
            await hooks.start()
            call(hooks)
            await found.wait(lambda: len(found.events) == len(ALL))
            assert found.names == ALL
            await hooks.stop()

    run(story)


def test_nobody_listens_and_stop_does_not_wait_for_ever() -> None:
    async def story() -> None:
        hooks = sender("http://127.0.0.1:9/hook")
        await hooks.start()
        await hooks.start()
        call(hooks)
        await hooks.stop(drain=0.2)
        assert hooks.counters()["http://127.0.0.1:9/hook"].attempts > 5
        assert hooks.counters()["http://127.0.0.1:9/hook"].delivered == 0
        await hooks.stop()

    run(story)


def test_an_attempt_without_an_answer_ends() -> None:
    async def story() -> None:
        silent = asyncio.Event()

        async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            silent.set()
            writer.close()

        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        hooks = sender(f"http://127.0.0.1:{port}/", timeout=0.05)
        await hooks.start()
        call(hooks)
        await asyncio.wait_for(silent.wait(), 5)
        await hooks.stop(drain=0)
        server.close()
        await server.wait_closed()

    run(story)


def test_a_stop_in_the_middle_of_an_attempt() -> None:
    async def story() -> None:
        asked = asyncio.Event()
        release = asyncio.Event()

        async def slow(_request: web.Request) -> web.Response:
            asked.set()
            await release.wait()
            return web.Response()

        app = web.Application()
        app.router.add_post("/hook", slow)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hooks = sender(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
        await hooks.start()
        call(hooks)
        await asked.wait()
        await hooks.stop(drain=0)
        release.set()
        await runner.cleanup()

    run(story)


def test_without_urls_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise AssertionError("built")

    for name in ("room_event_body", "transfer_body", "call_body"):
        monkeypatch.setattr(f"hookflash.adapters.webhooks.{name}", refuse)

    async def story() -> None:
        hooks = sender()
        assert not hooks.enabled
        await hooks.start()
        call(hooks)
        hooks.transfer_changed(
            TransferRecord("STR_1", "SCL_1", "r", "a", "t", "<t>", "k", "", 1.0), "started", None
        )
        hooks.call_ended(CallRecord("SCL_1", "x@y", "inbound"), None, "")
        assert hooks.pending == 0
        await hooks.stop()

    run(story)


def test_a_mistake_of_ours_costs_an_attempt_and_not_the_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mistakes = [RuntimeError("a mistake"), ValueError("another")]

    def broken(api_key: str, body: bytes, now: float) -> bytes:
        if mistakes:
            raise mistakes.pop()
        return signing_input(api_key, body, now)

    monkeypatch.setattr("hookflash.adapters.webhooks.signing_input", broken)

    async def story() -> None:
        async with receiver() as found:
            hooks = sender(found.url)
            await hooks.start()
            with capture_logs() as logs:
                call(hooks)
                await found.wait(lambda: len(found.events) == len(ALL))
            assert found.names == ALL
            assert [line["event"] for line in logs].count("internal_error") == 2
            await hooks.stop()

    run(story)


def test_after_the_end_nothing_is_posted() -> None:
    async def story() -> None:
        async with receiver() as found:
            hooks = sender(found.url)
            await hooks.start()
            await hooks.stop()
            with capture_logs() as logs:
                call(hooks)
                await hooks.stop(drain=0)
            assert [line["event"] for line in logs] == ["webhooks_dropped"]
            assert hooks.pending == logs[0]["deliveries"] == len(ALL)
            assert found.requests == []

    run(story)


def test_bodies_are_json_of_the_payload_module() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    _, events = rooms.create(1.0, "r")
    assert json.loads(payload.room_event_body(events[0], "EV_1"))["event"] == "room_started"


def test_before_the_start_nothing_is_posted() -> None:
    post = Post(1, "http://127.0.0.1:9/", "room_started", "lobby", b"{}", 1)
    assert asyncio.run(sender()._post(post)) is None
