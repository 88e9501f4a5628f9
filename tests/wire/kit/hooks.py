"""A receiver of webhooks in a thread: verifies each by hand (RFC 7519, SHA-256 of the body)."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

KEY = "wirekey"
SECRET = "hQ3vT9zKp1wXc7Lr5mYb2NdF8sGj4RaU"

Event = dict[str, Any]


class Hooks:
    """All events in the order in which they came."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.faults: list[str] = []
        self._news = threading.Condition()
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.take(body, self.headers["Authorization"], self.headers["Content-Type"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: pytest shows what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def take(self, body: bytes, authorization: str, content_type: str) -> None:
        """Check and keep one."""
        try:
            claims = jwt.decode(authorization, SECRET, ["HS256"], issuer=KEY)
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            if claims.get("sha256") != digest:
                self.faults.append("sha256 differs")
        except jwt.PyJWTError as error:
            self.faults.append(repr(error))
        if content_type != "application/webhook+json":
            self.faults.append(f"Content-Type {content_type}")
        with self._news:
            self.events.append(json.loads(body))
            self._news.notify_all()

    def wait(
        self, good: Callable[[list[Event]], bool], what: str, within: float = 8
    ) -> list[Event]:
        """Wait until the events are good; all of them."""
        with self._news:
            if not self._news.wait_for(lambda: good(self.events), within):
                names = [event.get("event") for event in self.events[-20:]]
                raise AssertionError(f"no {what} within {within:g} s: {names}")
            return list(self.events)

    def of_room(self, room: str) -> list[Event]:
        """Those of one room, in order."""
        with self._news:
            return [event for event in self.events if event.get("room", {}).get("name") == room]

    def event(self, name: str, room: str, within: float = 8) -> Event:
        """Wait for the first of this name in this room."""

        def found() -> list[Event]:
            return [
                event
                for event in self.events
                if event["event"] == name and event.get("room", {}).get("name") == room
            ]

        self.wait(lambda _: bool(found()), f"{name} of {room}", within)
        return found()[0]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
