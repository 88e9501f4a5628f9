"""RPC to a telephone: what the caller is answered."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from livekit.protocol.models import DataPacket, RpcAck, RpcError, RpcRequest, RpcResponse

from hookflash.base.errors import ApiError
from hookflash.base.ids import Ids
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
        ("Method not supported at destination", calling.UNSUPPORTED_METHOD),
        ("no call", calling.APPLICATION_ERROR),
    ],
)
@pytest.mark.parametrize("prefix", ["", "twirp error unknown: "])
def test_a_refusal_is_an_error_of_rpc(text: str, code: int, prefix: str) -> None:
    """In the words of the SDKs: the prefix is for the API."""

    async def way(method: str, payload: str, seconds: float) -> str:
        raise ApiError("invalid_argument", prefix + text)

    _, answer = answers(way)
    assert answer.rpc_response.error.code == code
    assert answer.rpc_response.error.message == text


def test_silence_is_a_timeout() -> None:
    async def way(method: str, payload: str, seconds: float) -> str:
        await asyncio.Event().wait()
        return ""

    _, answer = answers(way, 1)
    assert answer.rpc_response.error.code == calling.RESPONSE_TIMEOUT


# --- from the API to a client ---------------------------------------------------------------------


def asked(reply: Callable[[RpcRequest], DataPacket | None], seconds: float = 5.0) -> Any:
    """What the API gets of a client that answers so; and whether each packet was for us."""
    calls = calling.RpcCalls(Ids(random.Random(1)))
    taken: list[bool] = []

    async def check() -> str:
        def send(packet: bytes) -> None:
            answer = reply(DataPacket.FromString(packet).rpc_request)
            if answer is not None:
                loop.call_soon(lambda: taken.append(calls.is_answer(answer.SerializeToString())))

        loop = asyncio.get_running_loop()
        return await calls.call("ann", send, "greet", "hello", seconds)

    return asyncio.run(check()), taken


def test_a_client_answers_the_api() -> None:
    def reply(request: RpcRequest) -> DataPacket:
        text = f"{request.method} {request.payload} {request.response_timeout_ms}"
        return DataPacket(rpc_response=RpcResponse(request_id=request.id, payload=text))

    assert asked(reply) == ("greet hello 5000", [True])


def test_an_answer_may_be_packed() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(b"long") + packer.flush()
    bomb = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    too_long = bomb.compress(bytes(1 << 24)) + bomb.flush()
    for octets, text in ((packed, "long"), (too_long, ""), (b"\xff\xff", "")):

        def reply(request: RpcRequest, octets: bytes = octets) -> DataPacket:
            response = RpcResponse(request_id=request.id, compressed_payload=octets)
            return DataPacket(rpc_response=response)

        assert asked(reply)[0] == text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RpcError(code=1400, message="x"), "invalid_argument"),
        (RpcError(code=7, message="no wish to"), "unknown"),
        (RpcError(code=7), "unknown"),
    ],
)
def test_a_client_that_refuses(error: RpcError, code: str) -> None:
    def reply(request: RpcRequest) -> DataPacket:
        return DataPacket(rpc_response=RpcResponse(request_id=request.id, error=error))

    with pytest.raises(ApiError) as refused:
        asked(reply)
    assert refused.value.code == code
    assert error.message in refused.value.msg or error.code == 1400


def test_a_client_that_says_nothing_in_time() -> None:
    def acknowledge(request: RpcRequest) -> DataPacket:
        return DataPacket(rpc_ack=RpcAck(request_id=request.id))

    with pytest.raises(ApiError) as refused:
        asked(acknowledge, seconds=0.05)
    assert refused.value.code == "deadline_exceeded"


def test_what_is_for_others_goes_on() -> None:
    calls = calling.RpcCalls(Ids(random.Random(1)))
    foreign = DataPacket(rpc_response=RpcResponse(request_id="theirs")).SerializeToString()
    assert not calls.is_answer(foreign)

    async def check() -> None:
        sent = asyncio.Event()
        waiting = asyncio.ensure_future(calls.call("ann", lambda _: sent.set(), "m", "", 5))
        await sent.wait()
        assert not calls.is_answer(foreign)
        assert not calls.is_answer(b"\xff")
        (request_id,) = calls._waiting
        answer = DataPacket(rpc_response=RpcResponse(request_id=request_id, payload="1"))
        assert calls.is_answer(answer.SerializeToString())
        again = DataPacket(rpc_response=RpcResponse(request_id=request_id, payload="2"))
        assert calls.is_answer(again.SerializeToString()), "and is passed over"
        assert await waiting == "1"

    asyncio.run(check())


def test_who_leaves_answers_no_more() -> None:
    calls = calling.RpcCalls(Ids(random.Random(1)))

    async def check() -> None:
        sent = asyncio.Event()
        of_ann, of_bob = (
            asyncio.ensure_future(calls.call(name, lambda _: sent.set(), "m", "", 50))
            for name in ("ann", "bob")
        )
        await sent.wait()
        calls.gone("ann")
        with pytest.raises(ApiError, match="Recipient disconnected") as refused:
            await of_ann
        assert refused.value.code == "unavailable"
        calls.gone("ann")
        assert not of_bob.done()
        calls.gone("bob")
        with pytest.raises(ApiError):
            await of_bob
        assert calls._waiting == calls._asked == {}

    asyncio.run(check())
