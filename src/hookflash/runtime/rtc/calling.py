"""RPC from a client to a telephone, for which the exchange answers; from the API to a client."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket, RpcAck, RpcError, RpcRequest, RpcResponse

from ...base.errors import ApiError
from ...base.ids import Ids
from ...exchange.rooms import Rpc
from ...exchange.rpc import UNSUPPORTED, unsupported_method
from ...rooms.room import Participant
from ...rooms.rules import RPC_PREFIX

UNSUPPORTED_METHOD: Final = 1400
APPLICATION_ERROR: Final = 1500
RESPONSE_TIMEOUT: Final = 1502
DISCONNECTED: Final = "Recipient disconnected"
"""The SDKs' words for RPC error 1503."""
_TIMEOUT: Final = 10.0
"""Seconds, where the request names none."""
_MOST_PAYLOAD: Final = 64 * 1024
"""Octets of an answer's payload once it is unpacked."""
_LONGEST: Final = 60.0
"""Seconds that a client can make us wait."""


async def answer_rpc(
    way: Rpc | None,
    callee: Participant,
    caller: Participant,
    request: bytes,
    send: Callable[[bytes], object],
) -> None:
    """Carry out the RpcRequest in that DataPacket by `way`, and `send` what `caller` is answered.
    None: the callee cannot be called."""
    asked = DataPacket.FromString(request).rpc_request

    def reply(packet: DataPacket) -> None:
        packet.participant_identity, packet.participant_sid = callee.identity, callee.sid
        packet.destination_identities.append(caller.identity)
        send(packet.SerializeToString())

    reply(DataPacket(kind=DataPacket.Kind.RELIABLE, rpc_ack=RpcAck(request_id=asked.id)))
    answer = RpcResponse(request_id=asked.id)
    if way is None:
        answer.error.CopyFrom(_unsupported())
    else:
        await _carry_out(way, asked, answer)
    reply(DataPacket(kind=DataPacket.Kind.RELIABLE, rpc_response=answer))


async def _carry_out(way: Rpc, asked: RpcRequest, answer: RpcResponse) -> None:
    seconds = min(asked.response_timeout_ms / 1000 or _TIMEOUT, _LONGEST)
    try:
        async with asyncio.timeout(seconds):
            answer.payload = await way(asked.method, asked.payload, seconds)
    except TimeoutError:
        answer.error.CopyFrom(RpcError(code=RESPONSE_TIMEOUT, message="Response timeout"))
    except ApiError as error:
        text = error.msg.removeprefix(RPC_PREFIX)  # which is the API's
        code = UNSUPPORTED_METHOD if text == UNSUPPORTED else APPLICATION_ERROR
        answer.error.CopyFrom(RpcError(code=code, message=text))


def _unsupported() -> RpcError:
    return RpcError(code=UNSUPPORTED_METHOD, message=UNSUPPORTED)


class RpcCalls:
    """RPC from the API to clients (PerformRpc): requests that wait for their answer."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._asked: dict[str, object] = {}
        """Who is to answer each of them."""

    async def call(
        self,
        callee: object,
        send: Callable[[bytes], object],
        method: str,
        payload: str,
        seconds: float,
    ) -> str:
        """Ask a client by `send`, which takes a DataPacket; the payload of its answer. ApiError
        where it has none, or not in time, or leaves meanwhile (`gone`)."""
        request = RpcRequest(
            id=self._ids.new("RPC_"),
            method=method,
            payload=payload,
            response_timeout_ms=int(seconds * 1000),
            version=1,
        )
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = answer
        self._asked[request.id] = callee
        send(DataPacket(kind=DataPacket.Kind.RELIABLE, rpc_request=request).SerializeToString())
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise ApiError("deadline_exceeded", "Response timeout") from None
        finally:
            del self._waiting[request.id], self._asked[request.id]

    def gone(self, callee: object) -> None:
        """That client has left: whoever waits for its answer waits no longer."""
        for request_id, asked in self._asked.items():
            waiting = self._waiting[request_id]
            if asked is callee and not waiting.done():
                waiting.set_exception(ApiError("unavailable", RPC_PREFIX + DISCONNECTED))

    def is_answer(self, data: bytes) -> bool:
        """Whether that DataPacket of a client is for us and nobody else; who waits is told."""
        if not self._waiting:
            return False
        try:
            packet = DataPacket.FromString(data)
        except DecodeError:
            return False
        if packet.WhichOneof("value") == "rpc_ack":
            return packet.rpc_ack.request_id in self._waiting
        waiting = self._waiting.get(packet.rpc_response.request_id)
        if waiting is None or waiting.done():
            return waiting is not None
        response = packet.rpc_response
        if response.HasField("error"):
            waiting.set_exception(_refusal(response.error))
        else:
            waiting.set_result(response.payload or _inflated(response.compressed_payload))
        return True


def _refusal(error: RpcError) -> ApiError:
    if error.code == UNSUPPORTED_METHOD:
        return unsupported_method()
    return ApiError("unknown", error.message or f"RPC error {error.code}")


def _inflated(octets: bytes) -> str:
    """A payload that was packed (raw deflate); "" where it cannot be read or is too long."""
    try:
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(octets, _MOST_PAYLOAD + 1)
    except zlib.error:
        return ""
    return plain.decode("utf-8", "replace") if len(plain) <= _MOST_PAYLOAD else ""
