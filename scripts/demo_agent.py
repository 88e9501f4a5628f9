"""`make demo-agent`: a voice agent on the telephone, on this machine, shown and checked.

The exchange runs on free ports. The agent is examples/phone-assistant, offline, in a worker of the
real livekit-agents; caller and new party are phones of a simulated carrier. The caller hears a
voice say the menu and presses 2, the agent hands him on by SIP REFER, and the two phones hear each
other's tones. What is missing is installed first: livekit-agents into an environment of its own
under .venv-sdk, espeak-ng by apt.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import uvloop
from aiohttp import ClientError as HttpError
from livekit import api
from rich.console import Console
from tests.interop.support.agents import VERSION, agents_python
from tests.interop.support.process import Process
from tests.interop.support.sdks import CACHE, ROOT
from tests.interop.support.waiting import wait_until

from hookflash.base.errors import HookflashError
from hookflash.carrier.agent import Traced
from hookflash.carrier.call import CarrierCall
from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour
from hookflash.cli.client import Client
from hookflash.cli.demo import exchange
from hookflash.cli.ladder import Ladder
from hookflash.config import DEV_KEY
from hookflash.logs import configure
from hookflash.sip.flow import Address
from hookflash.sip.uri import Uri

LIMIT: Final = 90.0
"""Seconds for all but the installation."""
SOON: Final = 30.0
"""Seconds for one step, on a busy machine."""
NUMBER, CALLER, SUPPORT = "+15550000001", "+14150000001", "+15105550123"
ROOM: Final = "demo"
KEY: Final = "2"
TONES: Final = {"caller": 2500, "support": 2900}
"""Hz; speech has little of them."""
LANES: Final = ("caller", "Hookflash", "support")


class DemoError(HookflashError):
    """Something is not as it should be; the text says what."""


def main() -> int:
    """The exit code: 0 where everything was as it should be, else 1."""
    configure("warning", "text")
    console = Console(highlight=False)
    try:
        _install_voice(console)
        uvloop.run(_main(console))
    except TimeoutError:
        failure = f"not done after {LIMIT:g} s"
    except (HookflashError, AssertionError, api.TwirpError, HttpError, OSError) as error:
        failure = str(error)
    except subprocess.CalledProcessError as error:
        failure = f"espeak-ng cannot be installed: {' '.join(error.cmd)} ended with an error"
    else:
        console.print("\nOK: everything was as it should be.", style="bold green")
        return 0
    console.print(f"\nFAILED: {failure}", style="bold red", soft_wrap=True, markup=False)
    return 1


def _install_voice(console: Console) -> None:
    if shutil.which("espeak-ng") is not None:
        return
    console.print("espeak-ng is missing, the agent's voice: installing it (apt)")
    root = [] if os.geteuid() == 0 else ["sudo"]
    for words in (["update", "-qq"], ["install", "-y", "-qq", "espeak-ng"]):
        subprocess.run([*root, "apt-get", *words], check=True, stdout=subprocess.DEVNULL)


async def _main(console: Console) -> None:
    if not (CACHE / f"agents-{VERSION}" / "installed.txt").exists():
        console.print(f"installing livekit-agents {VERSION} into {CACHE.name}, once: a minute")
    python = await agents_python()
    async with asyncio.timeout(LIMIT), Carrier(seed=1) as carrier, exchange("subscribed") as server:
        url = f"http://127.0.0.1:{server.http_port}"
        secret = server.settings.keys[DEV_KEY].get_secret_value()
        async with api.LiveKitAPI(url, DEV_KEY, secret) as livekit:
            proxy = server.sockets.local["udp"]
            console.print(f"Hookflash listens: API {url}, SIP {proxy[0]}:{proxy[1]}")
            demo = Demo(console, carrier, livekit, Client(url, DEV_KEY, secret))
            await demo.configure()
            began = time.monotonic()
            async with _assistant(str(python), url, secret):
                took = time.monotonic() - began
                console.print(f"the phone assistant's worker has registered after {took:.1f} s")
                await demo.play(proxy)


@asynccontextmanager
async def _assistant(python: str, url: str, secret: str) -> AsyncIterator[None]:
    """The example, as its README starts it."""
    script = ROOT / "examples" / "phone-assistant" / "assistant.py"
    process = await Process.start(
        "phone assistant",
        [python, "-W", "ignore", script, "dev", "--offline"],
        env={
            "LIVEKIT_URL": url.replace("http", "ws", 1),
            "LIVEKIT_API_KEY": DEV_KEY,
            "LIVEKIT_API_SECRET": secret,
            "SUPPORT_NUMBER": SUPPORT,
            "BILLING_NUMBER": "",
            "CUSTOMER_SERVICE_NUMBER": "",
            "AGENT_NAME": "",
            "PYTHONPATH": "",
        },
    )
    try:
        await process.line("registered worker", SOON)
        yield
    except BaseException:
        print(process.tail())
        raise
    finally:
        await process.stop(within=15)


class Demo:
    """The story. A step that does not come out raises, and says what it was."""

    def __init__(
        self, console: Console, carrier: Carrier, livekit: api.LiveKitAPI, client: Client
    ) -> None:
        self._console = console
        self._carrier = carrier
        self._livekit = livekit
        self._client = client
        self._ladder = Ladder(console, LANES)
        self._began = carrier.now()

    async def configure(self) -> None:
        """Trunk and rule by the SDK, phones by the carrier."""
        trunk = await self._livekit.sip.create_inbound_trunk(
            api.CreateSIPInboundTrunkRequest(
                trunk=api.SIPInboundTrunkInfo(name="demo", numbers=[NUMBER])
            )
        )
        direct = api.SIPDispatchRule(dispatch_rule_direct=api.SIPDispatchRuleDirect(room_name=ROOM))
        await self._livekit.sip.create_dispatch_rule(
            api.CreateSIPDispatchRuleRequest(
                dispatch_rule=api.SIPDispatchRuleInfo(
                    name="demo", trunk_ids=[trunk.sip_trunk_id], rule=direct
                )
            )
        )
        self._carrier.watch(self._traced)
        await self._carrier.phone(CALLER, tone=TONES["caller"], name="caller")
        ring = Behaviour(ring=0.5)
        await self._carrier.phone(SUPPORT, tone=TONES["support"], name="support", behaviour=ring)

    async def play(self, proxy: Address) -> None:
        """All of it; `proxy` is where the exchange listens for SIP."""
        call = await self._talk(proxy)
        connected, support = await self._hand_on(call)
        await self._check(connected, support)

    async def _talk(self, proxy: Address) -> CarrierCall:
        self._ladder.title(f"1  A caller dials {NUMBER}; the agent comes into the room {ROOM}")
        self._ladder.head()
        call = self._carrier.phones[CALLER].place(Uri("tel", opaque=NUMBER), proxy=proxy)
        await call.answered(SOON)
        await call.hears_anything(SOON)
        kinds = {one.kind for one in await self._participants()}
        if kinds != {api.ParticipantInfo.Kind.SIP, api.ParticipantInfo.Kind.AGENT}:
            raise DemoError("caller and agent are not in the room")
        self._note("the caller hears a voice: the agent says its menu")
        await call.press(KEY)
        self._note(f"the caller presses {KEY}")
        return call

    async def _hand_on(self, call: CarrierCall) -> tuple[CarrierCall, CarrierCall]:
        self._ladder.title("2  The agent calls transfer_sip_participant, Hookflash sends a REFER")
        self._ladder.head()
        refer = await call.received("REFER", within=SOON)
        target = refer.header("Refer-To") or ""
        if SUPPORT not in target:
            raise DemoError(f"the REFER goes to {target}")
        support = await self._carrier.phones[SUPPORT].called(SOON)
        await call.ended(SOON)
        connected = call.referrals[0].new_call
        if connected is None or call.ended_by != "peer":
            raise DemoError("the caller did not call the new party")
        return connected, support

    async def _check(self, connected: CarrierCall, support: CarrierCall) -> None:
        self._ladder.title("3  Who hears whom now")
        for call, whom in ((connected, "support"), (support, "caller")):
            await call.hears(TONES[whom], SOON)
            self._note(f"the {call.phone.name} hears the {whom} ({TONES[whom]} Hz)")
        await wait_until(self._is_empty, "the agent leaves the room", SOON)
        self._note("caller and agent have left the room")
        path = "/hookflash/transfers"
        answer = await asyncio.to_thread(self._client.get, path, grant_room=ROOM)
        (record,) = answer["transfers"]
        if record["verdict"] != "succeeded":
            raise DemoError(f"GET {path} says {record['verdict']}")
        stages = " → ".join(str(entry["stage"]) for entry in record["stages"])
        self._note(f"GET {path}: {stages} → {record['verdict']}")
        await support.hang_up()
        await connected.ended(SOON)

    # --- parts ----------------------------------------------------------------------------------

    async def _participants(self) -> list[api.ParticipantInfo]:
        request = api.ListParticipantsRequest(room=ROOM)
        return list((await self._livekit.room.list_participants(request)).participants)

    async def _is_empty(self) -> bool:
        return not await self._participants()

    def _traced(self, traced: Traced) -> None:
        sender, receiver = self._lane(traced.sender), self._lane(traced.receiver)
        self._ladder.message(traced.at - self._began, sender, receiver, traced.label)

    def _lane(self, address: Address) -> int:
        phone = self._carrier.phone_at(address)
        return LANES.index("Hookflash" if phone is None else phone.name)

    def _note(self, fact: str) -> None:
        self._ladder.note(self._carrier.now() - self._began, f"✓ {fact}")


if __name__ == "__main__":
    sys.exit(main())
