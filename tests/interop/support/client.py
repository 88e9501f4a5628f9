"""The API as a user has it: the official SDK, its answers and errors as plain values."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from google.protobuf.duration_pb2 import Duration
from livekit import api
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.sip import (
    SIPDispatchRule,
    SIPDispatchRuleDirect,
    SIPDispatchRuleIndividual,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
)

from .waiting import wait_until


@dataclass(frozen=True, slots=True)
class Outcome:
    """What TransferSIPParticipant came back with; `code` is empty on success."""

    transfer_id: str
    code: str
    message: str
    status: int
    seconds: float
    meta: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the API called it a success."""
        return not self.code

    @property
    def sip_status(self) -> int:
        """The SIP status that decided a failure; 0 if none did."""
        return int(self.meta.get("sip_status_code", 0))

    @property
    def reason(self) -> str:
        """STR_…"""
        return self.meta.get("sip_transfer_reason", "STR_COMPLETED" if self.ok else "")


class Client:
    """One SDK session, made when first needed (it wants a running loop)."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self._url, self._key, self._secret = url, key, secret
        self._api: api.LiveKitAPI | None = None

    @property
    def sdk(self) -> api.LiveKitAPI:
        """The SDK itself."""
        if self._api is None:
            self._api = api.LiveKitAPI(self._url, self._key, self._secret)
        return self._api

    async def close(self) -> None:
        """End the session."""
        if self._api is not None:
            await self._api.aclose()
            self._api = None

    async def create_trunk(self, number: str, **fields: Any) -> SIPInboundTrunkInfo:
        """An inbound trunk for one called number."""
        trunk = SIPInboundTrunkInfo(name=f"trunk {number}", numbers=[number], **fields)
        request = api.CreateSIPInboundTrunkRequest(trunk=trunk)
        return await self.sdk.sip.create_inbound_trunk(request)

    async def create_rule(
        self, trunk: SIPInboundTrunkInfo, *, room: str = "", prefix: str = ""
    ) -> SIPDispatchRuleInfo:
        """A rule of that trunk: into `room`, or a room `prefix_caller` for each caller."""
        if room:
            rule = SIPDispatchRule(dispatch_rule_direct=SIPDispatchRuleDirect(room_name=room))
        else:
            individual = SIPDispatchRuleIndividual(room_prefix=prefix, no_randomness=True)
            rule = SIPDispatchRule(dispatch_rule_individual=individual)
        info = SIPDispatchRuleInfo(rule=rule, trunk_ids=[trunk.sip_trunk_id])
        request = api.CreateSIPDispatchRuleRequest(dispatch_rule=info)
        return await self.sdk.sip.create_dispatch_rule(request)

    async def participants(self, room: str) -> list[ParticipantInfo]:
        """Who is in the room; nobody if there is none."""
        try:
            answer = await self.sdk.room.list_participants(api.ListParticipantsRequest(room=room))
        except api.TwirpError as error:
            if error.code == "not_found":
                return []
            raise
        return list(answer.participants)

    async def wait_active(self, room: str, identity: str, within: float = 10) -> ParticipantInfo:
        """Wait until the call of this participant is up."""

        async def active() -> ParticipantInfo | None:
            for one in await self.participants(room):
                if one.identity == identity and one.attributes["sip.callStatus"] == "active":
                    return one
            return None

        return await wait_until(active, f"{identity} is active in {room}", within)

    async def wait_gone(self, room: str, identity: str, within: float = 10) -> None:
        """Wait until nobody of this identity is in the room."""

        async def gone() -> bool:
            return all(one.identity != identity for one in await self.participants(room))

        await wait_until(gone, f"{identity} has left {room}", within)

    async def remove(self, room: str, identity: str) -> None:
        """RemoveParticipant."""
        request = api.RoomParticipantIdentity(room=room, identity=identity)
        await self.sdk.room.remove_participant(request)

    async def transfer(
        self,
        room: str,
        identity: str,
        target: str = "sip:new@127.0.0.1:9",
        *,
        ringing_timeout: float = 0,
        headers: dict[str, str] | None = None,
        dialtone: bool = False,
    ) -> Outcome:
        """TransferSIPParticipant, its refusal as a value."""
        request = api.TransferSIPParticipantRequest(
            room_name=room,
            participant_identity=identity,
            transfer_to=target,
            headers=headers or {},
            play_dialtone=dialtone,
        )
        if ringing_timeout:
            whole = int(ringing_timeout)
            nanos = int((ringing_timeout - whole) * 1e9)
            request.ringing_timeout.CopyFrom(Duration(seconds=whole, nanos=nanos))
        began = time.monotonic()
        try:
            answer = await self.sdk.sip.transfer_sip_participant(request)
        except api.TwirpError as error:
            meta = dict(error.metadata)
            took = time.monotonic() - began
            ident = meta.get("sip_transfer_id", "")
            return Outcome(ident, error.code, error.message, error.status, took, meta)
        return Outcome(answer.transfer_id, "", "", 200, time.monotonic() - began)

    async def record(self, room: str, transfer_id: str) -> dict[str, Any]:
        """The stored record of one transfer."""
        answer = await self._get(f"/hookflash/transfers/{transfer_id}", room, {})
        assert isinstance(answer, dict), answer
        return answer

    async def records(self, room: str, limit: int = 50) -> list[dict[str, Any]]:
        """Stored transfers of a room, newest first."""
        query = {"room": room, "limit": str(limit)}
        answer = await self._get("/hookflash/transfers", room, query)
        found = answer["transfers"] if isinstance(answer, dict) else answer
        assert isinstance(found, list), answer
        return found

    async def _get(self, path: str, room: str, query: dict[str, str]) -> Any:
        token = (
            api.AccessToken(self._key, self._secret)
            .with_grants(api.VideoGrants(room_admin=True, room=room))
            .with_sip_grants(api.SIPGrants(admin=True, call=True))
            .to_jwt()
        )
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{self._url}{path}", params=query) as answer,
        ):
            assert answer.status == 200, f"{answer.status} {await answer.text()}"
            return await answer.json()
