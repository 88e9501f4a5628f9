"""An exchange in this process, for tests: free ports, nothing on the disk, a key of its own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self, cast

from livekit import api
from pydantic import SecretStr

from ..adapters.store.store import Store
from ..config import load
from ..logs import to_standard_logging
from ..server import Server
from ..sip.flow import Address
from .api_client import ClientThere
from .loop_thread import LoopThread

SETTINGS: Final[Mapping[str, object]] = {
    "port": 0,
    "metrics.bind": "",
    "rtc.udp_port": 0,
    "rtc.tcp_port": 0,
    "sip.sip_port": 0,
    "sip.answer": "subscribed",
}


class RunningExchange:
    """`with RunningExchange() as exchange`: it listens at 127.0.0.1, in a thread of its own, until
    the end. `settings` are those of docs/configuration.md by their dotted names."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.api_key = "test"
        self.api_secret = secrets.token_urlsafe(32)
        self.loop = LoopThread()
        """Where it runs, and what is joined to it."""
        self._settings = {**SETTINGS, **(settings or {})}
        self._stack = ExitStack()
        self.server: Server
        self._client: api.LiveKitAPI

    def __enter__(self) -> Self:
        """Raises ConfigError for a setting that is none."""
        with ExitStack() as stack:
            stack.callback(to_standard_logging())
            stack.enter_context(self.loop)
            self.loop.run(self._start())
            stack.callback(lambda: self.loop.run(self._stop()))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """For LIVEKIT_URL: ws://127.0.0.1:PORT."""
        return f"ws://127.0.0.1:{self.server.http_port}"

    @property
    def sip(self) -> Address:
        """Where it listens for SIP, by UDP and TCP."""
        return self.server.sockets.local["udp"]

    @property
    def env(self) -> dict[str, str]:
        """The three variables of LiveKit's programs."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }

    @property
    def api(self) -> api.LiveKitAPI:
        """A client of its API, for whatever loop the test has; it need not be closed."""
        return cast(api.LiveKitAPI, ClientThere(self.loop, self._client))

    def workers(self, agent_name: str | None = None) -> int:
        """How many agent workers are registered, of this name only unless it is None."""

        async def count() -> int:
            found = self.server.agents.report()["workers"]
            return sum(1 for one in found if agent_name in {None, one["agent_name"]})

        return self.loop.run(count())

    def clear(self) -> None:
        """Every room is closed, so that its telephones are hung up on, and every trunk and rule
        deleted."""
        self.loop.run(self._clear())

    async def _start(self) -> None:
        settings = load(flags=self._settings, dev=True)
        settings.keys = {self.api_key: SecretStr(self.api_secret)}
        settings.dev = False  # whoever is alone in a room hears nothing, as on a server
        self.server = Server(settings, store=Store(None, settings.store.sync))
        await self.server.start()
        self._client = api.LiveKitAPI(self.url, self.api_key, self.api_secret)

    async def _stop(self) -> None:
        await self._client.aclose()
        await self.server.stop()

    async def _clear(self) -> None:
        rooms, sip = self._client.room, self._client.sip
        for room in (await rooms.list_rooms(api.ListRoomsRequest())).rooms:
            await rooms.delete_room(api.DeleteRoomRequest(room=room.name))
        rules = await sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest())
        for rule in rules.items:
            await sip.delete_dispatch_rule(
                api.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=rule.sip_dispatch_rule_id)
            )
        inbound = await sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
        outbound = await sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest())
        trunks = [one.sip_trunk_id for one in inbound.items]
        trunks += [one.sip_trunk_id for one in outbound.items]
        for trunk_id in trunks:
            await sip.delete_trunk(api.DeleteSIPTrunkRequest(sip_trunk_id=trunk_id))
