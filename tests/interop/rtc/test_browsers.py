"""livekit-client, unmodified, in browsers, with a telephone and with a client of Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from livekit.protocol.models import DisconnectReason as Reason
from tests.interop.support.browsers import BROWSERS, browser
from tests.interop.support.client_checks import check_client
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import client

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("name", BROWSERS),
]

CALLER = "+14150000001"
LOW, HIGH = 440.0, 700.0
PHONE = f"sip_{CALLER}"
ONE_CONNECTION = pytest.mark.parametrize("single", [True, False], ids=["one", "two"])


@ONE_CONNECTION
def test_a_phone_and_a_browser_speak(name: str, single: bool, tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with browser(name, tmp_path) as page:
            await page.join(lab, "page", single=single)
            await page.do("speak", frequency=HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await page.told("joined", identity=PHONE)
            await call.hears(HIGH, within=10)
            await page.hears(PHONE, LOW)
            await call.press("5")
            await page.told("digit", digit="5", code=5, identity=PHONE)
            await page.do("digit", code=7, digit="7")
            await call.pressed("7")
            await page.do("mute", muted=True)
            await call.misses(HIGH, within=5)
            await page.do("mute", muted=False)
            await call.hears(HIGH, within=5)
            await page.do("break_socket")
            await page.told("reconnected", within=20)
            await call.hears(HIGH)
            await page.hears(PHONE, LOW)
            await call.hang_up()
            await page.told("left", identity=PHONE)

    run(check, within=240)


def test_what_becomes_of_a_browser(name: str, tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        async with browser(name, tmp_path) as page:
            await check_client(lab, page, Reason.DUPLICATE_IDENTITY, Reason.ROOM_DELETED)

    run(check, within=240)


def test_clients_of_a_browser_and_python_understand_each_other(name: str, tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        async with browser(name, tmp_path) as page, client(lab, "ann") as ann:
            await page.join(lab, "page")
            await ann.told("participant_connected")
            await ann.speak(LOW)
            await page.hears("ann", LOW)
            await page.do("speak", frequency=HIGH)
            await ann.hears_as_said("page", HIGH)
            for reliable in (True, False):
                await page.do("data", text="from page", topic="t", reliable=reliable)
            packet, _ = [(await ann.told("data_received", count))[0] for count in (1, 2)]
            assert (packet.data, packet.topic) == (b"from page", "t")
            assert packet.participant.identity == "page"
            await ann.room.local_participant.publish_data(b"from ann", topic="u")
            await page.told("data", text="from ann", topic="u", identity="ann")
            await page.do("attributes", attributes={"mood": "good"})
            changed, who = await ann.told("participant_attributes_changed")
            assert (changed, who.identity) == ({"mood": "good"}, "page")
            await page.do("leave")
            await ann.told("participant_disconnected")

    run(check, within=240)


def test_a_phone_hears_the_microphone_of_a_browser(name: str, tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        async with browser(name, tmp_path) as page:
            await page.join(lab, "page")
            await page.do("microphone")
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears_anything(within=10)

    run(check, within=240)
