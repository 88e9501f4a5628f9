"""A whole server and telephones in one process, for tests of the exchange and the runtime."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Any, Literal, Self

import structlog
import uvloop
from livekit import api
from pydantic import SecretStr
from structlog.testing import LogCapture

from hookflash.calls.records import CallRecord, TransferRecord
from hookflash.carrier.network import Carrier
from hookflash.config import load
from hookflash.rooms.events import RoomEvent
from hookflash.rooms.room import Room
from hookflash.server import Server

NUMBER = "+15550000001"
KEY, SECRET = "labkey", "lab-secret-of-more-than-thirty-two-characters"
TIMEOUT = 30.0
_ERRORS = frozenset({"error", "critical"})


class Events:
    """Records what the sink is told; `wait_for` waits for the next of a kind."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.calls: list[CallRecord] = []
        self.transfers: list[tuple[str, TransferRecord]] = []
        self._news = asyncio.Event()

    def room_events(self, events: Iterable[RoomEvent]) -> None:
        for event in events:
            self._add(type(event).__name__)

    def transfer_changed(
        self,
        record: TransferRecord,
        kind: Literal["started", "updated", "ended"],
        room: Room | None,
    ) -> None:
        self.transfers.append((kind, record))
        self._add(f"transfer {kind}")

    def call_ended(self, record: CallRecord, room: Room | None, participant_sid: str) -> None:
        self.calls.append(record)
        self._add("call ended")

    def _add(self, name: str) -> None:
        self.names.append(name)
        self._news.set()

    async def wait_for(self, name: str, count: int = 1, within: float = 10) -> None:
        async with asyncio.timeout(within):
            while self.names.count(name) < count:
                self._news.clear()
                await self._news.wait()


class Lab:
    """`async with Lab() as lab`: an exchange with one number, and a carrier for phones.

    It fails on every line of level error in the exchange's log, unless the test ordered it:
    `errors` names the events of those that it brings about, each of which must come.
    """

    def __init__(self, *, errors: Sequence[str] = (), **flags: Any) -> None:
        self._errors = frozenset(errors)
        self._log = LogCapture()
        self._flags = {
            "port": 0,
            "metrics.bind": "",
            "rtc.udp_port": 0,
            "rtc.tcp_port": 0,
            "sip.sip_port": 0,
            "sip.answer": "subscribed",
            "sip.rtp_port": "30000-30400",
            **{key.replace("__", "."): value for key, value in flags.items()},
        }
        self._stack = AsyncExitStack()
        self.server: Server
        self.carrier: Carrier
        self.api: api.LiveKitAPI
        self.events = Events()

    async def __aenter__(self) -> Self:
        structlog.configure(
            processors=[structlog.processors.format_exc_info, self._log],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        )
        settings = load(flags=self._flags, dev=True)
        settings.keys = {KEY: SecretStr(SECRET)}
        self.server = Server(settings)
        await self.server.start()
        self._stack.push_async_callback(self.server.stop)
        self.server.exchange.parts.sink = self.server.rooms.listeners[0] = self.events
        self.carrier = await self._stack.enter_async_context(Carrier(seed=1))
        url = f"http://127.0.0.1:{self.server.http_port}"
        self.api = api.LiveKitAPI(url, KEY, SECRET)
        self._stack.push_async_callback(self.api.aclose)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._stack.aclose()
        finally:
            structlog.reset_defaults()
        if error is None:
            self._judge()

    def _judge(self) -> None:
        errors = [line for line in self._log.entries if line["log_level"] in _ERRORS]
        unwanted = [line for line in errors if line["event"] not in self._errors]
        assert not unwanted, "\n".join(map(_told, unwanted))
        missing = self._errors - {line["event"] for line in errors}
        assert not missing, f"not in the log: {', '.join(sorted(missing))}"

    def logged(self, event: str) -> list[MutableMapping[str, Any]]:
        """The lines with this event so far, from level info on."""
        return [line for line in self._log.entries if line["event"] == event]

    @property
    def sip(self) -> tuple[str, int]:
        """Where the exchange listens."""
        return self.server.sockets.local["udp"]

    async def trunk(self, **fields: Any) -> str:
        """An inbound trunk; its id."""
        info = api.SIPInboundTrunkInfo(name="lab", **{"numbers": [NUMBER], **fields})
        trunk = await self.api.sip.create_inbound_trunk(
            api.CreateSIPInboundTrunkRequest(trunk=info)
        )
        return trunk.sip_trunk_id

    async def rule(self, room: str = "lobby", *, pin: str = "", **fields: Any) -> str:
        """A direct rule; its id."""
        direct = api.SIPDispatchRuleDirect(room_name=room, pin=pin)
        rule = await self.api.sip.create_dispatch_rule(
            api.CreateSIPDispatchRuleRequest(
                dispatch_rule=api.SIPDispatchRuleInfo(
                    name="lab", rule=api.SIPDispatchRule(dispatch_rule_direct=direct), **fields
                )
            )
        )
        return rule.sip_dispatch_rule_id

    async def ready(self, room: str = "lobby") -> None:
        """One trunk and one rule."""
        await self.trunk()
        await self.rule(room)

    async def participants(self, room: str = "lobby") -> list[api.ParticipantInfo]:
        """Those in the room."""
        answer = await self.api.room.list_participants(api.ListParticipantsRequest(room=room))
        return list(answer.participants)

    async def status(self, wanted: str, identity: str, room: str = "lobby") -> dict[str, str]:
        """Wait for sip.callStatus of a participant; its attributes."""
        while True:
            count = self.events.names.count("AttributesChanged")
            for one in await self.participants(room):
                if one.identity == identity and one.attributes["sip.callStatus"] == wanted:
                    return dict(one.attributes)
            await self.events.wait_for("AttributesChanged", count + 1)

    async def transfer(
        self, identity: str, target: str, *, room: str = "lobby", **fields: Any
    ) -> api.TransferSIPParticipantResponse:
        """TransferSIPParticipant."""
        return await self.api.sip.transfer_sip_participant(
            api.TransferSIPParticipantRequest(
                room_name=room, participant_identity=identity, transfer_to=target, **fields
            )
        )


def _told(line: MutableMapping[str, Any]) -> str:
    """A line of the log, with its traceback as it is."""
    fields = {key: value for key, value in line.items() if key != "exception"}
    return f"{fields}\n{line.get('exception', '')}"


@contextmanager
def no_garbage(kind: type[object]) -> Iterator[None]:
    """Nothing of this class is left to the garbage collector meanwhile: what refers to itself stays
    for hours, with all that it refers to, such as a call."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        found = [repr(item) for item in gc.garbage if isinstance(item, kind)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert found == []


def run(
    test: Callable[[Lab], Awaitable[None]],
    *,
    errors: Sequence[str] = (),
    within: float = TIMEOUT,
    **flags: Any,
) -> None:
    """Run one test in a lab of its own; arguments as there."""

    async def main() -> None:
        async with asyncio.timeout(within), Lab(errors=errors, **flags) as lab:
            await test(lab)

    uvloop.run(main())
