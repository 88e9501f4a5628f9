"""Twilio's library in an environment of its own, and a small server that answers as Twilio's REST.

The server knows what `hookflash provider twilio` asks for: trunks with origination URLs and their
numbers, numbers of the account, pages, basic auth, errors.
"""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .sdks import CACHE, ROOT, installed

VERSION = "9.13.0"
ACCOUNT, TOKEN = "AC" + "a" * 32, "the-token"
MODES = {"disable-all", "enable-all", "sip-only"}
KEYS = {
    "IpAccessControlLists": "ip_access_control_lists",
    "CredentialLists": "credential_lists",
    "IpAddresses": "ip_addresses",
    "Credentials": "credentials",
}
PAGE = 2
"""Things on a page, so that there is more than one."""
Json = dict[str, Any]


async def twilio_packages() -> Path:
    """The folder with Twilio's library, for PYTHONPATH; installed where it is missing."""
    pins = ROOT / "tests" / "interop" / "twilio" / f"requirements-{VERSION}.txt"
    python = await installed(pins, CACHE / f"twilio-{VERSION}")
    (packages,) = python.parent.parent.glob("lib/python3*/site-packages")
    return packages


@dataclass
class FakeTwilio:
    """The account; `url` is for `--api`."""

    url: str = ""
    trunks: dict[str, Json] = field(default_factory=dict)
    origination: dict[str, list[Json]] = field(default_factory=dict)
    numbers: list[Json] = field(default_factory=list)
    changes: list[tuple[str, str, Json]] = field(default_factory=list)
    """POST requests: path and form."""
    lists: dict[str, dict[str, Json]] = field(
        default_factory=lambda: {"IpAccessControlLists": {}, "CredentialLists": {}}
    )
    """Of the account: kind → SID → name, what is in it (`things`) and the trunks that have it."""
    fail_at: str = ""
    """A POST whose path ends so is answered 400."""

    def trunk(self, **more: Any) -> str:
        """Make one; its SID."""
        sid = f"TK{len(self.trunks) + 1:032x}"
        self.trunks[sid] = {
            "sid": sid,
            "friendly_name": "",
            "domain_name": None,
            "transfer_mode": "disable-all",
            "transfer_caller_id": "from-transferee",
            **more,
        }
        self.origination[sid] = []
        return sid

    def number(self, number: str, trunk_sid: str | None = None) -> str:
        """A number of the account; its SID."""
        sid = f"PN{len(self.numbers) + 1:032x}"
        self.numbers.append({"sid": sid, "phone_number": number, "trunk_sid": trunk_sid})
        return sid

    # --- what is answered -----------------------------------------------------------------------

    def get(self, path: list[str], query: Json) -> tuple[int, Json]:
        """GET: lists."""
        if path[0] == "2010-04-01" and path[3] == "SIP":
            return 200, self._listed(path, query)
        if path[0] == "2010-04-01":
            wanted = query.get("PhoneNumber")
            found = [n for n in self.numbers if wanted in (None, n["phone_number"])]
            return 200, {"incoming_phone_numbers": found, "page": 0, "next_page_uri": None}
        if len(path) == 2:
            return 200, self._page("trunks", list(self.trunks.values()), "/v1/Trunks", query)
        sid, kind = path[2], path[3]
        at = f"/v1/Trunks/{sid}/{kind}"
        if kind in self.lists:
            have = [each for each in self.lists[kind].values() if sid in each["trunks"]]
            return 200, self._page(KEYS[kind], have, at, query)
        if kind == "OriginationUrls":
            return 200, self._page("origination_urls", self.origination[sid], at, query)
        held = [n for n in self.numbers if n["trunk_sid"] == sid]
        return 200, self._page("phone_numbers", held, at, query)

    def post(self, path: list[str], form: Json) -> tuple[int, Json]:
        """POST: creations and changes."""
        self.changes.append(("POST", "/".join(path), form))
        if self.fail_at and path[-1].endswith(self.fail_at):
            return 400, _error(400, 20001, "not today")
        if form.get("TransferMode", "enable-all") not in MODES:
            return 400, _error(400, 20001, "TransferMode is not valid")
        if path[0] == "2010-04-01":
            return 201, self._put_on_list(path, form)
        if path[-1] in self.lists:
            listed = form.get("IpAccessControlListSid") or form["CredentialListSid"]
            self.lists[path[-1]][listed]["trunks"].append(path[2])
            return 201, self.lists[path[-1]][listed]
        fields = {
            "friendly_name": "FriendlyName",
            "domain_name": "DomainName",
            "transfer_mode": "TransferMode",
            "transfer_caller_id": "TransferCallerId",
        }
        given = {name: form[key] for name, key in fields.items() if key in form}
        if len(path) == 2:
            return 201, self.trunks[self.trunk(**given)]
        sid = path[2]
        if len(path) == 3:
            self.trunks[sid] |= given
            return 200, self.trunks[sid]
        if path[3] == "OriginationUrls":
            made = {"sid": "OU1", "sip_url": form["SipUrl"], "enabled": form["Enabled"] == "true"}
            self.origination[sid].append(made)
            return 201, made
        number = next(n for n in self.numbers if n["sid"] == form["PhoneNumberSid"])
        number["trunk_sid"] = sid
        return 201, number

    def _listed(self, path: list[str], query: Json) -> Json:
        """SIP/KIND.json, SIP/KIND/SID/THINGS.json."""
        kind = path[4].removesuffix(".json")
        if len(path) == 5:
            return {KEYS[kind]: list(self.lists[kind].values()), "next_page_uri": None}
        things = path[6].removesuffix(".json")
        return {KEYS[things]: self.lists[kind][path[5]]["things"], "next_page_uri": None}

    def _put_on_list(self, path: list[str], form: Json) -> Json:
        kind = path[4].removesuffix(".json")
        if len(path) == 5:
            sid = f"{kind[:1]}L{len(self.lists[kind]) + 1:032x}"
            made: Json = {"sid": sid, "friendly_name": form["FriendlyName"]}
            self.lists[kind][sid] = {**made, "things": [], "trunks": []}
            return made
        thing = {"sid": "X1", "ip_address": form.get("IpAddress"), "username": form.get("Username")}
        self.lists[kind][path[5]]["things"].append(thing)
        return thing

    def _page(self, key: str, things: list[Json], at: str, query: Json) -> Json:
        page = int(query.get("Page", 0))
        rest = things[(page + 1) * PAGE :]
        following = f"https://trunking.twilio.com{at}?Page={page + 1}" if rest else None
        meta = {"key": key, "next_page_url": following, "page": page, "page_size": PAGE}
        return {key: things[page * PAGE : (page + 1) * PAGE], "meta": meta}


def _error(status: int, code: int, text: str) -> Json:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": text, "more_info": more, "status": status}


@contextmanager
def fake_twilio() -> Iterator[FakeTwilio]:
    """A server while it is needed."""
    account = FakeTwilio()
    wanted = "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            split = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            self._answer(lambda path: account.get(path, query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(lambda path: account.post(path, form))

        def _answer(self, ask: Any) -> None:
            if self.headers["Authorization"] != wanted:
                status, answer = 401, _error(401, 20003, "Authenticate")
            else:
                status, answer = ask(urlsplit(self.path).path.strip("/").split("/"))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    account.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield account
    finally:
        server.shutdown()
        server.server_close()
