"""One WebRTC participant: what it publishes, takes and is sent."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from livekit import api
from livekit.protocol.models import DataPacket, DisconnectReason, TrackSource, UserPacket
from livekit.protocol.rtc import (
    MuteTrackRequest,
    Pong,
    SessionDescription,
    SignalResponse,
    UpdateSubscription,
    UpdateTrackSettings,
)
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer, Tone
from tests.webrtc.clients import data, offer, sending

from hookflash.exchange.rtc_client import RtcClient
from hookflash.signalling.effects import CloseSocket, OfferSubscriber, SendPacket, SendSignal

LOW, HIGH = 440.0, 700.0
MODES = pytest.mark.parametrize("two", [False, True], ids=["one-connection", "two-connections"])


def client_of(lab: Lab, peer: RtcPeer) -> RtcClient:
    return lab.server.rtc._clients[peer.sid]


def text(words: str, *destinations: str) -> DataPacket:
    user = UserPacket(payload=words.encode())
    return DataPacket(user=user, destination_identities=destinations)


@MODES
def test_two_clients_hear_each_other(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=two) as ann, RtcPeer(lab, "bob", two=two) as bob:
            low = await ann.speak(LOW)
            await bob.hears(low, LOW)
            high = await bob.speak(HIGH)
            await ann.hears(high, HIGH)

    run(check)


def test_a_track_is_published_with_its_first_packet_and_not_before() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            tone = Tone(LOW)
            sid = await ann.announce(tone.id)
            assert sid.startswith("TR_AM")
            transceiver = ann.send(tone)
            transceiver.sender._enabled = False
            answer = await ann.offer()
            assert "a=recvonly" in answer.sdp
            participant = client_of(lab, ann).participant
            assert list(participant.pending) == [tone.id]
            assert not bob.ears
            transceiver.sender._enabled = True
            await bob.hears(sid, LOW)
            assert list(participant.tracks) == [sid]
            shown = [i for u in bob.all("update") for i in u.participants if i.tracks]
            assert shown[0].tracks[0].sid == sid

    run(check)


def test_a_section_whose_cid_nobody_announced_is_inactive() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            ann.send(Tone(LOW))
            answer = await ann.offer()
            assert answer.sdp.count("a=inactive") == 1
            assert not client_of(lab, ann).publisher.cids

    run(check)


def test_what_is_muted_is_not_heard_until_it_is_unmuted() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            source = next(iter(client_of(lab, ann).publisher.published.values())).source
            await ann.ask(mute=MuteTrackRequest(sid=sid, muted=True))
            await bob.told(
                "update", 1, lambda u: any(t.muted for i in u.participants for t in i.tracks)
            )
            assert source.muted
            await ann.ask(mute=MuteTrackRequest(sid=sid, muted=False))
            ear = bob.ear(sid)
            assert ear is not None
            before = len(ear.packets)
            await bob.until(lambda: len(ear.packets) > before + 10)
            assert not source.muted

    run(check)


@MODES
def test_a_track_that_the_next_offer_does_not_send_is_unpublished(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=two) as ann, RtcPeer(lab, "bob") as bob:
            tone = Tone(LOW)
            sid = await ann.announce(tone.id)
            transceiver = ann.send(tone)
            await ann.offer()
            await bob.hears(sid, LOW)
            transceiver.direction = "inactive"
            await ann.offer()
            await bob.until(lambda: sid not in bob.ssrcs)
            connection = client_of(lab, ann).publisher
            assert not connection.published
            assert not connection._by_ssrc
            assert not connection._extensions
            assert not connection._codecs
            bridge = lab.server._engine._bridges.get(client_of(lab, ann).room)
            assert bridge is None or not bridge.sources

    run(check)


def test_a_track_is_taken_away_with_the_permission() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            await lab.api.room.update_participant(
                api.UpdateParticipantRequest(
                    room="lobby",
                    identity="ann",
                    permission=api.ParticipantPermission(can_subscribe=True),
                )
            )
            assert (await ann.told("track_unpublished")).track_sid == sid
            await bob.until(lambda: sid not in bob.ssrcs)
            assert not client_of(lab, ann).participant.tracks
            await ann.ask(add_track={"cid": "again", "source": TrackSource.MICROPHONE})
            refused = await ann.told("request_response")
            assert refused.reason == refused.NOT_ALLOWED
            assert not client_of(lab, ann).publisher.published
            await lab.api.room.update_participant(
                api.UpdateParticipantRequest(
                    room="lobby",
                    identity="ann",
                    permission=api.ParticipantPermission(can_subscribe=True, can_publish=True),
                )
            )
            cid = ann.last("track_published").cid
            await ann.ask(add_track={"cid": cid, "source": TrackSource.MICROPHONE})
            again = await ann.told("track_published", 2)
            await ann.offer()
            await bob.hears(again.track.sid, LOW)

    run(check)


@MODES
def test_who_unsubscribes_hears_it_no_more_and_again_by_another_ssrc(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob", two=two) as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            first = bob.ssrcs[sid]
            await bob.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=False))
            await bob.until(lambda: sid not in bob.ssrcs)
            assert not client_of(lab, bob).subscriber._subscriptions
            await bob.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=True))
            await bob.until(lambda: sid in bob.ssrcs)
            assert bob.ssrcs[sid] != first
            await bob.hears(sid, LOW)

    run(check)


@MODES
def test_without_auto_subscribe_a_track_comes_when_it_is_asked_for(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann") as ann,
            RtcPeer(lab, "bob", two=two, auto_subscribe=False) as bob,
        ):
            sid = await ann.speak(LOW)
            await bob.told("update", 1, lambda u: any(i.tracks for i in u.participants))
            assert not client_of(lab, bob).subscriber._subscriptions
            assert sid not in bob.ssrcs
            await bob.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=True))
            await bob.hears(sid, LOW)

    run(check)


def test_a_track_that_is_disabled_pauses() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            ((_, subscription),) = client_of(lab, bob).subscriber._subscriptions.values()
            await bob.ask(track_setting=UpdateTrackSettings(track_sids=[sid], disabled=True))
            await bob.until(lambda: subscription.paused)
            sent = subscription.sender.packets
            source = next(iter(client_of(lab, ann).publisher.published.values())).source
            received = source.receiver.received
            await bob.until(lambda: source.receiver.received > received + 5)
            assert subscription.sender.packets == sent
            await bob.ask(track_setting=UpdateTrackSettings(track_sids=[sid]))
            await bob.until(lambda: subscription.sender.packets > sent + 5)

    run(check)


def test_sections_are_asked_for_once_until_the_next_offer() -> None:
    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann") as ann,
            RtcPeer(lab, "eve") as eve,
            RtcPeer(lab, "bob", sections=0) as bob,
        ):
            async with bob._turn:  # it offers nothing for a while
                await ann.speak(LOW)
                await bob.told("media_sections_requirement")
                await eve.speak(HIGH)
                await bob.told(
                    "update",
                    1,
                    lambda u: any(i.tracks and i.identity == "eve" for i in u.participants),
                )
                await bob.ask(ping=1)
                await bob.told("pong")
                assert len(bob.all("media_sections_requirement")) == 1
            await bob.until(lambda: len(bob.ssrcs) == 2)

    run(check)


def test_offers_of_the_older_signalling_wait_for_the_answer() -> None:
    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann") as ann,
            RtcPeer(lab, "eve") as eve,
            RtcPeer(lab, "bob", two=True) as bob,
        ):
            async with bob._turn:  # it answers nothing for a while
                offers = len(bob.all("offer"))
                await ann.speak(LOW)
                await bob.told("offer", offers + 1)
                await eve.speak(HIGH)
                await bob.told(
                    "update",
                    1,
                    lambda u: any(i.tracks and i.identity == "eve" for i in u.participants),
                )
                await bob.ask(ping=1)
                await bob.told("pong")
                assert len(bob.all("offer")) == offers + 1
            await bob.until(lambda: len(bob.ssrcs) == 2)
            assert len(bob.all("offer")) == offers + 2

    run(check)


def test_an_answer_to_a_former_offer_is_passed_over_and_a_broken_one_ends_it() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "bob", two=True) as bob:
            await bob.ask(answer=SessionDescription(type="answer", sdp="v=0", id=99))
            await bob.ask(ping=1)
            await bob.told("pong")
            await bob.ask(answer=SessionDescription(type="answer", sdp="v=0"))
            assert (await bob.told("leave")).reason == DisconnectReason.STATE_MISMATCH
            await bob.ended()
            assert not lab.server.rtc._clients

    run(check)


def test_several_offers_are_answered_in_order() -> None:
    """Each by its own number, though nobody waited for the answer to the one before."""

    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            sections = [sending("audio", str(number), f"mic{number}") for number in range(1, 4)]
            for number in range(1, 4):
                sdp = offer(data("0"), *sections[:number])
                await ann.ask(offer=SessionDescription(type="offer", sdp=sdp, id=number))
            await ann.told("answer", 3)
            answers = ann.all("answer")
            assert [answer.id for answer in answers] == [1, 2, 3]
            assert [answer.sdp.count("m=audio") for answer in answers] == [1, 2, 3]

    run(check)


def test_an_offer_that_cannot_be_read_is_told_and_the_session_goes_on() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            await ann.ask(offer=SessionDescription(type="offer", sdp="nonsense", id=7))
            refused = await ann.told("request_response")
            assert refused.reason == refused.INVALID_REQUEST
            await ann.offer()

    run(check)


@MODES
def test_data_goes_on_with_its_sender_to_whom_it_is_for(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann", two=two) as ann,
            RtcPeer(lab, "bob", two=two) as bob,
            RtcPeer(lab, "eve", two=two) as eve,
        ):
            for peer in (bob, eve):
                way: Any = client_of(lab, peer).subscriber.transport
                await peer.until(partial(way._sctp._open_channel, "_lossy"))
            await ann.send_data(text("for bob", "bob"))
            await ann.send_data(text("for all"), "_lossy")
            came = await bob.got(lambda p: p.user.payload == b"for bob", "_reliable")
            assert came.participant_identity == "ann"
            assert came.participant_sid == ann.sid
            await bob.got(lambda p: p.user.payload == b"for all", "_lossy")
            await eve.got(lambda p: p.user.payload == b"for all", "_lossy")
            await ann.send_data(text("last"))
            await eve.got(lambda p: p.user.payload == b"last")
            assert all(p.user.payload != b"for bob" for _, p in eve.data)

    run(check)


def test_reliable_data_for_somebody_just_announced_is_kept_until_the_channel_is_open() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            client = client_of(lab, bob)
            channels = client.publisher.transport._sctp._channels  # type: ignore[attr-defined]
            key = ("_reliable", True)
            await bob.until(lambda: key in channels)
            channel = channels.pop(key)
            await ann.send_data(text("early"))
            await ann.send_data(text("later"))
            await bob.until(lambda: len(client._kept) == 2)
            channels[key] = channel
            client.channel_opened(client.publisher, "_lossy")
            assert client._kept
            client.channel_opened(client.publisher, "_reliable")
            await bob.until(lambda: len(bob.data) == 2)
            assert [packet.user.payload for _, packet in bob.data] == [b"early", b"later"]
            assert not client._kept

    run(check)


def test_what_is_kept_for_a_channel_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        monkeypatch.setattr("hookflash.exchange.rtc_client.MAX_KEPT", 2)
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            client = client_of(lab, bob)
            channels = client.publisher.transport._sctp._channels  # type: ignore[attr-defined]
            key = ("_reliable", True)
            await bob.until(lambda: key in channels)
            channel = channels.pop(key)
            for number in range(4):
                await ann.send_data(text(str(number)))
            await ann.send_data(text("end"), "_lossy")
            await bob.got(lambda p: p.user.payload == b"end")
            await bob.until(lambda: len(client._kept) == 2)
            channels[key] = channel

    run(check)


def test_what_no_channel_takes_is_not_kept_for_it() -> None:
    """SendData has room for 10 MB."""

    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            client = client_of(lab, ann)
            client.send_reliable(bytes(300_000))
            assert client._kept == []
            client.send_reliable(text("short").SerializeToString())
            await ann.got(lambda p: p.user.payload == b"short")

    run(check)


def test_16_mb_may_wait_for_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            client = client_of(lab, ann)
            waiting = 16 * 1024 * 1024
            monkeypatch.setattr(type(client.subscriber.transport), "buffered", lambda *_: waiting)
            client.send_reliable(b"x")
            assert not client.over
            waiting += 1
            client.send_reliable(b"x")
            assert client.over
            assert (await ann.told("leave")).reason == DisconnectReason.STATE_MISMATCH

    run(check)


def test_a_reader_that_is_too_slow_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        monkeypatch.setattr("hookflash.exchange.rtc_client.MAX_WAITING", 100_000)
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            await bob.until(lambda: client_of(lab, bob).publisher.transport.buffered("_x") == 0)
            bob.publisher.sctp.transport._data_receiver = None  # type: ignore[union-attr]
            for _ in range(10):
                await ann.send_data(text("x" * 30_000))
            leave = await bob.told("leave")
            assert leave.action == leave.RECONNECT
            await ann.until(lambda: len(lab.server.rtc._clients) == 1)

    run(check)


def test_of_what_may_be_lost_little_waits_for_a_slow_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waited without end, for each who did not acknowledge it."""

    async def check(lab: Lab) -> None:
        monkeypatch.setattr("hookflash.exchange.rtc_client.MAX_LOSSY", 100_000)
        async with RtcPeer(lab, "bob") as bob:
            client = client_of(lab, bob)
            await bob.until(lambda: bob.channels["_lossy"].readyState == "open")
            client.perform([SendPacket(bytes(30_000), False) for _ in range(20)])
            assert 100_000 < client.subscriber.transport.buffered("_lossy") <= 130_000
            assert not client.over

    run(check)


@MODES
def test_a_client_that_is_moved_is_heard_in_the_new_room_and_no_longer_in_the_old(
    two: bool,
) -> None:
    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann", two=two) as ann,
            RtcPeer(lab, "bob") as bob,
            RtcPeer(lab, "eve", "attic") as eve,
        ):
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            old = client_of(lab, ann).room
            await lab.api.room.move_participant(
                api.MoveParticipantRequest(room="lobby", identity="ann", destination_room="attic")
            )
            moved = await ann.told("room_moved")
            assert moved.room.name == "attic"
            shown = await eve.told("update", 1, lambda u: any(i.tracks for i in u.participants))
            (track,) = shown.participants[0].tracks
            assert track.sid != sid
            await eve.hears(track.sid, LOW)
            await bob.until(lambda: sid not in bob.ssrcs)
            bridge = lab.server._engine._bridges.get(old)
            assert bridge is None or not bridge.sources
            high = await eve.speak(HIGH)
            await ann.hears(high, HIGH)

    run(check)


def test_what_was_asked_for_before_the_end_is_not_done_after_it() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob", two=True) as bob:
            client = client_of(lab, bob)
            client._ask_soon()
            await bob.ask(leave={})
            await bob.ended()
            client._offer_subscriber(OfferSubscriber())
            client._ask()
            client.perform([SendPacket(b"x", True)])
            assert not client._kept
            client.close()
            client.message_received("_data_track", b"x")
            assert not lab.server.rtc.counts.data_refused
            assert ann.is_active

    run(check)


def test_what_is_said_while_there_is_no_socket_is_lost() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            client = client_of(lab, ann)
            await ann.drop()
            await ann.until(lambda: client.socket is None)
            message = SignalResponse(pong_resp=Pong(last_ping_timestamp=1))
            client.perform([SendSignal(message), CloseSocket()])
            await ann.resume()
            await ann.told("reconnect")
            assert client.socket is not None
            assert not ann.all("pong_resp")

    run(check)


def test_descriptions_are_looked_at_once_for_all_that_a_turn_brings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            client = client_of(lab, ann)
            looks: list[Any] = []
            monkeypatch.setattr(client._host, "soon", looks.append)
            client._ask_soon()
            client._ask_soon()
            assert looks == [client._ask]
            client._ask()
            client._ask_soon()
            assert looks == [client._ask] * 2

    run(check)


def test_what_is_told_of_a_track_that_is_gone_is_passed_over() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            await bob.hears(await ann.speak(LOW), LOW)
            client = client_of(lab, ann)
            lab.server.rtc.measured("gone", 20)
            client.track_wanted("gone", {0: True})
            await ann.ask(ping=1)
            await ann.told("pong")
            assert not ann.all("subscribed_quality_update")

    run(check)
