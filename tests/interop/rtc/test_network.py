"""Networks that lose, delay, block and cut."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from livekit import api, rtc
from tests.support.lab import NUMBER, Lab, run
from tests.support.proxies import TcpProxy, UdpRelay, black_hole
from tests.support.sdk import MODES, SAID, SdkClient, client
from tests.support.sdk_video import video_client

from hookflash.adapters.tokens import LEEWAY
from hookflash.webrtc.candidates import host_candidates

pytestmark = pytest.mark.interop

HERE = Path(__file__).resolve().parent
CALLER = "+14150000001"
LOW, HIGH = 440.0, 700.0
Reason = rtc.DisconnectReason


def lead(lab: Lab, udp_port: int, tcp_port: int = 0) -> None:
    """Clients are told of these ports instead of the server's own."""
    lab.server.rtc._candidates = lambda: host_candidates(["127.0.0.1"], udp_port, tcp_port)


def qualities(one: SdkClient) -> list[tuple[str, bool]]:
    """Of whom it was told, and whether the connection is excellent."""
    best = rtc.ConnectionQuality.QUALITY_EXCELLENT
    told = [details for name, details in one.events if name == "connection_quality_changed"]
    return [(who.identity, quality == best) for who, quality in told]


async def refused(lab: Lab, token: str) -> None:
    """Wait until that token opens nothing any more."""
    url = f"http://127.0.0.1:{lab.server.http_port}/rtc/validate?access_token={token}"
    async with aiohttp.ClientSession() as session:
        status = 200
        while status == 200:
            async with session.get(url) as answer:
                status = answer.status
    assert status == 401


async def listens(one: SdkClient, identity: str, frames: int) -> tuple[float, int]:
    """The mean level of so many frames (10 ms) from now on, and how many of them were quiet."""
    heard = one.heard[identity][-1]
    levels: list[float] = []
    heard.quiet, heard.count = 0, 0

    def is_done() -> bool:
        if len(levels) < heard.count // 10:
            levels.append(one.level(identity, LOW))
        return heard.count >= frames

    await one.until(is_done, frames / 100 + 10)
    return sum(levels) / len(levels), heard.quiet


@pytest.mark.quiet
@MODES
def test_a_socket_that_is_cut_for_a_while(mode: dict[str, Any]) -> None:
    """The session is resumed, and what is said meanwhile is heard."""

    async def check(lab: Lab) -> None:
        async with (
            TcpProxy(lab.server.http_port) as proxy,
            client(lab, "ann", port=proxy.port, **mode) as ann,
            client(lab, "bob", **mode) as bob,
        ):
            await ann.speak(LOW)
            await bob.speak(HIGH)
            await ann.hears_as_said("bob", HIGH)
            await bob.hears_as_said("ann", LOW)
            sid = ann.room.local_participant.sid
            ann.heard["bob"][-1].quiet = bob.heard["ann"][-1].quiet = 0
            proxy.cut()
            await ann.until(lambda: proxy.waiting)
            await lab.api.room.update_room_metadata(
                api.UpdateRoomMetadataRequest(room="lobby", metadata="while it was away")
            )
            proxy.mend()
            await ann.told("reconnected")
            assert ann.room.local_participant.sid == sid
            assert ann.room.metadata == "while it was away"
            assert ann.heard["bob"][-1].quiet == bob.heard["ann"][-1].quiet == 0
            assert not [name for name, _ in bob.events if name == "participant_disconnected"]
            await ann.room.local_participant.publish_data("here again")
            await bob.told("data_received")
            track = await ann.speak(HIGH, "more")
            await bob.hears("ann", HIGH)
            assert track.sid

    run(check)


def test_a_socket_that_is_cut_for_good() -> None:
    async def check(lab: Lab) -> None:
        async with (
            TcpProxy(lab.server.http_port) as proxy,
            client(lab, "ann", port=proxy.port),
            client(lab, "bob") as bob,
        ):
            proxy.cut()
            (gone,) = await bob.told("participant_disconnected")
            assert gone.disconnect_reason == Reason.SIGNAL_CLOSE

    run(check, rtc__reconnect_timeout=1)


@MODES
def test_another_server_at_the_same_place(mode: dict[str, Any]) -> None:
    """It knows nothing of the session, so the client joins anew and publishes again."""

    async def check(lab: Lab) -> None:
        async with (
            Lab() as second,
            TcpProxy(lab.server.http_port) as proxy,
            client(lab, "ann", port=proxy.port, **mode) as ann,
        ):
            await ann.speak(LOW)
            sid = ann.room.local_participant.sid
            proxy.cut()
            proxy.target = second.server.http_port
            async with client(second, "bob", **mode) as bob:
                proxy.mend()
                await bob.hears("ann", LOW)
                await ann.told("reconnected")
                assert ann.room.local_participant.sid != sid

    run(check)


@MODES
def test_udp_is_blocked(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with black_hole() as hole:
            lead(lab, hole, lab.server.rtc.ports.tcp_port)
            async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
                await ann.speak(LOW)
                await bob.hears_as_said("ann", LOW)
                await ann.room.local_participant.publish_data(b"x" * 10_000)
                await bob.told("data_received")

    run(check)


@MODES
def test_packets_of_1280_octets_at_most(mode: dict[str, Any]) -> None:
    """Of which 48 are the heads of IPv6 and UDP."""

    async def check(lab: Lab) -> None:
        async with UdpRelay(lab.server.rtc.ports.udp_port) as relay:
            lead(lab, relay.port)
            relay.largest = 1280 - 48
            async with (
                video_client(lab, "ann", **mode) as ann,
                video_client(lab, "bob", **mode) as bob,
            ):
                await ann.speak(LOW)
                await bob.hears_as_said("ann", LOW)
                await ann.show(width=640, height=360, kbps=1000)
                await bob.sees("ann", height=360)
                for one, other in ((ann, bob), (bob, ann)):
                    await one.room.local_participant.publish_data(b"x" * 14_000)
                    (packet,) = await other.told("data_received")
                    assert len(packet.data) == 14_000
                assert relay.too_long == 0

    run(check)


def test_ipv6_only() -> None:
    """In a network namespace whose one interface has no other address."""
    steps = (
        "ip link set lo up",
        "ip link add here type veth peer name there",
        "ip address add 2001:db8::1/64 dev here nodad",
        "ip link set here up",
        "ip link set there up",
        f"exec {sys.executable} -m pytest -q -p no:cacheprovider {HERE / 'ipv6_only.py'}",
    )
    user = ["--map-root-user"] if os.geteuid() else []
    command = ["unshare", "--net", *user, "--", "sh", "-c", " && ".join(steps)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.quiet
@MODES
def test_a_network_that_loses_and_delays(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with UdpRelay(lab.server.rtc.ports.udp_port) as relay:
            lead(lab, relay.port)
            relay.loss, relay.jitter = 0.02, 0.03
            async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
                await ann.speak(LOW)
                await bob.hears_as_said("ann", LOW)
                level, _ = await listens(bob, "ann", 200)
                assert level > 0.85 * SAID
                relay.loss = 0.1
                level, _ = await listens(bob, "ann", 200)
                assert level > 0.6 * SAID
                await ann.room.local_participant.send_text("x" * 20_000, topic="lk.chat")
                relay.loss = 0.0
                await bob.hears_as_said("ann", LOW)

    run(check)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_three_minutes_of_a_bad_network() -> None:
    """What a telephone hears of it: how much is made up, and how late it is in the end."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        async with UdpRelay(lab.server.rtc.ports.udp_port) as relay:
            lead(lab, relay.port)
            async with client(lab, "ann") as ann, client(lab, "bob") as bob:
                await ann.speak(LOW)
                call = await caller.call(NUMBER, proxy=lab.sip)
                await call.hears(LOW)
                relay.loss, relay.jitter = 0.02, 0.03
                engine = lab.server._engine
                (track,) = lab.server.rtc._clients[
                    ann.room.local_participant.sid
                ].publisher.published.values()
                jitter = track.source.receiver.jitter
                assert jitter is not None
                await listens(bob, "ann", 2_000)
                early, concealed = jitter.depth_ms, engine.concealed
                await listens(bob, "ann", 18_000)
                assert engine.concealed - concealed < 0.03 * 9_000
                assert jitter.depth_ms < early + 60
                relay.loss = 0.1
                await listens(bob, "ann", 2_000)
                relay.loss = 0.0
                await call.hears(LOW)
                await bob.hears_as_said("ann", LOW)

    run(check, within=360)


def test_a_bad_connection_is_told() -> None:
    """By the reports of 5 s, with the next tick of 5 s."""

    async def check(lab: Lab) -> None:
        async with UdpRelay(lab.server.rtc.ports.udp_port) as relay:
            relay.loss = 0.12
            async with client(lab, "bob") as bob:
                lead(lab, relay.port)
                async with client(lab, "ann") as ann:
                    await ann.speak(LOW)
                    await bob.until(lambda: ("ann", False) in qualities(bob), 15)

    run(check)


@MODES
def test_a_client_whose_address_changes(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with UdpRelay(lab.server.rtc.ports.udp_port) as relay:
            lead(lab, relay.port)
            async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
                await ann.speak(LOW)
                await bob.speak(HIGH)
                await ann.hears("bob", HIGH)
                await bob.hears("ann", LOW)
                relay.change_source()
                await bob.misses("ann", LOW)
                await bob.hears("ann", LOW)
                await ann.hears("bob", HIGH)
                for one in (ann, bob):
                    assert not [name for name, _ in one.events if name == "reconnecting"]

    run(check)


def test_a_token_that_has_expired() -> None:
    async def check(lab: Lab) -> None:
        said = {"ttl": datetime.timedelta(seconds=-600)}
        with pytest.raises(rtc.ConnectError, match="401"):
            await client(lab, "ann", said=said).__aenter__()

    run(check)


@MODES
def test_a_client_comes_back_after_its_first_token_has_expired(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        said = {"ttl": datetime.timedelta(seconds=2 - LEEWAY)}
        async with (
            TcpProxy(lab.server.http_port) as proxy,
            client(lab, "ann", said=said, port=proxy.port, **mode) as ann,
        ):
            await ann.told("token_refreshed")
            await refused(lab, ann.token)
            proxy.cut()
            await ann.until(lambda: proxy.waiting)
            proxy.mend()
            await ann.told("reconnected")

    run(check)
