"""The running carrier against the whole exchange: sockets, sound, the API."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from livekit import api
from tests.support.lab import NUMBER, Lab, run
from tests.support.sip_messages import request_of

from hookflash.base.errors import ConfigError
from hookflash.carrier.agent import CarrierError
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sdp.plan import CodecName
from hookflash.sip.codec import parse
from hookflash.sip.message import Response
from hookflash.sip.uri import Uri

CALLER, AGENT, TARGET = "+14155550100", "+14155550101", "+15105550123"
BUSY, VOICEMAIL = "+15105550124", "+15105550128"
LINE = "+15550000001"
assert LINE == NUMBER
PHONES = (
    PhoneConfig(CALLER, "caller", tone=330.0),
    PhoneConfig(AGENT, "agent", tone=550.0, after=0.1),
    PhoneConfig(TARGET, "target", tone=1000.0, after=0.2),
    PhoneConfig(BUSY, "busy", "busy"),
    PhoneConfig(VOICEMAIL, "voicemail", "voicemail", presses="5", presses_after=0.5),
)
Test = Callable[[Lab, CarrierService], Awaitable[None]]


def play(test: Test, profile: str = "twilio", **trunk: object) -> None:
    """With a caller and an agent who hear each other in the exchange's room."""

    async def main(lab: Lab) -> None:
        await lab.ready()
        at = Uri.sip(None, *lab.sip)
        line = replace(TrunkConfig("line", (LINE,), at), **trunk)  # type: ignore[arg-type]
        config = NetworkConfig((line,), PHONES)
        async with CarrierService(load_profile(profile), config, seed=1) as carrier:
            for phone in (AGENT, CALLER):
                carrier.call(phone, LINE)
            await carrier.happened("call_answered", 2)
            await carrier.hears(CALLER, 550)
            await carrier.hears(AGENT, 330)
            await test(lab, carrier)

    run(main, sip__answer="immediately")


async def refused(lab: Lab, target: str = f"tel:{TARGET}", caller: str = CALLER) -> api.TwirpError:
    with pytest.raises(api.TwirpError) as caught:
        await lab.transfer(f"sip_{caller}", target)
    return caught.value


def test_twilio_refuses_while_transfers_are_off() -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        error = await refused(lab)
        assert error.metadata["sip_status_code"] == "603"
        assert error.metadata["sip_transfer_reason"] == "STR_REJECTED"
        told = await carrier.happened("refer_refused")
        assert told["why"] == "transfer_mode of the trunk is disable-all"
        await carrier.hears(CALLER, 550)
        await carrier.hears(AGENT, 330)
        assert [one.label for one in carrier.trace].count("603 Decline") == 1

    play(test)


@pytest.mark.parametrize(
    ("caller_id", "seen"), [("from-transferee", CALLER), ("from-transferor", LINE)]
)
def test_twilio_transfers_once_it_may(caller_id: str, seen: str) -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert done.reason == api.SIPTransferReason.STR_COMPLETED
        assert await carrier.happened("phone_rings") == {"phone": TARGET, "caller": seen}
        await carrier.happened("transferred")
        await carrier.hears(CALLER, 1000)
        await carrier.hears(TARGET, 330)
        await carrier.sound(AGENT).misses(330, 2.0)
        assert await carrier.happened("hung_up") is not None
        calls = {str(one["called"]): one for one in carrier.switch.listing()}
        assert set(calls) == {LINE, TARGET}
        invites = [one.message for one in carrier.trace if one.label == "INVITE" and one.sent]
        first = [one.header("X-Twilio-CallSid") for one in invites if one.to.tag is None]
        assert all(sid is not None and len(sid) == 34 for sid in first)

    play(test, transfer_mode="enable-all", transfer_caller_id=caller_id)


def test_a_target_that_is_busy_leaves_all_as_it_was() -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        error = await refused(lab, f"tel:{BUSY}")
        assert error.metadata["sip_status_code"] == "486"
        await carrier.hears(CALLER, 550)
        await carrier.hears(AGENT, 330)

    play(test, transfer_mode="enable-all")


def test_a_voicemail_and_the_keys_that_are_pressed_there() -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        await lab.transfer(f"sip_{CALLER}", f"tel:{VOICEMAIL}")
        await carrier.hears(CALLER, 600)
        assert await carrier.happened("phone_presses") == {"phone": VOICEMAIL, "digits": "5"}
        await carrier.hears(CALLER, 1400, 6.0)

    play(test, transfer_mode="enable-all")


def test_plivo_hangs_up_by_itself_and_knows_only_its_own_domain() -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        error = await refused(lab)
        assert error.metadata["sip_status_code"] == "403"
        await lab.transfer(f"sip_{CALLER}", f"sip:{TARGET}@mine.zt.plivo.com")
        await carrier.hears(TARGET, 330)

    play(test, "plivo")


def test_didww_wants_the_password_of_the_trunk() -> None:
    """Which the exchange has of its outbound trunk with that number. No number has a +."""

    async def test(lab: Lab, carrier: CarrierService) -> None:
        target, caller = (number.removeprefix("+") for number in (TARGET, CALLER))
        target = f"sip:{target}@out.didww.com"
        error = await refused(lab, target, caller)
        assert "407" in error.message
        trunk = api.SIPOutboundTrunkInfo(
            name="didww",
            address="out.didww.com",
            numbers=[LINE],
            auth_username="me",
            auth_password="secret",
        )
        await lab.api.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        await lab.transfer(f"sip_{caller}", target)
        await carrier.hears(TARGET, 330)

    changes = {"transfer_mode": "enable-all", "username": "me", "password": "secret"}
    play(test, "didww", **changes)


def test_a_transfer_to_a_number_of_the_exchange() -> None:
    """From SIP to SIP: the caller comes back to the exchange as another call."""

    async def test(lab: Lab, carrier: CarrierService) -> None:
        await lab.transfer(f"sip_{CALLER}", f"tel:{LINE}")
        await carrier.hears(CALLER, 550)
        await carrier.hears(AGENT, 330)

    play(test, "plain")


def test_two_phones_talk_and_press_keys() -> None:
    async def main(lab: Lab) -> None:
        config = NetworkConfig((), PHONES)
        async with CarrierService(load_profile("plain"), config) as carrier:
            carrier.call(CALLER, AGENT)
            await carrier.happened("call_answered")
            await carrier.hears(CALLER, 550)
            await carrier.hears(AGENT, 330)
            await carrier.sound(CALLER).press("5#")
            await carrier.sound(AGENT).pressed("5#", 2.0)
            carrier.hang_up(CALLER)
            await carrier.happened("call_ended")
            with pytest.raises(CarrierError, match="is in no call"):
                carrier.sound(AGENT)
            with pytest.raises(CarrierError, match="no telephone has the number"):
                carrier.call("+1999", AGENT)
            with pytest.raises(CarrierError, match=r"no fax number 1 in 0\.01 s, but call_began"):
                await carrier.happened("fax", within=0.01)

    run(main)


def test_a_caller_presses_a_key_of_a_menu() -> None:
    async def main(lab: Lab) -> None:
        menu = PhoneConfig("+15105550130", after=0.1, tone=700.0, menu=(("1", TARGET),))
        config = NetworkConfig((), (*PHONES, menu))
        async with CarrierService(load_profile("plain"), config) as carrier:
            carrier.call(CALLER, menu.number)
            await carrier.happened("call_answered")
            await carrier.hears(CALLER, 700)
            carrier.sound(CALLER).dial("1")
            await carrier.happened("call_answered", 2)
            await carrier.hears(CALLER, 1000)
            await carrier.hears(TARGET, 330)

    run(main)


def test_at_every_address_of_the_machine() -> None:
    """The exchange is told the one that leads to it, and may name the carrier by it."""

    async def main(lab: Lab) -> None:
        await lab.ready()
        config = NetworkConfig((TrunkConfig("line", (LINE,), Uri.sip(None, *lab.sip)),), PHONES)
        plain = load_profile("plain")
        async with CarrierService(plain, config, sip=("0.0.0.0", 0)) as carrier:
            carrier.call(CALLER, LINE)
            await carrier.happened("call_answered")
            contact = next(one.message.contact for one in carrier.trace if one.label == "INVITE")
            assert contact is not None
            assert contact.uri.host == "127.0.0.1"
            port = carrier.address[1]
            await lab.transfer(f"sip_{CALLER}", f"sip:{TARGET}@127.0.0.1:{port}")
            assert (await carrier.happened("target_called"))["target"] == TARGET
            await carrier.hears(TARGET, 330)

    run(main, sip__answer="immediately")


def test_what_strangers_send() -> None:
    """OPTIONS is answered by what the carrier can do; garbage is not."""

    async def main(lab: Lab) -> None:
        config = NetworkConfig((), PHONES)
        async with CarrierService(load_profile("plain"), config) as carrier:
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.setblocking(False)
                stranger.connect(carrier.address)
                host, port = stranger.getsockname()
                via = f"SIP/2.0/UDP {host}:{port};branch=z9hG4bKs"
                options = request_of("OPTIONS", via=via).encode()
                for data in (b"garbage", options):
                    await loop.sock_sendall(stranger, data)
                answer = parse(await loop.sock_recv(stranger, 4096))
            assert isinstance(answer, Response)
            assert answer.status == 200
            assert "REFER" in answer.allow
            assert [one.label for one in carrier.trace] == ["OPTIONS", "200 OK"]

    run(main)


def test_an_exchange_that_is_not_there() -> None:
    """By TCP, so that the connection is refused at once."""

    async def main(lab: Lab) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            host, port = closed.getsockname()
            at = Uri.sip(None, host, port, (("transport", "tcp"),))
            config = NetworkConfig((TrunkConfig("line", (LINE,), at),), PHONES)
            async with CarrierService(load_profile("plain"), config) as carrier:
                carrier.call(CALLER, LINE)
                assert (await carrier.happened("call_failed"))["status"] == 503
                await carrier.happened("call_ended")

    run(main)


def test_no_port_is_free_for_the_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(lab: Lab) -> None:
        await lab.ready()
        config = NetworkConfig((TrunkConfig("line", (LINE,), Uri.sip(None, *lab.sip)),), PHONES)
        async with CarrierService(load_profile("plain"), config) as carrier:
            monkeypatch.setattr("hookflash.carrier.sound._TRIES", 0)
            carrier.call(CALLER, LINE)
            assert (await carrier.happened("call_failed"))["status"] == 503

    run(main)


@pytest.mark.parametrize("codecs", [("opus",), ("PCMU", "opus")])
def test_no_opus_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, codecs: tuple[CodecName, ...]
) -> None:
    """It says so when it starts, and not in a call."""

    async def main() -> None:
        monkeypatch.setattr("hookflash.audio.opus.missing", lambda: "Opus needs libopus")
        found = load_profile("plain")
        async with CarrierService(found, NetworkConfig((), PHONES)):
            pass
        speaks = replace(found, manners=replace(found.manners, codecs=codecs))
        with pytest.raises(ConfigError, match="is not there"):
            await CarrierService(speaks, NetworkConfig((), PHONES)).__aenter__()

    asyncio.run(main())


def test_a_phone_that_talks_to_nobody_yet() -> None:
    async def main(lab: Lab) -> None:
        config = NetworkConfig((), PHONES)
        async with CarrierService(load_profile("plain"), config) as carrier:
            carrier.call(CALLER, AGENT)
            with pytest.raises(CarrierError, match="talks to nobody"):
                carrier.sound(CALLER)

    run(main)
