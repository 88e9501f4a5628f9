"""What clients say of themselves and to each other: attributes, data, streams, calls."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from livekit import api, rtc
from livekit.protocol import room
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run
from tests.support.sdk import MODES, SdkClient, client

from hookflash.cli.client import Client, RefusedError

pytestmark = pytest.mark.interop

CALLER = "+14150000001"
PHONE = f"sip_{CALLER}"
OWN = {"can_update_own_metadata": True}


async def knows(one: SdkClient, *identities: str) -> None:
    """Wait until it has been told of these."""
    await one.until(lambda: set(identities) <= set(one.room.remote_participants))


@MODES
def test_a_client_says_who_it_is(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        said = {"name": "Ann", "metadata": "m", "attributes": {"a": "1"}, "kind": "agent"}
        async with (
            client(lab, "bob", **mode) as bob,
            client(lab, "ann", grants=OWN, said=said, **mode) as ann,
        ):
            (shown,) = await bob.told("participant_connected")
            assert (shown.name, shown.metadata, shown.attributes) == ("Ann", "m", {"a": "1"})
            assert shown.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
            me = ann.room.local_participant
            await me.set_attributes({"b": "2"})
            await bob.told("participant_attributes_changed")
            await me.set_attributes({"a": ""})
            changed, _ = await bob.told("participant_attributes_changed", 2)
            assert changed == {"a": ""}
            await me.set_metadata("n")
            await bob.told("participant_metadata_changed")
            await me.set_name("Anna")
            await bob.told("participant_name_changed")
            assert (shown.name, shown.metadata, shown.attributes) == ("Anna", "n", {"b": "2"})
            assert me.attributes == {"b": "2"}
            shown_by_api = {p.identity: p for p in await lab.participants()}["ann"]
            assert (shown_by_api.name, shown_by_api.metadata) == ("Anna", "n")

    run(check)


@MODES
def test_the_api_says_who_a_client_is(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "bob", **mode) as bob, client(lab, "ann", **mode) as ann:
            await lab.api.room.update_participant(
                api.UpdateParticipantRequest(
                    room="lobby", identity="ann", name="Ann", metadata="m", attributes={"a": "1"}
                )
            )
            for one in (ann, bob):
                await one.told("participant_attributes_changed")
                await one.told("participant_metadata_changed")
                await one.told("participant_name_changed")
            assert ann.room.local_participant.attributes == {"a": "1"}
            await lab.api.room.update_room_metadata(
                api.UpdateRoomMetadataRequest(room="lobby", metadata="r")
            )
            for one in (ann, bob):
                _, told = await one.told("room_metadata_changed")
                assert told == "r"
            await ann.told("token_refreshed")

    run(check)


@MODES
def test_a_client_without_the_grant_stays_who_it_is(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann:
            await ann.room.local_participant.set_metadata("mine")
            (shown,) = await lab.participants()
            assert shown.metadata == ""

    run(check)


@MODES
@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "lossy"])
def test_data_reaches_whom_it_is_for(mode: dict[str, Any], reliable: bool) -> None:
    async def check(lab: Lab) -> None:
        async with (
            client(lab, "ann", **mode) as ann,
            client(lab, "bob", **mode) as bob,
            client(lab, "cid", **mode) as cid,
        ):
            await knows(ann, "bob", "cid")
            await knows(bob, "ann", "cid")
            await knows(cid, "ann", "bob")
            say = ann.room.local_participant.publish_data
            await say(b"x" * 1000, reliable=reliable, topic="t", destination_identities=["bob"])
            await say("all", reliable=reliable)
            (first,) = await bob.told("data_received")
            assert (first.data, first.topic) == (b"x" * 1000, "t")
            assert first.participant.identity == "ann"
            assert first.kind == (
                rtc.DataPacketKind.KIND_RELIABLE if reliable else rtc.DataPacketKind.KIND_LOSSY
            )
            (second,) = await bob.told("data_received", 2)
            (only,) = await cid.told("data_received")
            assert second.data == only.data == b"all"
            assert not [name for name, _ in ann.events if name == "data_received"]

    run(check)


@MODES
def test_the_api_sends_data(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            for destinations in (["bob"], []):
                await lab.api.room.send_data(
                    api.SendDataRequest(
                        room="lobby",
                        data=b"from the API",
                        kind=api.DataPacket.Kind.RELIABLE,
                        topic="t",
                        destination_identities=destinations,
                    )
                )
            (data,) = await ann.told("data_received")
            assert (data.data, data.topic, data.participant) == (b"from the API", "t", None)
            await bob.told("data_received", 2)

    run(check)


@MODES
def test_data_reaches_somebody_who_was_just_announced(mode: dict[str, Any]) -> None:
    """The channel of who comes opens a moment after the others are told of it."""

    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann:

            def greet(participant: rtc.RemoteParticipant) -> None:
                ann.spawn(
                    ann.room.local_participant.publish_data(
                        "hello", destination_identities=[participant.identity]
                    )
                )

            ann.room.on("participant_connected", greet)
            for identity in ("bob", "cid", "dan"):
                async with client(lab, identity, **mode) as newcomer:
                    (data,) = await newcomer.told("data_received")
                    assert data.data == b"hello"

    run(check)


@MODES
def test_streams_and_files(mode: dict[str, Any], tmp_path: Any) -> None:
    text, octets = "ä" * 20_000, bytes(range(256)) * 400
    path = tmp_path / "file"
    path.write_bytes(octets)

    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await knows(ann, "bob")
            await knows(bob, "ann")
            texts: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
            files: asyncio.Queue[bytes] = asyncio.Queue()

            def text_came(reader: rtc.TextStreamReader, identity: str) -> None:
                async def read() -> None:
                    await texts.put((identity, await reader.read_all()))

                bob.spawn(read())

            def file_came(reader: rtc.ByteStreamReader, identity: str) -> None:
                async def read() -> None:
                    await files.put(b"".join([chunk async for chunk in reader]))

                bob.spawn(read())

            bob.room.register_text_stream_handler("talk", text_came)
            bob.room.register_byte_stream_handler("files", file_came)
            me = ann.room.local_participant
            await me.send_text(text, topic="talk")
            assert await asyncio.wait_for(texts.get(), 10) == ("ann", text)
            await me.send_text("only bob", topic="talk", destination_identities=["bob"])
            assert await asyncio.wait_for(texts.get(), 10) == ("ann", "only bob")
            await me.send_file(str(path), topic="files")
            assert await asyncio.wait_for(files.get(), 10) == octets

    run(check)


@MODES
def test_clients_call_each_other(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await knows(ann, "bob")
            await knows(bob, "ann")

            async def greet(data: rtc.RpcInvocationData) -> str:
                if data.payload == "no":
                    raise rtc.RpcError(4000, "not today")
                return f"{data.caller_identity}: {data.payload}"

            bob.room.local_participant.register_rpc_method("greet", greet)
            call = ann.room.local_participant.perform_rpc
            answer = await call(destination_identity="bob", method="greet", payload="hello")
            assert answer == "ann: hello"
            with pytest.raises(rtc.RpcError, match="not today"):
                await call(destination_identity="bob", method="greet", payload="no")
            with pytest.raises(rtc.RpcError) as caught:
                await call(destination_identity="bob", method="other", payload="")
            assert caught.value.code == 1400

    run(check)


@MODES
def test_a_client_calls_a_phone(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=440.0)
        async with client(lab, "ann", **mode) as ann:
            await ann.speak(700.0)
            connected = await caller.call(NUMBER, proxy=lab.sip, headers=[("X-Own", "mine")])
            await knows(ann, PHONE)
            call = ann.room.local_participant.perform_rpc
            answer = await call(
                destination_identity=PHONE,
                method="lk.sip.GetRemoteHeaders",
                payload=json.dumps({"include": ["X-Own"]}),
            )
            assert json.loads(answer) == {"headers": {"X-Own": "mine"}}
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(rtc.RpcError) as caught:
                await call(destination_identity=PHONE, method="other", payload="")
            assert caught.value.code == 1400
            assert loop.time() - began < 1.0
            await call(destination_identity=PHONE, method="lk.sip.EndCall", payload="")
            await connected.ended()
            await ann.told("participant_disconnected")

    run(check)


@MODES
def test_the_api_calls_a_client(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann:

            async def greet(data: rtc.RpcInvocationData) -> str:
                return f"{data.method}: {data.payload}"

            ann.room.local_participant.register_rpc_method("greet", greet)
            server = Client(f"http://127.0.0.1:{lab.server.http_port}", KEY, SECRET)

            def ask(method: str) -> str:
                request = room.PerformRpcRequest(
                    room="lobby", destination_identity="ann", method=method, payload="hello"
                )
                answer = room.PerformRpcResponse
                return server.call("RoomService/PerformRpc", request, answer, room="lobby").payload

            assert await asyncio.to_thread(ask, "greet") == "greet: hello"
            with pytest.raises(RefusedError, match="Method not supported at destination"):
                await asyncio.to_thread(ask, "other")

    run(check)
