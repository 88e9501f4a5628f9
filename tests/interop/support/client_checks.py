"""What becomes of a client in a room, whatever it is written in: it calls and is called by RPC, a
track is muted by the API, a telephone is transferred, its identity is taken, its room is deleted,
its server is another one."""

from __future__ import annotations

from typing import Any

from livekit import api
from livekit.rtc import RpcInvocationData
from tests.support.lab import NUMBER, Lab
from tests.support.proxies import TcpProxy
from tests.support.sdk import client

from hookflash.carrier.behaviour import Behaviour

from .remote import Remote

CALLER, HUMAN = "+14150000001", "tel:+15105550100"
PHONE = f"sip_{CALLER}"
HIGH = 700.0


async def check_client(
    lab: Lab, guest: Remote, taken: object, deleted: object, **options: Any
) -> None:
    """`taken`, `deleted`: what its SDK calls these reasons; `options`: of its joins."""
    await lab.ready()
    await guest.join(lab, "guest", **options)
    async with client(lab, "ann") as ann:
        await guest.told("joined", identity="ann")
        await _calls(guest, ann)
        await ann.speak(HIGH)
        await guest.told("subscribed", identity="ann")
        (track,) = ann.room.local_participant.track_publications
        await lab.api.room.mute_published_track(
            api.MuteRoomTrackRequest(room="lobby", identity="ann", track_sid=track, muted=True)
        )
        await guest.told("muted", identity="ann")
        await _transferred(lab, guest)
    async with client(lab, "guest"):
        await guest.told("disconnected", reason=taken)
    guest.events.clear()
    await guest.join(lab, "guest", **options)
    await lab.api.room.delete_room(api.DeleteRoomRequest(room="lobby"))
    await guest.told("disconnected", reason=deleted)
    guest.events.clear()
    await _finds_another_server(lab, guest, options)


async def _calls(guest: Remote, ann: Any) -> None:
    async def echo(asked: RpcInvocationData) -> str:
        return f"{asked.caller_identity} said {asked.payload}"

    me = ann.room.local_participant
    me.register_rpc_method("echo", echo)
    said = await guest.do("rpc", identity="ann", method="echo", text="hello")
    assert said == "guest said hello"
    heard = await me.perform_rpc(destination_identity="guest", method="echo", payload="hi")
    assert heard == "ann said hi"


async def _transferred(lab: Lab, guest: Remote) -> None:
    caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(200,)))
    call = await caller.call(NUMBER, proxy=lab.sip)
    await guest.told("joined", identity=PHONE)
    await lab.transfer(PHONE, HUMAN)
    await guest.told("left", identity=PHONE)
    await call.ended()


async def _finds_another_server(lab: Lab, guest: Remote, options: dict[str, Any]) -> None:
    async with Lab() as second, TcpProxy(lab.server.http_port) as proxy:
        await guest.join(lab, "guest", port=proxy.port, **options)
        proxy.cut()
        proxy.target = second.server.http_port
        async with client(second, "bob") as bob:
            proxy.mend()
            (found,) = await bob.told("participant_connected", within=40)
            assert found.identity == "guest"
            await guest.told("reconnected", within=20)
