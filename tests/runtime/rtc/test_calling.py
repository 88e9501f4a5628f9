"""RPC to a telephone: what the caller is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.protocol.models import DataPacket, RpcRequest

from hookflash.base.errors import ApiError
from hookflash.runtime.rtc import calling


class Who:
    def __init__(self, identity: str) -> None:
        self.identity, self.sid = identity, f"PA_{identity}"


def answers(way: Any, timeout_ms: int = 0) -> list[DataPacket]:
    sent: list[DataPacket] = []
    request = RpcRequest(id="7", method="m", payload="p", response_timeout_ms=timeout_ms)
    phone: Any = Who("phone")
    caller: Any = Who("ann")

    def send(packet: bytes) -> None:
        sent.append(DataPacket.FromString(packet))

    data = DataPacket(rpc_request=request).SerializeToString()
    asyncio.run(calling.answer_rpc(way, phone, caller, data, send))
    return sent


def test_the_request_is_acknowledged_and_answered() -> None:
    async def way(method: str, payload: str, seconds: float) -> str:
        return f"{method} {payload} {seconds:g}"

    ack, answer = answers(way)
    assert ack.rpc_ack.request_id == "7"
    assert ack.participant_identity == "phone"
    assert ack.destination_identities == ["ann"]
    assert answer.rpc_response.payload == "m p 10"
    assert answers(way, 2000)[1].rpc_response.payload == "m p 2"


def test_no_client_makes_us_wait_for_longer_than_a_minute() -> None:
    async def way(method: str, payload: str, seconds: float) -> str:
        return f"{seconds:g}"

    assert answers(way, 4_000_000_000)[1].rpc_response.payload == "60"


def test_who_cannot_be_called_has_no_method() -> None:
    _, answer = answers(None)
    assert answer.rpc_response.error.code == calling.UNSUPPORTED_METHOD


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("twirp error: Method not supported at destination", calling.UNSUPPORTED_METHOD),
        ("no call", calling.APPLICATION_ERROR),
    ],
)
def test_a_refusal_is_an_error_of_rpc(text: str, code: int) -> None:
    async def way(method: str, payload: str, seconds: float) -> str:
        raise ApiError("invalid_argument", text)

    _, answer = answers(way)
    assert answer.rpc_response.error.code == code
    assert answer.rpc_response.error.message == text


def test_silence_is_a_timeout() -> None:
    async def way(method: str, payload: str, seconds: float) -> str:
        await asyncio.Event().wait()
        return ""

    _, answer = answers(way, 1)
    assert answer.rpc_response.error.code == calling.RESPONSE_TIMEOUT
