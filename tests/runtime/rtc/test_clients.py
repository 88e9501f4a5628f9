"""All WebRTC participants: how they come, come back and go."""

from __future__ import annotations

import asyncio
import gc
import re
import weakref
from typing import Any

import aiohttp
import jwt
import pytest
from livekit import api
from livekit.protocol.models import DataPacket, DisconnectReason, RpcRequest, SipDTMF, UserPacket
from livekit.protocol.rtc import AddTrackRequest, SignalRequest, SignalResponse
from tests.support.lab import NUMBER, SECRET, Lab, run
from tests.support.rtc_peer import RtcPeer
from websockets.exceptions import InvalidStatus

from hookflash.base.errors import ApiError
from hookflash.carrier.behaviour import Behaviour
from hookflash.rooms.orders import Join
from hookflash.rtp.rtcp import Report, ReportBlock, encode_report
from hookflash.runtime.rtc import clients as module
from hookflash.runtime.rtc.clients import RtcClients
from hookflash.signalling.session import SignalSession

LOW, HIGH = 440.0, 700.0
CALLER = "+14150000001"
PHONE = f"sip_{CALLER}"
MODES = pytest.mark.parametrize("two", [False, True], ids=["one-connection", "two-connections"])


def clients_of(lab: Lab) -> RtcClients:
    return lab.server.rtc


def later(lab: Lab, seconds: float) -> float:
    return lab.server._clock.now() + seconds


async def refused(peer: RtcPeer) -> tuple[int, str]:
    """The answer to the upgrade."""
    with pytest.raises(InvalidStatus) as caught:
        await peer.open()
    response = caught.value.response
    await peer.close()
    return response.status_code, (response.body or b"").decode()


@MODES
def test_the_first_message_is_join_and_the_second_a_token(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=two) as ann:
            kinds = [message.WhichOneof("message") for message in ann.signals[:3]]
            assert kinds == ["join", "refresh_token", "offer" if two else "answer"]
            join = ann.signals[0].join
            assert join.participant.identity == "ann"
            assert join.subscriber_primary == two
            assert join.room.name == "lobby"
            async with RtcPeer(lab, "bob", two=two) as bob:
                (other,) = bob.signals[0].join.other_participants
                assert other.sid == ann.sid
                (shown, also) = await lab.participants()
                assert (shown.state, also.state) == (2, 2)

    run(check)


def test_who_sends_text_is_answered_so_until_it_sends_octets() -> None:
    async def check(lab: Lab) -> None:
        async with aiohttp.ClientSession() as session:
            ann = RtcPeer(lab, "ann")
            async with session.ws_connect(ann.url()) as socket:
                assert SignalResponse.FromString(await socket.receive_bytes()).HasField("join")
                await socket.receive_bytes()
                await socket.send_str('{"pingReq": {"timestamp": "5"}}')
                assert (await socket.receive_json())["pongResp"]["lastPingTimestamp"] == "5"
                await socket.send_bytes(SignalRequest(ping=1).SerializeToString())
                assert SignalResponse.FromString(await socket.receive_bytes()).pong
            await ann.close()

    run(check)


def test_a_full_room_and_a_missing_one_are_refused_before_the_upgrade() -> None:
    async def check(lab: Lab) -> None:
        assert (await refused(RtcPeer(lab, "ann")))[0] == 404
        made = api.CreateRoomRequest(name="lobby", max_participants=1)
        await lab.api.room.create_room(made)
        async with RtcPeer(lab, "ann"):
            answer = await refused(RtcPeer(lab, "bob"))
            assert answer == (500, "room has exceeded its max participants")
        async with RtcPeer(lab, "eve", "attic", grants={"room_create": True}):
            assert len(await lab.participants("attic")) == 1
        assert not clients_of(lab)._clients

    run(check, room__auto_create=False)


def test_what_no_room_takes_is_refused_before_the_upgrade() -> None:
    """Names, room options and tracks that are over their limits or cannot be read."""
    tracks = [AddTrackRequest(cid=str(number)) for number in range(51)]
    unknown = "unknown room configuration in create room request"

    async def check(lab: Lab) -> None:
        odd = RtcPeer(lab, "ann")
        claims = jwt.decode(odd.token, options={"verify_signature": False})
        odd.token = jwt.encode({**claims, "roomConfig": {"agents": 5}}, SECRET)
        for peer, text in (
            (RtcPeer(lab, "ann", name="n" * 257), "name length exceeds limits 256"),
            (RtcPeer(lab, "ann", room_preset="x"), unknown),
            (RtcPeer(lab, "a", join={"add_track_requests": tracks}), "too many tracks in the join"),
            (odd, "cannot read roomConfig of the token"),
        ):
            status, said = await refused(peer)
            assert (status, said[: len(text)]) == (400, text)
            url = peer.url().replace("ws:", "http:", 1).replace("?", "/validate?", 1)
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                assert (answer.status, await answer.text()) == (status, said)
        assert not (await lab.api.room.list_rooms(api.ListRoomsRequest())).rooms

    run(check)


def test_who_does_not_connect_is_out_after_15_s() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            clients = clients_of(lab)
            clients.handle_deadline(later(lab, 14.5))
            assert len(clients) == 1
            clients.handle_deadline(later(lab, 15.1))
            assert (await ann.told("leave")).reason == DisconnectReason.JOIN_FAILURE
            await ann.ended()
            assert not len(clients)
            assert not len(clients.ports)
            assert not await lab.participants()

    run(check)


def test_of_many_who_are_due_some_wait_for_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leaving is told to all who are there: a thousand at once would hold up the calls."""

    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann", media=False) as ann,
            RtcPeer(lab, "bob", media=False) as bob,
            RtcPeer(lab, "eve", media=False) as eve,
        ):
            for peer in (ann, bob, eve):
                await peer.told("join")
            clients = clients_of(lab)
            monkeypatch.setattr(module, "TURN", 0.0)
            left = []
            for _ in range(3):
                clients.handle_deadline(later(lab, 15.1))
                left.append(len(clients))
            assert left == [2, 1, 0]

    run(check)


def test_a_newcomer_of_that_identity_puts_the_former_one_out() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as former, RtcPeer(lab, "ann") as ann:
            leave = await former.told("leave")
            assert leave.reason == DisconnectReason.DUPLICATE_IDENTITY
            await former.ended()
            (shown,) = await lab.participants()
            assert shown.sid == ann.sid
            assert list(clients_of(lab)._clients) == [ann.sid]

    run(check)


@MODES
def test_leave_puts_it_out_at_once_and_nothing_is_left_behind(two: bool) -> None:
    async def check(lab: Lab) -> None:
        clients, engine = clients_of(lab), lab.server._engine
        async with RtcPeer(lab, "ann", two=two) as ann, RtcPeer(lab, "bob", two=two) as bob:
            await ann.hears(await bob.speak(HIGH), HIGH)
            await bob.hears(await ann.speak(LOW), LOW)
            await ann.ask(leave={})
            leave = await ann.told("leave")
            assert leave.reason == DisconnectReason.CLIENT_INITIATED
            gone = await bob.told(
                "update",
                1,
                lambda u: any(i.identity == "ann" and i.state == 3 for i in u.participants),
            )
            assert gone.participants[0].disconnect_reason == DisconnectReason.CLIENT_INITIATED
            await bob.ask(leave={})
            await bob.ended()
        assert not clients._clients
        assert not clients.ports._transports
        assert not clients.ports.agents._by_ufrag
        assert not clients.ports.agents.paths
        assert not clients.ports.handshakes
        assert not clients._tokens._came_with
        assert not engine._bridges
        clients._look()
        assert clients._timer is None
        assert not clients._speakers
        assert not clients._loudness
        clients.ports._look()
        assert clients.ports._sweep is None

    run(check)


def test_a_deleted_room_and_removal_end_the_socket_with_their_reasons() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            who = api.RoomParticipantIdentity(room="lobby", identity="ann")
            await lab.api.room.remove_participant(who)
            assert (await ann.told("leave")).reason == DisconnectReason.PARTICIPANT_REMOVED
            await ann.ended()
            await lab.api.room.delete_room(api.DeleteRoomRequest(room="lobby"))
            assert (await bob.told("leave")).reason == DisconnectReason.ROOM_DELETED
            await bob.ended()
            assert not clients_of(lab)._clients

    run(check)


def test_the_stop_of_the_server_is_told() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            await clients_of(lab).stop()
            assert (await ann.told("leave")).reason == DisconnectReason.SERVER_SHUTDOWN
            await ann.ended()
            assert clients_of(lab)._timer is None

    run(check)


@MODES
def test_a_client_that_comes_back_is_the_same_and_its_sound_went_on(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=two) as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            client = clients_of(lab)._clients[ann.sid]
            await ann.drop()
            await bob.until(lambda: client.socket is None)
            clients_of(lab).handle_deadline(later(lab, 14))
            ear = bob.ear(sid)
            assert ear is not None
            before = len(ear.packets)
            await bob.until(lambda: len(ear.packets) > before + 10)
            count, me = len(ann.signals), ann.sid
            await ann.resume()
            await ann.told("reconnect")
            kinds = [message.WhichOneof("message") for message in ann.signals[count:]]
            assert kinds[0] == "reconnect"
            (shown, _) = await lab.participants()
            assert shown.sid == me
            assert clients_of(lab)._clients[me] is client

    run(check)


def test_a_second_socket_closes_the_first_and_the_participant_stays() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            former = ann.socket
            await ann.resume()
            await ann.told("reconnect")
            await former.wait_closed()
            await ann.ask(ping=1)
            await ann.told("pong")
            assert clients_of(lab)._clients[ann.sid].socket is not None

    run(check)


def test_who_does_not_come_back_is_gone() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            await ann.drop()
            await bob.told(
                "update",
                1,
                lambda u: any(i.identity == "ann" and i.state == 3 for i in u.participants),
            )
            assert list(clients_of(lab)._clients) == [bob.sid]

    run(check, rtc__reconnect_timeout=0.2)


def test_the_servers_of_the_settings_are_told() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            join = await ann.told("join")
            urls = [list(server.urls) for server in join.ice_servers]
            assert urls == [["turn:127.0.0.1:9?transport=udp"], ["stun:127.0.0.1:9"]]

    relay = {"host": "127.0.0.1", "port": 9}
    run(check, rtc__stun_servers=["127.0.0.1:9"], rtc__turn_servers=[relay])


def test_a_simulation_is_played_where_the_setting_allows_it() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            await ann.ask(simulate={"server_leave": True})
            await ann.ask(ping=1)
            await ann.until(lambda: ann.all("leave") or ann.all("pong"))
            assert ann.all("leave")[-1].reason == DisconnectReason.SERVER_SHUTDOWN

    run(check, rtc__allow_simulation=True)


def test_nobody_resumes_an_unknown_participant_or_that_of_another() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            for name, room, sid in (
                ("eve", "lobby", "PA_nobody"),
                ("bob", "lobby", ann.sid),
                ("ann", "attic", ann.sid),
            ):
                async with RtcPeer(lab, name, room, media=False) as other:
                    await other.told("join")
                    await other.ask(leave={})
                    await other.ended()
                    count = len(other.all("leave"))
                    await other.resume(sid)
                    leave = await other.told("leave", count + 1)
                    assert leave.action == leave.RECONNECT
                    await other.ended()
            await ann.ask(ping=1)
            await ann.told("pong")

    run(check)


def test_an_rpc_of_the_api_ends_with_its_client() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            asked = api.RoomParticipantIdentity(room="lobby", identity="ann")
            way = clients_of(lab).rpc(lab.server.rooms.find(asked.room, asked.identity))
            assert way is not None
            call = asyncio.ensure_future(way("m", "", 60.0))
            await ann.got(lambda packet: packet.HasField("rpc_request"))
            await lab.api.room.remove_participant(asked)
            with pytest.raises(ApiError, match="Recipient disconnected"):
                await call

    run(check)


def test_an_ice_restart_gets_new_credentials_and_the_sound_goes_on() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            transport = clients_of(lab)._clients[ann.sid].publisher.transport
            former = transport.agent.ufrag
            ice: Any = ann.publisher.sctp.transport.transport._connection  # type: ignore[union-attr]
            ice._local_username, ice._local_password = "anew", "n" * 24
            answer = await ann.offer()
            found = re.search("a=ice-ufrag:(.*)\r\na=ice-pwd:(.*)\r\n", answer.sdp)
            assert found is not None
            assert found[1] != former
            ice.remote_username, ice.remote_password = found[1], found[2]
            agents = clients_of(lab).ports.agents
            await bob.until(lambda: former not in agents._by_ufrag)
            assert transport.is_connected
            ear = bob.ear(sid)
            assert ear is not None
            before = len(ear.packets)
            await bob.until(lambda: len(ear.packets) > before + 10)

    run(check)


def test_a_frame_that_is_no_request_costs_nothing() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            await ann.socket.send(b"\xff\xff\xff")
            await ann.socket.send("no json")
            await ann.ask(ping=1)
            await ann.told("pong")

    run(check)


def test_who_speaks_is_told_and_who_stops() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            await ann.speak(LOW)
            told = await bob.told("speakers_changed")
            assert [(s.sid, s.active) for s in told.speakers] == [(ann.sid, True)]
            await ann.drop()
            clients_of(lab).handle_deadline(later(lab, 15.1))
            assert not clients_of(lab)._loudness

    run(check)


def test_reports_of_both_directions_go_to_the_client() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob", two=True) as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            for client in clients_of(lab)._clients.values():
                client.report(later(lab, 0))
            (sender,) = {
                track.sender._ssrc
                for track in ann.publisher.getTransceivers()
                if track.sender.track
            }
            await ann.until(lambda: ann.rtcp)
            assert sender.to_bytes(4, "big") in ann.rtcp[0]
            await bob.until(lambda: bob.rtcp)
            assert bob.rtcp[0][1] == 200
            assert bob.rtcp[0][4:8] == bob.ssrcs[sid].to_bytes(4, "big")
            taken = clients_of(lab)._clients[bob.sid].subscriber
            missed = ReportBlock(bob.ssrcs[sid], 64, 1, 9, 0, 0, 0)
            taken.rtcp_received(encode_report(Report(1, (missed,)), "bob"), later(lab, 0))
            assert taken.reports.worst_loss() == 0.25

    run(check)


def test_of_whom_all_goes_well_nobody_is_told_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """That would be everybody's work for everybody in a large room."""
    told: list[tuple[SignalSession, str, float]] = []

    def noted(session: SignalSession, _: float, sid: str, __: int, score: float) -> Any:
        told.append((session, sid, score))
        return []

    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob", two=True) as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            clients = clients_of(lab)
            clients._timer.cancel()  # type: ignore[union-attr]
            monkeypatch.setattr(SignalSession, "quality", noted)
            client = clients._clients[bob.sid]
            sessions = {clients._clients[peer.sid].session for peer in (ann, bob)}
            clients._grade(client, 1.0)
            assert not told
            for lost, score in ((64, 1.0), (0, 4.5)):
                block = ReportBlock(bob.ssrcs[sid], lost, lost and 1, 9, 0, 0, 0)
                report = encode_report(Report(1, (block,)), "bob")
                client.subscriber.rtcp_received(report, later(lab, 0))
                clients._grade(client, 2.0)
                assert {session for session, _, _ in told} == sessions
                assert {(who, how) for _, who, how in told} == {(bob.sid, score)}
                told.clear()
            clients._grade(client, 3.0)
            assert not told

    run(check)


def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            clients = clients_of(lab)
            monkeypatch.setattr(clients, "_look_at", None)
            clients._timer.cancel()  # type: ignore[union-attr]
            with pytest.raises(TypeError):
                clients._look()
            assert clients._timer is not None
            monkeypatch.undo()

    run(check)


def test_data_that_cannot_be_relayed_is_counted() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            channel = ann.channels["_reliable"]
            await ann.until(lambda: channel.readyState == "open")
            channel.send(b"\xff\xff\xff")
            channel.send(b"\xff\xff\xff")
            await ann.until(lambda: clients_of(lab).counts.data_refused == {"unreadable": 2})

    run(check)


def test_a_telephone_answers_rpc_and_takes_digits() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with RtcPeer(lab, "agent") as agent:
            await agent.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            for number, method in enumerate(("lk.sip.GetRemoteHeaders", "sing")):
                asked = RpcRequest(id=str(number), method=method, payload="{}", version=1)
                packet = DataPacket(rpc_request=asked, destination_identities=[PHONE])
                await agent.send_data(packet)
            await agent.got(lambda p: p.rpc_ack.request_id == "0", "_reliable")
            headers = await agent.got(lambda p: p.rpc_response.request_id == "0")
            assert headers.participant_identity == PHONE
            assert headers.rpc_response.payload
            answer = await agent.got(lambda p: p.rpc_response.request_id == "1")
            assert answer.rpc_response.error.code == 1400
            await agent.until(lambda: not clients_of(lab)._tasks)
            client = clients_of(lab)._clients[agent.sid]
            assert client.calls == 0
            await agent.send_data(DataPacket(sip_dtmf=SipDTMF(code=7, digit="7")))
            await call.pressed("7")
            client.calls = 64
            await agent.send_data(packet)
            await agent.until(lambda: clients_of(lab).counts.data_refused == {"too_many_rpcs": 1})
            client.calls = 0

    run(check)


def test_a_room_that_fills_after_the_upgrade_closes_the_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        await lab.api.room.create_room(api.CreateRoomRequest(name="lobby", max_participants=1))
        async with RtcPeer(lab, "ann"):
            monkeypatch.setattr(clients_of(lab), "_check", lambda *_: None)
            async with RtcPeer(lab, "bob", media=False) as bob:
                await bob.ended()
                assert not bob.signals
                assert lab.logged("rtc_join_refused")

    run(check)


def test_no_task_is_left_behind() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            await ann.speak(LOW)
            await ann.ask(leave={})
            await ann.ended()
        gc.collect()
        names = [repr(task.get_coro()) for task in asyncio.all_tasks()]
        assert not [name for name in names if "RTCSctp" in name or "RtcClients" in name]

    run(check)


def test_whoever_speaks_is_told_of_a_telephone_when_that_hears() -> None:
    """Not while it rings: an agent that waits for `track_subscribed` loses no word."""

    async def check(lab: Lab) -> None:
        bob = await lab.carrier.phone(CALLER, behaviour=Behaviour(answer=None))
        host, port = bob.address
        info = api.SIPOutboundTrunkInfo(name="out", address=f"{host}:{port}", numbers=[NUMBER])
        asked = api.CreateSIPOutboundTrunkRequest(trunk=info)
        trunk = await lab.api.sip.create_outbound_trunk(asked)
        request = api.CreateSIPParticipantRequest(
            sip_trunk_id=trunk.sip_trunk_id,
            sip_call_to=CALLER,
            room_name="lobby",
            participant_identity="bob",
        )
        async with RtcPeer(lab, "agent") as agent:
            await lab.api.sip.create_sip_participant(request)
            await lab.status("ringing", "bob")
            await agent.speak(HIGH)
            await lab.events.wait_for("TrackPublished", 2)
            await agent.ask(ping=1)
            await agent.told("pong")
            assert agent.all("track_subscribed") == []
            bob.calls[0].answer()
            await agent.told("track_subscribed")

    run(check)


def test_the_stop_ends_what_waits_for_a_telephone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def way(method: str, payload: str, seconds: float) -> str:
        await asyncio.Event().wait()
        return ""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with RtcPeer(lab, "agent") as agent:
            await agent.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            clients = clients_of(lab)
            monkeypatch.setattr(clients._phones, "rpc", lambda _: way)
            asked = RpcRequest(id="1", method="wait", version=1)
            await agent.send_data(DataPacket(rpc_request=asked, destination_identities=[PHONE]))
            await agent.send_data(text_for(PHONE))
            await agent.until(lambda: clients._tasks)
            (task,) = clients._tasks
            await clients.stop()
            await agent.ended()
            await agent.until(task.done)
            assert task.cancelled()

    run(check)


def text_for(identity: str) -> DataPacket:
    """A telephone can do nothing with it."""
    return DataPacket(user=UserPacket(payload=b"hello"), destination_identities=[identity])


def test_who_is_gone_reads_no_more_frames() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            client = clients_of(lab)._clients[ann.sid]
            client.close()
            await ann.ask(ping=1)
            await ann.until(lambda: client.socket is None)
            assert not ann.all("pong")

    run(check)


def test_only_clients_of_the_room_are_told_of_its_speakers_and_rooms_are_forgotten() -> None:
    async def check(lab: Lab) -> None:
        clients = clients_of(lab)
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "eve", "attic") as eve:
            await ann.speak(LOW)
            await ann.told("speakers_changed")
            rooms = {client.room for client in clients._clients.values()}
            assert clients._speakers.keys() == rooms
            assert not eve.all("speakers_changed")
            attic = clients._clients[eve.sid].participant.room.sid
            await eve.ask(leave={})
            await eve.ended()
            clients._look()
            assert attic not in clients._speakers
            assert len(clients._speakers) == 1

    run(check)


def test_only_clients_of_the_room_hear_of_what_happens_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a room costs does not grow with the clients of others."""
    told: list[SignalSession] = []
    tell = SignalSession.room_events

    def noted(session: SignalSession, now: float, events: Any) -> Any:
        told.append(session)
        return tell(session, now, events)

    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob", "attic") as bob:
            sessions = {peer: clients_of(lab)._clients[peer.sid].session for peer in (ann, bob)}
            monkeypatch.setattr(SignalSession, "room_events", noted)
            lab.server.rooms.update_metadata("lobby", "x")
            assert told == [sessions[ann]]
            lab.server.rooms.move(clients_of(lab)._clients[bob.sid].participant, "lobby")
            assert told[1:] == [sessions[ann], sessions[bob]]

    run(check)


def test_clients_can_be_moved_and_called_and_others_are_not_ours() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        clients = clients_of(lab)
        async with RtcPeer(lab, "ann") as ann:
            participant = clients._clients[ann.sid].participant
            assert clients.can_move(participant)
            assert clients.rpc(participant) is not None
            stranger = lab.server.rooms.join("lobby", Join("web"))
            assert not clients.can_move(stranger)
            assert clients.rpc(stranger) is None

    run(check)


async def nobody_left(lab: Lab) -> None:
    """Wait until the last client is out."""
    while len(clients_of(lab)):
        count = lab.events.names.count("ParticipantLeft")
        if len(clients_of(lab)):
            await lab.events.wait_for("ParticipantLeft", count + 1)


@MODES
def test_a_client_that_has_gone_goes_with_its_last_reference(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=two) as ann:
            client = clients_of(lab)._clients[ann.sid]
            parts = (client, client.session, client.publisher, client.publisher.transport)
            left = [weakref.ref(part) for part in parts]
            del client, parts
        await nobody_left(lab)
        async with asyncio.timeout(5):
            while found := [one() for one in left if one() is not None]:
                del found
                await lab.participants()  # the last callbacks of its socket have their turn

    gc.collect()
    gc.disable()  # what refers to itself would stay for hours
    try:
        run(check)
    finally:
        gc.enable()


def test_of_those_whose_connection_does_not_stand_a_server_takes_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In whichever room; who is connected is none of them."""

    async def check(lab: Lab) -> None:
        monkeypatch.setattr(module, "MOST_UNCONNECTED", 1)
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob", "second", media=False) as bob:
            await bob.told("join")
            status, text = await refused(RtcPeer(lab, "cid", "third", media=False))
            assert (status, text) == (503, "too many participants are joining")
            await bob.negotiate()
            await bob.until(lambda: bob.is_active)
            async with RtcPeer(lab, "cid", "third", media=False) as cid:
                await cid.told("join")
            assert ann.is_active

    run(check)


def test_so_many_may_join_a_room_at_once_and_the_next_may_try_again() -> None:
    async def check(lab: Lab) -> None:
        for number in range(module.MOST_JOINING):
            lab.server.rooms.join("lobby", Join(f"joining{number}"))
        status, text = await refused(RtcPeer(lab, "ann"))
        assert (status, text) == (503, "too many participants are joining this room")
        lab.server.rooms.activate(lab.server.rooms.find("lobby", "joining0"))
        async with RtcPeer(lab, "ann"):
            assert len(clients_of(lab)) == 1

    run(check)
