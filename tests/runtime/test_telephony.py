"""The exchange as the API sees it: whose call is transferred, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from google.protobuf.duration_pb2 import Duration
from livekit import api
from livekit.protocol.sip import SIPInboundTrunkInfo
from tests.support.lab import KEY, NUMBER, SECRET, Lab, no_garbage, run

import hookflash.runtime.telephony
from hookflash.adapters.store.sql import Page
from hookflash.base.errors import ApiError
from hookflash.carrier.phone import Behaviour
from hookflash.rooms.orders import Join

CALLER = "+14150000001"
TARGET = "tel:+15105550100"


def test_an_unknown_participant_is_not_found() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer("nobody", TARGET)
        assert (caught.value.code, caught.value.status) == ("not_found", 404)

    run(check)


def test_a_participant_that_is_no_phone_cannot_point_to_somebody_elses_call() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await caller.call(NUMBER, proxy=lab.sip)
        (victim,) = await lab.participants()
        forged = Join(identity="web", attributes={"sip.callID": victim.attributes["sip.callID"]})
        participant = lab.server.rooms.join("lobby", forged)
        lab.server.rooms.activate(participant)
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer("web", TARGET)
        assert caught.value.code == "invalid_argument"
        assert "no SIP session" in caught.value.message

    run(check, sip__answer="immediately")


async def post(lab: Lab, *, request_id: str = "", timeout_ms: int = 0, target: str = TARGET) -> int:
    """One transfer by plain HTTP with LiveKit's own headers; its status."""
    grants = api.VideoGrants(room_admin=True, room="lobby")
    token = api.AccessToken(KEY, SECRET).with_grants(grants)
    token = token.with_sip_grants(api.SIPGrants(call=True))
    headers = {"Authorization": f"Bearer {token.to_jwt()}", "X-Livekit-Request-Id": request_id}
    if timeout_ms:
        headers["X-Twirp-Timeout-Ms"] = str(timeout_ms)
    url = f"http://127.0.0.1:{lab.server.http_port}/twirp/livekit.SIP/TransferSIPParticipant"
    body = {
        "room_name": "lobby",
        "participant_identity": f"sip_{CALLER}",
        "transfer_to": target,
        "ringing_timeout": "20s",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers=headers) as response,
    ):
        await response.read()
        return response.status


def test_a_repeated_request_id_brings_the_same_verdict_and_no_second_refer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        behaviour = Behaviour(notify=(100, 486))
        caller = await lab.carrier.phone(CALLER, behaviour=behaviour)
        call = await caller.call(NUMBER, proxy=lab.sip)
        first = await post(lab, request_id="one")
        call_records = lab.server.call_records
        safe = call_records.stored
        waited = 0

        async def stored() -> None:
            nonlocal waited
            await safe()
            waited += 1

        monkeypatch.setattr(call_records, "stored", stored)
        again = await post(lab, request_id="one")
        assert waited == 1  # a crash would not make another verdict of it
        other = await post(lab, request_id="one", target="tel:+19")
        assert (first, again, other) == (429, 429, 400)
        assert [request.method for request in call.requests].count("REFER") == 1

    run(check, sip__answer="immediately")


def test_what_a_preset_made_of_the_target_is_kept_beside_it() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        (trunk,) = lab.server.trunks.list_inbound()
        changed = SIPInboundTrunkInfo()
        changed.CopyFrom(trunk)
        changed.metadata = '{"hookflash.provider": "telnyx"}'
        lab.server.trunks.put_inbound(changed)
        behaviour = Behaviour(notify=(100, 486))
        caller = await lab.carrier.phone(CALLER, behaviour=behaviour)
        await caller.call(NUMBER, proxy=lab.sip)
        assert await post(lab) == 429
        (record,) = await lab.server.store.transfers(Page())
        assert (record.target, record.provider) == (TARGET, "telnyx")
        assert record.refer_to == "<sip:+15105550100@sip.telnyx.com>"
        (attempt,) = record.attempts
        assert attempt.target == "sip:+15105550100@sip.telnyx.com"

    run(check, sip__answer="immediately")


def test_a_retry_after_success_finds_it_though_the_caller_has_left() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await lab.carrier.phone("+15105550100")
        call = await caller.call(NUMBER, proxy=lab.sip)
        assert await post(lab, request_id="two") == 200
        await call.ended()
        assert await post(lab, request_id="two") == 200

    run(check, sip__answer="immediately")


def test_a_repeated_request_id_after_a_hang_up_waits_for_the_same_verdict() -> None:
    """The caller has left the room, and the second of grace is not over."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100,)))
        call = await caller.call(NUMBER, proxy=lab.sip)
        first = asyncio.create_task(post(lab, request_id="three"))
        await lab.events.wait_for("transfer updated", 3)  # sent, accepted, trying
        await call.hang_up()
        again = await post(lab, request_id="three")
        assert (await first, again) == (409, 409)
        assert len({record.transfer_id for _, record in lab.events.transfers}) == 1

    run(check, sip__answer="immediately")


def test_a_transfer_that_fails_leaves_no_garbage() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100, 486)))
        await caller.call(NUMBER, proxy=lab.sip)
        with no_garbage(ApiError):
            assert await post(lab) == 429

    run(check, sip__answer="immediately")


def test_a_request_id_of_an_earlier_call_is_a_new_request_in_the_next() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100, 486)))
        first = await caller.call(NUMBER, proxy=lab.sip)
        assert await post(lab, request_id="four") == 429
        await first.hang_up()
        assert await post(lab, request_id="four") == 429
        second = await caller.call(NUMBER, proxy=lab.sip)
        assert await post(lab, request_id="four") == 429
        for call in (first, second):
            assert [request.method for request in call.requests].count("REFER") == 1

    run(check, sip__answer="immediately")


def test_the_clients_own_deadline_ends_its_wait_and_not_the_transfer() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        target = await lab.carrier.phone("+15105550100", behaviour=Behaviour(ring=1.0))
        call = await caller.call(NUMBER, proxy=lab.sip)
        assert await post(lab, timeout_ms=200) == 408
        await target.called()
        await call.ended()
        assert lab.events.transfers[-1][1].verdict == "succeeded"

    run(check, sip__answer="immediately")


def test_a_client_that_goes_away_does_not_end_the_transfer() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await lab.carrier.phone("+15105550100", behaviour=Behaviour(ring=0.5))
        call = await caller.call(NUMBER, proxy=lab.sip)
        pending = asyncio.create_task(lab.transfer(f"sip_{CALLER}", TARGET))
        await call.received("REFER")
        pending.cancel()
        await call.ended()
        assert lab.events.transfers[-1][1].verdict == "succeeded"

    run(check, sip__answer="immediately")


def test_a_verdict_that_is_lost_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(refer=603))
        await caller.call(NUMBER, proxy=lab.sip)
        monkeypatch.setattr(lab.server.transfers, "answered", lambda *_: None)
        monkeypatch.setattr(hookflash.runtime.telephony, "PATIENCE", -0.5)
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLER}", TARGET, ringing_timeout=Duration(seconds=1))
        assert caught.value.code == "internal"

    run(check, errors=("transfer_unanswered",), sip__answer="immediately")


async def messages(lab: Lab, call_id: str) -> tuple[int, dict[str, Any]]:
    """What the API shows of a call's SIP messages."""
    grants = api.VideoGrants(room_admin=True, room="lobby")
    token = api.AccessToken(KEY, SECRET).with_grants(grants)
    token = token.with_sip_grants(api.SIPGrants(call=True))
    url = f"http://127.0.0.1:{lab.server.http_port}/hookflash/calls/{call_id}/sip"
    headers = {"Authorization": f"Bearer {token.to_jwt()}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.json()


def first_words(shown: dict[str, Any]) -> list[tuple[str, str]]:
    return [(m["direction"], m["text"].split("\r\n")[0]) for m in shown["messages"]]


def test_the_messages_of_a_call_while_it_is_up_and_afterwards() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        digest = 'Digest username="me", realm="r", response="s3cr3t"'
        headers = (("Authorization", digest),)
        call = await caller.call(NUMBER, proxy=lab.sip, headers=headers)
        (participant,) = await lab.participants()
        call_id = participant.attributes["sip.callID"]
        status, shown = await messages(lab, call_id)
        assert (status, shown["live"], shown["call_id"]) == (200, True, call_id)
        said = first_words(shown)
        assert said[0][0] == "received"
        assert said[0][1].startswith("INVITE ")
        assert ("sent", "SIP/2.0 200 OK") in said
        first = shown["messages"][0]
        assert "s3cr3t" not in first["text"]
        assert "Authorization: Digest xx" in first["text"]
        assert (first["local"], first["transport"]) == (f"127.0.0.1:{lab.sip[1]}", "udp")
        await call.hang_up()
        await lab.events.wait_for("call ended")
        status, shown = await messages(lab, call_id)
        assert (status, shown["live"]) == (200, False)
        assert first_words(shown)[: len(said)] == said
        assert first_words(shown)[-1] == ("sent", "SIP/2.0 200 OK")

    run(check, sip__answer="immediately")


def test_where_none_are_kept_the_api_says_so() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await caller.call(NUMBER, proxy=lab.sip)
        (participant,) = await lab.participants()
        status, answer = await messages(lab, participant.attributes["sip.callID"])
        assert (status, answer["code"]) == (404, "not_found")
        assert "sip.keep_messages" in answer["msg"]

    run(check, sip__answer="immediately", sip__keep_messages=0)
