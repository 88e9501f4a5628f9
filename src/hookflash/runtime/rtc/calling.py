"""RPC from a client to a telephone: the exchange answers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from livekit.protocol.models import DataPacket, RpcAck, RpcError, RpcRequest, RpcResponse

from ...base.errors import ApiError
from ...exchange.rooms import Rpc
from ...rooms.room import Participant

UNSUPPORTED_METHOD: Final = 1400
APPLICATION_ERROR: Final = 1500
RESPONSE_TIMEOUT: Final = 1502
_TIMEOUT: Final = 10.0
"""Seconds, where the request names none."""
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
        unsupported = error.msg.endswith("Method not supported at destination")
        code = UNSUPPORTED_METHOD if unsupported else APPLICATION_ERROR
        answer.error.CopyFrom(RpcError(code=code, message=error.msg))


def _unsupported() -> RpcError:
    return RpcError(code=UNSUPPORTED_METHOD, message="Method not supported at destination")
