"""Outbound calls through the real server to telephones on loopback (calls.md §4, facts §5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import aiohttp
import pytest
from google.protobuf.duration_pb2 import Duration
from livekit import api
from livekit.protocol.models import DisconnectReason
from tests.support.lab import KEY, SECRET, TIMEOUT, Lab, run

from hookflash.base.errors import ApiError
from hookflash.carrier.phone import Behaviour, Phone
from hookflash.rooms.events import ParticipantLeft, RoomEvent
from hookflash.sip.flow import Transport
from hookflash.sip.location import Target
from hookflash.sip.uri import Uri

NUMBER, CALLEE, OTHER = "+15550000009", "+14150000001", "+14150000002"
LOW, HIGH = 330.0, 550.0
DIALTONE = 425.0


async def trunk_to(lab: Lab, phone: Phone, **fields: Any) -> str:
    """An outbound trunk whose carrier is that phone; its id."""
    host, port = phone.address
    info = api.SIPOutboundTrunkInfo(
        name="out", **{"address": f"{host}:{port}", "numbers": [NUMBER], **fields}
    )
    trunk = await lab.api.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))
    return trunk.sip_trunk_id


def duration(seconds: float) -> Duration:
    made = Duration()
    made.FromNanoseconds(int(seconds * 1e9))
    return made


def watch_reasons(lab: Lab) -> list[DisconnectReason]:
    """Fills with the reasons of those who leave."""
    reasons: list[DisconnectReason] = []
    take = lab.events.room_events

    def noted(events: Iterable[RoomEvent]) -> None:
        events = list(events)
        reasons.extend(event.reason for event in events if isinstance(event, ParticipantLeft))
        take(events)

    lab.events.room_events = noted  # type: ignore[method-assign]
    return reasons


async def dial(lab: Lab, trunk: str, **fields: Any) -> api.SIPParticipantInfo:
    """CreateSIPParticipant to `CALLEE` in the lobby."""
    request = api.CreateSIPParticipantRequest(
        sip_trunk_id=trunk, **{"sip_call_to": CALLEE, "room_name": "lobby", **fields}
    )
    return await lab.api.sip.create_sip_participant(request)


async def status(lab: Lab, wanted: str, identity: str = f"sip_{CALLEE}") -> dict[str, str]:
    """Wait for sip.callStatus of a participant; its attributes."""
    return await lab.status(wanted, identity)


async def refused(lab: Lab, trunk: str, **fields: Any) -> api.TwirpError:
    """A call that fails while we wait for it."""
    with pytest.raises(api.TwirpError) as caught:
        await dial(lab, trunk, wait_until_answered=True, **fields)
    return caught.value


def test_a_call_is_placed_answered_and_heard() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=LOW)
        other = await lab.carrier.phone(OTHER, tone=HIGH)
        trunk = await trunk_to(lab, phone)
        info = await dial(lab, trunk, wait_until_answered=True)
        assert info.participant_identity == f"sip_{CALLEE}"
        assert (info.room_name, info.sip_call_id[:4]) == ("lobby", "SCL_")
        call = await phone.called()
        attributes = await status(lab, "active")
        assert attributes["sip.callID"] == info.sip_call_id
        assert attributes["sip.trunkID"] == trunk
        assert attributes["sip.phoneNumber"] == CALLEE
        assert attributes["sip.trunkPhoneNumber"] == NUMBER
        assert attributes["sip.hostname"] == "{}:{}".format(*phone.address)
        assert attributes["hookflash.codec"] == "PCMU"
        assert call.dialog is not None
        assert attributes["sip.callTag"] == call.dialog.local_tag
        assert attributes["sip.callIDFull"] == call.dialog.call_id
        await dial(
            lab,
            await trunk_to(lab, other),
            sip_call_to=OTHER,
            wait_until_answered=True,
        )
        second = await other.called()
        await asyncio.gather(call.hears(HIGH), second.hears(LOW))
        await call.hang_up()
        await lab.events.wait_for("call ended")
        record = lab.events.calls[0]
        assert (record.direction, record.caller, record.called) == ("outbound", NUMBER, CALLEE)
        assert (record.answer_status, record.ended_by, record.end_reason) == (200, "remote", "bye")
        assert (record.trunk_id, record.identity) == (trunk, f"sip_{CALLEE}")

    run(check)


def test_a_busy_phone() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=486))
        trunk = await trunk_to(lab, phone)
        error = await refused(lab, trunk)
        assert (error.code, error.status) == ("resource_exhausted", 429)
        assert error.message.endswith("INVITE failed: sip status: 486: Busy Here")
        assert error.metadata["sip_status_code"] == "486"
        await lab.events.wait_for("call ended")
        (record,) = lab.events.calls
        assert (record.answer_status, record.ended_by, record.end_reason) == (
            486,
            "remote",
            "refused with 486",
        )
        assert not await lab.participants()

    run(check)


def test_ringing_dialing_and_the_end_as_the_room_sees_them() -> None:
    """Facts §5.4, §5.7: the participant is there before anything rings."""

    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        reasons = watch_reasons(lab)
        trunk = await trunk_to(lab, phone)
        error = asyncio.create_task(refused(lab, trunk, ringing_timeout=duration(0.4)))
        attributes = await status(lab, "ringing")
        assert "sip.callTag" not in attributes
        failed = await error
        assert (failed.code, failed.status) == ("canceled", 408)
        assert failed.message.endswith("sip request timed out")
        assert "sip_status_code" not in failed.metadata
        await phone.calls[0].ended()
        assert reasons == [DisconnectReason.USER_UNAVAILABLE]
        (record,) = lab.events.calls
        assert (record.end_reason, record.answer_status) == ("no answer", None)
        phone.behaviour = Behaviour(answer=486)
        await refused(lab, trunk)
        assert reasons[1:] == [DisconnectReason.USER_REJECTED]

    run(check)


def test_without_waiting_failures_show_in_the_room_only() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=603))
        info = await dial(lab, await trunk_to(lab, phone))
        assert info.participant_id.startswith("PA_")
        await lab.events.wait_for("call ended")
        assert lab.events.calls[0].answer_status == 603

    run(check)


def test_who_is_put_out_of_the_room_is_not_called_any_more() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        error = asyncio.create_task(refused(lab, await trunk_to(lab, phone)))
        await status(lab, "ringing")
        identity = api.RoomParticipantIdentity(room="lobby", identity=f"sip_{CALLEE}")
        await lab.api.room.remove_participant(identity)
        assert (await error).code == "canceled"
        await lab.carrier.seen("CANCEL")
        assert lab.events.calls[0].end_reason == "removed from the room"

    run(check)


def test_keys_are_pressed_before_the_room_is_heard() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=LOW)
        other = await lab.carrier.phone(OTHER, tone=HIGH)
        await dial(lab, await trunk_to(lab, other), sip_call_to=OTHER, wait_until_answered=True)
        listener = await other.called()
        trunk = await trunk_to(lab, phone)
        asked = asyncio.create_task(
            dial(lab, trunk, dtmf="1w2", play_dialtone=True, wait_until_answered=True)
        )
        call = await phone.called()
        await status(lab, "automation")
        await call.pressed("12", within=TIMEOUT)
        assert not asked.done()
        await asked
        await status(lab, "active")
        await asyncio.gather(call.hears(HIGH), listener.hears(LOW))

    run(check)


def test_the_room_hears_a_dial_tone_until_the_answer() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=LOW, behaviour=Behaviour(answer=None))
        other = await lab.carrier.phone(OTHER)
        await dial(lab, await trunk_to(lab, other), sip_call_to=OTHER, wait_until_answered=True)
        listener = await other.called()
        await dial(lab, await trunk_to(lab, phone), play_dialtone=True)
        await listener.hears(DIALTONE, within=TIMEOUT)
        phone.calls[0].answer(200)
        await listener.hears(LOW)
        await listener.misses(DIALTONE)

    run(check)


def test_sound_of_the_network_takes_the_place_of_our_dial_tone() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        info = await dial(lab, await trunk_to(lab, phone), play_dialtone=True)
        await status(lab, "ringing")
        exchange = lab.server.exchange
        call = exchange.calls[info.sip_call_id]
        assert call.stream is not None
        assert call.stream.source.spoken is not None
        assert call.owner is not None
        call.owner.early_sound(call)
        assert call.stream.source.spoken is None

    run(check)


def test_headers_of_the_answer_become_attributes() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone, headers_to_attributes={"Server": "made.by"})
        await dial(lab, trunk, wait_until_answered=True, include_headers="SIP_ALL_HEADERS")
        attributes = await status(lab, "active")
        assert attributes["made.by"] == attributes["sip.h.server"] == "Hookflash-Carrier"
        call = await phone.called()
        assert call.dialog is not None

    run(check)


def test_a_called_one_is_transferred_as_a_caller_is() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        third = await lab.carrier.phone(OTHER)
        trunk = await trunk_to(lab, phone)
        await dial(lab, trunk, wait_until_answered=True)
        call = await phone.called()
        third.behaviour = Behaviour(answer=486)
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLEE}", f"tel:{OTHER}")
        assert caught.value.metadata["sip_status_code"] == "486"
        third.behaviour = Behaviour()
        answer = await lab.transfer(f"sip_{CALLEE}", f"tel:{OTHER}")
        assert answer.transfer_id.startswith("STR_")
        await third.called()
        await call.ended()
        assert call.ended_by == "peer"
        assert [request.method for request in call.requests].count("REFER") == 2

    run(check)


def test_a_call_that_rings_cannot_be_transferred() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        await dial(lab, await trunk_to(lab, phone))
        await status(lab, "ringing")
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLEE}", f"tel:{OTHER}")
        assert (caught.value.code, caught.value.status) == ("failed_precondition", 412)

    run(check)


async def post(
    lab: Lab, trunk: str, *, request_id: str = "", timeout_ms: int = 0, **fields: Any
) -> Any:
    """CreateSIPParticipant by plain HTTP with LiveKit's own headers: status and body."""
    token = api.AccessToken(KEY, SECRET).with_sip_grants(api.SIPGrants(call=True))
    headers = {"Authorization": f"Bearer {token.to_jwt()}", "X-Livekit-Request-Id": request_id}
    if timeout_ms:
        headers["X-Twirp-Timeout-Ms"] = str(timeout_ms)
    url = f"http://127.0.0.1:{lab.server.http_port}/twirp/livekit.SIP/CreateSIPParticipant"
    body = {
        **{"sip_trunk_id": trunk, "sip_call_to": CALLEE, "room_name": "lobby"},
        **{"wait_until_answered": True, **fields},
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


def test_the_same_request_never_dials_twice() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone)
        first, second = await asyncio.gather(*(post(lab, trunk, request_id="r1") for _ in range(2)))
        assert first == second == await post(lab, trunk, request_id="r1")
        assert first[0] == 200
        assert len(phone.calls) == 1
        status, body = await post(lab, trunk, request_id="r1", sip_call_to="+1")
        assert (status, body["code"]) == (400, "invalid_argument")
        phone.behaviour = Behaviour(answer=486)
        failed = await post(lab, trunk, request_id="r2", participant_identity="two")
        assert failed == await post(lab, trunk, request_id="r2", participant_identity="two")
        assert failed[0] == 429
        assert len(phone.calls) == 2

    run(check)


def test_a_failure_that_is_kept_for_its_request_id_keeps_nobody_who_waited() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=486))
        trunk = await trunk_to(lab, phone)
        assert (await post(lab, trunk, request_id="r1"))[0] == 429
        (kept, _) = lab.server.dial_requests.dials._answers._values[KEY, "r1"]
        failure = kept.done.exception()
        assert isinstance(failure, ApiError)
        assert failure.__traceback__ is None

    run(check)


def test_a_request_that_gives_up_takes_its_call_with_it() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        status, body = await post(lab, await trunk_to(lab, phone), timeout_ms=400)
        assert (status, body["code"]) == (408, "deadline_exceeded")
        assert body["msg"].endswith("request timed out")
        await lab.carrier.seen("CANCEL")
        assert lab.events.calls[0].end_reason == "request timed out"

    run(check)


def test_the_last_who_waits_takes_the_call_with_it() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        trunk = await trunk_to(lab, phone)
        long = asyncio.ensure_future(post(lab, trunk, request_id="r1", timeout_ms=900))
        await lab.carrier.seen("INVITE")
        status, body = await post(lab, trunk, request_id="r1", timeout_ms=100)
        assert (status, body["code"]) == (408, "deadline_exceeded")
        assert not lab.events.calls
        assert await long == (status, body)
        await lab.carrier.seen("CANCEL")
        assert await post(lab, trunk, request_id="r1") == (status, body)
        assert len(phone.calls) == 1

    run(check)


def test_a_request_that_did_not_wait_keeps_its_call_from_one_that_gives_up() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        trunk = await trunk_to(lab, phone)
        told, _ = await post(lab, trunk, request_id="r1", wait_until_answered=False)
        again, _ = await post(lab, trunk, request_id="r1", timeout_ms=100)
        assert (told, again) == (200, 408)
        assert not lab.events.calls
        assert len(await lab.participants()) == 1

    run(check)


def test_nobody_is_called_before_the_request_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone)
        asked: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        with monkeypatch.context() as patch:
            call_records = lab.server.call_records
            patch.setattr(call_records, "dial_then", lambda _, __, failed: asked.put_nowait(failed))
            waiting = asyncio.ensure_future(post(lab, trunk, request_id="r1"))
            failed = await asked.get()
            await status(lab, "dialing")
            failed()
            code, body = await waiting
        assert (code, body["code"]) == (503, "unavailable")
        assert await lab.participants() == []
        assert not phone.calls
        assert (await post(lab, trunk, request_id="r1"))[0] == 200
        assert len(phone.calls) == 1

    run(check)


def test_limits() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone)
        await dial(lab, trunk, wait_until_answered=True)
        error = await refused(lab, trunk)
        assert (error.code, error.status) == ("resource_exhausted", 429)
        lab.server.exchange.parts.admission.load.stopping = True
        error = await refused(lab, trunk)
        assert (error.code, error.status) == ("unavailable", 503)

    run(check, sip__max_calls_per_trunk=1)


def test_nobody_has_the_address() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone, address="nowhere.invalid:5060")
        error = await refused(lab, trunk)
        assert (error.code, error.status) == ("invalid_argument", 400)
        assert error.message.endswith("lookup nowhere.invalid: no such host")
        assert lab.events.calls[0].end_reason == "address not found"

    run(check)


def test_a_taken_identity() -> None:
    """Our own choice gives way, the user's takes the place."""

    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone)
        first = await dial(lab, trunk, wait_until_answered=True)
        second = await dial(lab, trunk, wait_until_answered=True)
        assert second.participant_identity == f"sip_{CALLEE}_{second.sip_call_id[-6:]}"
        third = await dial(
            lab, trunk, wait_until_answered=True, participant_identity=first.participant_identity
        )
        assert third.participant_identity == first.participant_identity
        await phone.calls[0].ended()
        assert len(await lab.participants()) == 2

    run(check)


def places_in_order(lab: Lab, *phones: Phone) -> None:
    """The name service gives these telephones for every name; what it is asked through is real
    in tests/adapters/test_dns.py."""

    async def locate(uri: Uri, transports: Sequence[Transport]) -> list[Target]:
        return [Target("udp", *phone.address) for phone in phones]

    lab.server.stack._resolver.locate = locate  # type: ignore[method-assign]


def test_the_next_place_is_tried_after_a_503_and_after_silence() -> None:
    async def check(lab: Lab) -> None:
        full = await lab.carrier.phone("+1", behaviour=Behaviour(answer=503))
        silent = await lab.carrier.phone("+2")
        phone = await lab.carrier.phone(CALLEE)
        silent.agent.message_received = lambda message, flow: None  # type: ignore[method-assign]
        places_in_order(lab, full, silent, phone)
        trunk = await trunk_to(lab, phone, address="carrier.example")
        await dial(lab, trunk, wait_until_answered=True)
        call = await phone.called()
        assert call.dialog is not None
        assert call.dialog.remote_cseq == 3
        assert await status(lab, "active")

    run(check)


def test_a_redirect_is_followed_where_the_trunk_wants_it() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        await lab.carrier.phone(OTHER)
        trunk = await trunk_to(lab, phone, metadata='{"hookflash.follow_redirects": true}')
        error = await redirected(lab, trunk, phone)
        assert error is None
        trunk = await trunk_to(lab, phone)
        error = await redirected(lab, trunk, phone)
        assert error is not None
        assert error.metadata["sip_status_code"] == "302"

    run(check)


async def redirected(lab: Lab, trunk: str, phone: Phone) -> api.TwirpError | None:
    """Call a phone that names another one; the failure, if it is one."""
    other = lab.carrier.phones[OTHER]
    host, port = other.address
    phone.behaviour = Behaviour(answer=302)
    phone.agent.contact = lambda user, transport="udp": Uri.sip(OTHER, host, port)  # type: ignore[method-assign]
    try:
        await dial(lab, trunk, wait_until_answered=True)
    except api.TwirpError as failure:
        return failure
    await other.called()
    return None


def test_a_confirmed_call_is_stored_for_a_restart_and_forgotten_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        stored: list[str] = []
        forgotten: list[str] = []
        call_records = lab.server.call_records
        monkeypatch.setattr(
            call_records, "dialog", lambda record, *_: stored.append(record.call_id)
        )
        monkeypatch.setattr(call_records, "forget_dialog", forgotten.append)
        info = await dial(lab, await trunk_to(lab, phone), wait_until_answered=True)
        assert stored == [info.sip_call_id]
        call = await phone.called()
        await lab.api.room.delete_room(api.DeleteRoomRequest(room="lobby"))
        await call.ended()
        await lab.events.wait_for("call ended")
        assert forgotten in ([], [info.sip_call_id])  # once the BYE is answered

    run(check)


def test_a_call_that_lasts_too_long_is_hung_up() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone)
        await dial(lab, trunk, wait_until_answered=True, max_call_duration=duration(0.3))
        call = await phone.called()
        await call.ended()
        assert call.ended_by == "peer"
        await lab.events.wait_for("call ended")
        assert lab.events.calls[0].end_reason == "max call duration"

    run(check)


def test_an_encrypted_call() -> None:
    """ALLOW is answered by anybody; REQUIRE of the request beats the trunk, and 488 says so."""

    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        media = api.SIPMediaConfig(encryption="SIP_MEDIA_ENCRYPT_ALLOW")
        trunk = await trunk_to(lab, phone, media=media)
        await dial(lab, trunk, wait_until_answered=True)
        call = await phone.called()
        assert call.dialog is not None
        media = api.SIPMediaConfig(encryption="SIP_MEDIA_ENCRYPT_REQUIRE")
        phone.behaviour = Behaviour(answer=488)
        error = await refused(lab, trunk, media=media)
        assert error.metadata["sip_status_code"] == "488"

    run(check)
