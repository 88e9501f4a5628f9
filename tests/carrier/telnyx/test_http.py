"""Telnyx's REST over HTTP, and a switch that obeys it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from livekit import api
from starlette.requests import Request
from tests.carrier.test_service import CALLER, LINE, PHONES, TARGET
from tests.support.lab import Lab, run

from hookflash.adapters.http import HttpServers
from hookflash.carrier.config import NetworkConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.rest.http import LONGEST
from hookflash.carrier.rest.messages import RestRequest
from hookflash.carrier.service import CarrierService
from hookflash.carrier.telnyx.errors import TelnyxFaceError
from hookflash.carrier.telnyx.http import new_holdings, read_request, telnyx_routes

JSON = "application/json"
DIVERSION = {"Diversion": f"<sip:{LINE}@sip.telnyx.com>"}


def test_what_is_set_holds_for_the_next_call_and_the_next_refer() -> None:
    """REFER is enabled, as Telnyx's support does it; the rest is done by REST."""

    async def main(lab: Lab) -> None:
        await lab.ready()
        begun = load_profile("telnyx")
        enabled = replace(begun, manners=replace(begun.manners, transfer_mode="enable-all"))
        network = NetworkConfig((), PHONES, numbers=(LINE,))
        servers = HttpServers()
        async with CarrierService(enabled, network, seed=1) as carrier:
            account = new_holdings(carrier, network)
            await servers.start(
                http_app(carrier, telnyx_routes(carrier, account)), ["127.0.0.1"], 0
            )
            known = {"Authorization": f"Bearer {account.key}"}
            url = f"http://127.0.0.1:{servers.port}"
            async with ClientSession(url, headers=known) as session:

                async def ask(method: str, path: str, status: int = 200, **values: Any) -> Any:
                    async with session.request(method, f"/v2/{path}", json=values) as answer:
                        assert answer.status == status, await answer.text()
                        return (await answer.json())["data"]

                made = await ask("POST", "fqdn_connections", 201, connection_name="ours")
                at = f"fqdn_connections/{made['id']}"
                fqdn = {"fqdn": "localhost", "port": lab.sip[1], "dns_record_type": "a"}
                await ask("POST", "fqdns", 201, connection_id=made["id"], **fqdn)
                (number,) = await ask("GET", "phone_numbers")
                await ask("PATCH", f"phone_numbers/{number['id']}", connection_id=made["id"])
                carrier.call(CALLER, LINE)
                await carrier.happened("call_answered")
                with pytest.raises(api.TwirpError) as caught:
                    await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}", headers=DIVERSION)
                assert caught.value.metadata["sip_status_code"] == "603"

                profile = await ask("POST", "outbound_voice_profiles", 201, name="ours")
                chosen = {"outbound_voice_profile_id": profile["id"]}
                await ask("PATCH", at, outbound=chosen)
                done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}", headers=DIVERSION)
                assert done.reason == api.SIPTransferReason.STR_COMPLETED
                await carrier.hears(TARGET, 330)
                await ask("DELETE", at)
                assert await carrier.happened("trunk_deleted") == {"trunk": made["id"]}
        await servers.stop()

    run(main, sip__answer="immediately")


def read(body: bytes, kind: str = JSON, query: bytes = b"", size: int = 4096) -> RestRequest:
    """What is made of a request whose body comes in pieces of this size."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    headers: Sequence[tuple[bytes, bytes]] = [
        (b"content-type", kind.encode()),
        (b"authorization", b"Bearer x"),
    ]
    scope = {"type": "http", "method": "PATCH", "path": "/v2/fqdns/1", "headers": headers}
    return asyncio.run(read_request(Request({**scope, "query_string": query}, receive)))


def test_a_request() -> None:
    found = read(b'{"port": 5060}', f"{JSON}; charset=utf-8", b"page%5Bsize%5D=2")
    assert found.values == {"port": 5060}
    assert found.query == {"page[size]": "2"}
    assert (found.method, found.path, found.authorization) == ("PATCH", "/v2/fqdns/1", "Bearer x")
    assert read(b"", "").values == {}


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"a=1", "application/x-www-form-urlencoded", 415, 10014),
        (b'"' + b"x" * LONGEST + b'"', JSON, 413, 10015),
        (b"{", JSON, 400, 10023),
        (b"\xff", JSON, 400, 10023),
        (b"[" * 8000, JSON, 400, 10023),
        (b"1" * 8000, JSON, 400, 10023),
        (b"[]", JSON, 400, 10015),
    ],
)
def test_what_cannot_be_read(body: bytes, kind: str, status: int, code: int) -> None:
    with pytest.raises(TelnyxFaceError) as caught:
        read(body, kind)
    assert (caught.value.status, caught.value.code) == (status, code)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_whatever_comes_is_read_or_refused(body: bytes, query: bytes) -> None:
    with contextlib.suppress(TelnyxFaceError):
        assert isinstance(read(body, JSON, query, 7).values, dict)
