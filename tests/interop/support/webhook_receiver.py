"""A receiver of webhooks that verifies each by the official SDK and lets tests wait for one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from livekit.api import TokenVerifier, WebhookReceiver

from .lab import Lab
from .waiting import wait_until

KEY = "devkey"
SECRET = "hQ3vT9zKp1wXc7Lr5mYb2NdF8sGj4RaU"


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook as it came."""

    body: str
    token: str
    event: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the event."""
        return str(self.event["event"])

    @property
    def room(self) -> str:
        """The name of the room that it is about."""
        return str(self.event.get("room", {}).get("name", ""))


class Hooks:
    """All webhooks of a test, in order; one that the SDK does not accept is kept as a fault."""

    def __init__(self, lab: Lab, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.all: list[Hook] = []
        self.faults: list[str] = []
        self._port = port
        self._receiver = WebhookReceiver(TokenVerifier(KEY, SECRET))
        lab.show_on_failure(self.tail)

    @classmethod
    async def start(cls, lab: Lab) -> Hooks:
        """Listen on a free port of 127.0.0.1 until the test ends."""
        hooks = cls(lab, lab.ports.take())
        app = web.Application()
        app.router.add_post("/hook", hooks._receive)
        runner = web.AppRunner(app)
        await runner.setup()
        lab.finally_do(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", hooks._port).start()
        return hooks

    def named(self, *names: str, room: str | None = None) -> list[Hook]:
        """Those of these names, of one room if it is given."""
        return [
            hook for hook in self.all if hook.name in names and (room is None or hook.room == room)
        ]

    async def wait(self, name: str, *, room: str | None = None, within: float = 10) -> Hook:
        """Wait for the first of this name."""
        found = await wait_until(
            lambda: self.named(name, room=room), f"webhook {name} of room {room}", within
        )
        return found[0]

    def tail(self) -> str:
        """Names of what came."""
        lines = [f"{hook.name} {hook.room}" for hook in self.all[-40:]]
        return "\n".join(["--- webhooks ---", *lines, *self.faults[-10:]])

    async def _receive(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode("utf-8")
        token = request.headers.get("Authorization", "")
        try:
            self._receiver.receive(body, token)
        except Exception as error:  # noqa: BLE001  # the SDK raises bare Exceptions too
            self.faults.append(f"{error!r}: {body[:500]}")
        if request.headers.get("Content-Type") != "application/webhook+json":
            self.faults.append(f"Content-Type {request.headers.get('Content-Type')}")
        self.all.append(Hook(body, token, json.loads(body)))
        return web.Response()
