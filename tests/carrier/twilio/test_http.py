"""Twilio's REST over HTTP, and a switch that obeys it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from livekit import api
from starlette.requests import Request
from tests.carrier.test_service import CALLER, LINE, PHONES, TARGET, refused
from tests.carrier.twilio.test_rest import basic
from tests.support.lab import Lab, run

from hookflash.adapters.http import HttpServers
from hookflash.carrier.config import NetworkConfig, TrunkConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.rest.http import LONGEST, MOST_PARAMS
from hookflash.carrier.rest.messages import RestRequest
from hookflash.carrier.service import CarrierService
from hookflash.carrier.twilio.errors import RestError
from hookflash.carrier.twilio.http import new_account, read_request, twilio_routes
from hookflash.sip.uri import Uri

FORM = "application/x-www-form-urlencoded"


def test_what_is_set_holds_for_the_next_refer_of_a_call_that_is_up() -> None:
    async def main(lab: Lab) -> None:
        await lab.ready()
        network = NetworkConfig((TrunkConfig("line", (LINE,), Uri.sip(None, *lab.sip)),), PHONES)
        servers = HttpServers()
        async with CarrierService(load_profile("twilio"), network, seed=1) as carrier:
            routes = twilio_routes(carrier, new_account(carrier, network))
            await servers.start(http_app(carrier, routes), ["127.0.0.1"], 0)
            account = network.account
            known = {"Authorization": basic(f"{account.sid}:{account.token}")}
            url = f"http://127.0.0.1:{servers.port}/v1/Trunks"
            async with ClientSession(headers=known) as session:
                carrier.call(CALLER, LINE)
                await carrier.happened("call_answered")
                assert (await refused(lab)).metadata["sip_status_code"] == "603"
                async with session.get(url) as answer:
                    (trunk,) = (await answer.json())["trunks"]
                assert trunk["url"] == f"{url}/{trunk['sid']}"

                async def setting(**form: str) -> None:
                    async with session.post(trunk["url"], data=form) as changed:
                        assert changed.status == 200

                await setting(TransferMode="sip-only")
                assert (await refused(lab)).metadata["sip_status_code"] == "603"
                await setting(TransferMode="enable-all", TransferCallerId="from-transferor")
                told = await carrier.happened("trunk_set", 2)
                assert told == {
                    "trunk": "line",
                    "transfer_mode": "enable-all",
                    "caller_id": "from-transferor",
                }
                done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
                assert done.reason == api.SIPTransferReason.STR_COMPLETED
                assert (await carrier.happened("phone_rings"))["caller"] == LINE
                await carrier.hears(TARGET, 330)
                async with session.post(url, json={"FriendlyName": "x"}) as wrong:
                    assert (wrong.status, (await wrong.json())["status"]) == (415, 415)
                async with session.delete(trunk["url"]) as gone:
                    assert (gone.status, await gone.read()) == (204, b"")
                assert await carrier.happened("trunk_deleted") == {"trunk": "line"}
                carrier.call(PHONES[1].number, LINE)
                assert (await carrier.happened("call_failed"))["status"] == 404
            async with ClientSession() as stranger, stranger.get(url) as answer:
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"] == 'Basic realm="Twilio API"'
        await servers.stop()

    run(main, sip__answer="immediately")


def test_the_lists_on_a_trunk_say_who_may_call() -> None:
    """Nobody, until a list of addresses or of users is on it; then those, and no others."""

    async def main(lab: Lab) -> None:
        await lab.ready()
        network = NetworkConfig((TrunkConfig("line", (LINE,), Uri.sip(None, *lab.sip)),), PHONES)
        servers = HttpServers()
        async with CarrierService(load_profile("twilio"), network, seed=1) as carrier:
            routes = twilio_routes(carrier, new_account(carrier, network))
            await servers.start(http_app(carrier, routes), ["127.0.0.1"], 0)
            account = network.account
            known = {"Authorization": basic(f"{account.sid}:{account.token}")}
            url = f"http://127.0.0.1:{servers.port}"
            sip = f"{url}/2010-04-01/Accounts/{account.sid}/SIP"
            made = await lab.api.sip.create_outbound_trunk(
                api.CreateSIPOutboundTrunkRequest(
                    trunk=api.SIPOutboundTrunkInfo(
                        name="twilio",
                        address=f"{carrier.address[0]}:{carrier.address[1]}",
                        numbers=[LINE],
                        auth_username="me",
                        auth_password="Of-12-letters",
                    )
                )
            )

            async def call() -> str:
                """The status that a call of the exchange gets."""
                try:
                    await lab.api.sip.create_sip_participant(
                        api.CreateSIPParticipantRequest(
                            sip_trunk_id=made.sip_trunk_id,
                            sip_call_to=TARGET,
                            room_name="lobby",
                            participant_identity="target",
                            wait_until_answered=True,
                        )
                    )
                except api.TwirpError as error:
                    return str(error.metadata["sip_status_code"])
                await lab.api.room.remove_participant(
                    api.RoomParticipantIdentity(room="lobby", identity="target")
                )
                return "200"

            async with ClientSession(headers=known) as session:

                async def post(at: str, **form: str) -> str:
                    async with session.post(at, data=form) as answer:
                        assert answer.status == 201
                        return str((await answer.json())["sid"])

                assert await call() == "403"
                async with session.get(f"{url}/v1/Trunks") as answer:
                    trunk = (await answer.json())["trunks"][0]["url"]
                users = await post(f"{sip}/CredentialLists.json", FriendlyName="users")
                form = {"Username": "me", "Password": "Of-12-letters"}
                await post(f"{sip}/CredentialLists/{users}/Credentials.json", **form)
                assert await call() == "403"
                await post(f"{trunk}/CredentialLists", CredentialListSid=users)
                told = await carrier.happened("trunk_callers")
                assert told == {"trunk": "line", "callers": "me"}
                assert await call() == "200"
                access = await post(f"{sip}/IpAccessControlLists.json", FriendlyName="ours")
                places = f"{sip}/IpAccessControlLists/{access}/IpAddresses.json"
                await post(places, FriendlyName="elsewhere", IpAddress="192.0.2.1")
                await post(f"{trunk}/IpAccessControlLists", IpAccessControlListSid=access)
                assert await call() == "403"
                await post(places, FriendlyName="here", IpAddress="127.0.0.1")
                assert await call() == "200"
                async with session.delete(f"{trunk}/CredentialLists/{users}") as gone:
                    assert gone.status == 204
                assert await call() == "200"
        await servers.stop()

    run(main, sip__answer="immediately")


def read(body: bytes, kind: str = FORM, query: bytes = b"", size: int = 4096) -> RestRequest:
    """The body in pieces of that size."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    headers: Sequence[tuple[bytes, bytes]] = [
        (b"content-type", kind.encode()),
        (b"host", b"trunking.twilio.com"),
        (b"authorization", b"Basic x"),
    ]
    scope = {"type": "http", "method": "POST", "path": "/v1/Trunks", "scheme": "http"}
    scope |= {"headers": headers, "query_string": query}  # type: ignore[dict-item]
    return asyncio.run(read_request(Request(scope, receive)))


def test_a_request() -> None:
    found = read(
        b"FriendlyName=My+Trunk&DomainName=&Name=%C3%A9", f"{FORM}; charset=utf-8", b"Page=2"
    )
    assert found.form == {"FriendlyName": "My Trunk", "DomainName": "", "Name": "é"}
    assert found.query == {"Page": "2"}
    assert found.base == "https://trunking.twilio.com"
    assert (found.method, found.path, found.authorization) == ("POST", "/v1/Trunks", "Basic x")
    assert read(b"", "").form == {}


@pytest.mark.parametrize(
    ("body", "kind", "status", "text"),
    [
        (b'{"a": 1}', "application/json", 415, f"Invalid Content-Type: allowed: {FORM}"),
        (b"a=" + b"x" * LONGEST, FORM, 413, f"Invalid body: allowed: at most {LONGEST} octets"),
        (b"a=%ff", FORM, 400, "Invalid body: allowed: at most 100 parameters, in UTF-8"),
        (b"a=\xff", FORM, 400, "Invalid body: allowed: at most 100 parameters, in UTF-8"),
        (b"&".join([b"a=1"] * (MOST_PARAMS + 1)), FORM, 400, "at most 100 parameters"),
    ],
)
def test_what_cannot_be_read(body: bytes, kind: str, status: int, text: str) -> None:
    with pytest.raises(RestError) as caught:
        read(body, kind)
    assert caught.value.status == status
    assert text in caught.value.text
    json.dumps(caught.value.body)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_whatever_comes_is_read_or_refused(body: bytes, query: bytes) -> None:
    with contextlib.suppress(RestError):
        found = read(body, FORM, query, 7)
        assert all(isinstance(value, str) for value in found.form.values())
