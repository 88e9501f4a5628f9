"""`hookflash demo`: a whole call with a transfer on this machine, shown and checked.

The exchange runs as `hookflash serve --dev` does, on free ports. A simulated carrier has the
phones: a caller and an agent who meet in a room, and a new party. The agent side transfers the
caller with the official LiveKit SDK. Who hears whom is found out by tones.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import uvloop
from aiohttp import ClientError as HttpError
from livekit import api
from rich import box
from rich.console import Console
from rich.table import Table

from ..base.errors import HookflashError
from ..carrier.agent import Traced
from ..carrier.call import CarrierCall
from ..carrier.network import Carrier
from ..carrier.phone import Behaviour
from ..config import DEV_KEY, Settings
from ..logs import configure
from ..server import Server
from ..sip.flow import Address
from .client import Client
from .ladder import Ladder

LIMIT: Final = 15.0
"""Seconds for all of it."""
ROOM: Final = "demo"
SERVICE, AGENT_LINE = "+15550000001", "+15550000002"
"""The two numbers of the trunk."""
CALLER, AGENT, NEW_PARTY = "+14150000001", "+15550000100", "+15105550123"
TARGET: Final = f"tel:{NEW_PARTY}"
LANES: Final = ("caller", "Hookflash", "agent", "new party")
EXCHANGE: Final = LANES.index("Hookflash")
TONES: Final = {"caller": 330, "agent": 550, "new party": 1000}
"""Hz."""
KEY: Final = "1"
RING: Final = 0.5
"""Seconds for which the new party's phone rings."""


class DemoError(HookflashError):
    """Something is not as it should be; the text says what."""


def run(seed: int) -> int:
    """Play the demo; the exit code: 0 where everything was as it should be, else 1."""
    configure("warning", "text")
    console = Console(highlight=False)
    return uvloop.run(_main(seed, console))


async def _main(seed: int, console: Console) -> int:
    failure = ""
    try:
        async with asyncio.timeout(LIMIT), Carrier(seed=seed) as carrier, exchange() as server:
            url = f"http://127.0.0.1:{server.http_port}"
            secret = server.settings.keys[DEV_KEY].get_secret_value()
            async with api.LiveKitAPI(url, DEV_KEY, secret) as livekit:
                proxy = server.sockets.local["udp"]
                console.print(f"Hookflash listens: API {url}, SIP {proxy[0]}:{proxy[1]} (UDP, TCP)")
                client = Client(url, DEV_KEY, secret)
                await Demo(console, carrier, livekit, client, proxy).play()
    except TimeoutError:
        failure = f"not done after {LIMIT:g} s"
    except (HookflashError, api.TwirpError, HttpError, OSError) as error:
        failure = str(error)
    if failure:
        console.print(f"\nFAILED: {failure}", style="bold red", soft_wrap=True, markup=False)
        return 1
    console.print("\nOK: everything was as it should be.", style="bold green")
    return 0


@asynccontextmanager
async def exchange(answer: str = "immediately") -> AsyncIterator[Server]:
    """An exchange as with --dev on free ports of loopback, with that `sip.answer`; the
    environment's settings do not touch it."""
    values: dict[str, Any] = {
        "port": 0,
        "bind_addresses": ["127.0.0.1"],
        "keys": {DEV_KEY: secrets.token_hex(16)},
        "sip": {"listen_ip": "127.0.0.1", "sip_port": 0, "answer": answer},
        "rtc": {"udp_port": 0, "tcp_port": 0},
        "metrics": {"bind": ""},
        "dev": True,
    }
    server = Server(Settings(_env_prefix="HOOKFLASH_DEMO_", **values))
    await server.start()
    try:
        yield server
    finally:
        await server.drain(0.0)
        await server.stop()


@dataclass(slots=True)
class DemoFacts:
    """What the demo measured; times in seconds since the epoch."""

    before: dict[str, str] = field(default_factory=dict)
    """Who heard whom."""
    after: dict[str, str] = field(default_factory=dict)
    asked_at: float = 0.0
    referred_at: float = 0.0
    answered_at: float = 0.0
    transfer_id: str = ""
    status: str = ""
    record: dict[str, Any] = field(default_factory=dict)


class Demo:
    """The story. A step that does not come out raises, and says what it was."""

    def __init__(
        self,
        console: Console,
        carrier: Carrier,
        livekit: api.LiveKitAPI,
        client: Client,
        proxy: Address,
    ) -> None:
        """`proxy`: where the exchange listens for SIP."""
        self._console = console
        self._carrier = carrier
        self._livekit = livekit
        self._client = client
        self._proxy = proxy
        self._ladder = Ladder(console, LANES)
        self._facts = DemoFacts()
        self._began = carrier.now()

    async def play(self) -> None:
        """All of it."""
        await self._configure()
        agent, caller = await self._meet()
        await self._transfer(caller)
        connected, new = await self._talk_on(agent, caller)
        await self._say_goodbye(agent, connected, new)
        self._report()

    async def _configure(self) -> None:
        """Trunk and rule by the SDK, phones by the carrier."""
        trunk = await self._livekit.sip.create_inbound_trunk(
            api.CreateSIPInboundTrunkRequest(
                trunk=api.SIPInboundTrunkInfo(name="demo", numbers=[SERVICE, AGENT_LINE])
            )
        )
        direct = api.SIPDispatchRule(dispatch_rule_direct=api.SIPDispatchRuleDirect(room_name=ROOM))
        rule = await self._livekit.sip.create_dispatch_rule(
            api.CreateSIPDispatchRuleRequest(
                dispatch_rule=api.SIPDispatchRuleInfo(
                    name="demo", trunk_ids=[trunk.sip_trunk_id], rule=direct
                )
            )
        )
        self._console.print(
            f"trunk {trunk.sip_trunk_id} ({SERVICE}, {AGENT_LINE}) and rule "
            f"{rule.sip_dispatch_rule_id} (room {ROOM}), made with the LiveKit SDK",
            soft_wrap=True,
        )
        self._carrier.watch(self._traced)
        for name, number in (("caller", CALLER), ("agent", AGENT), ("new party", NEW_PARTY)):
            ring = Behaviour(ring=RING if name == "new party" else 0.0)
            await self._carrier.phone(number, tone=TONES[name], name=name, behaviour=ring)

    # --- the story ------------------------------------------------------------------------------

    async def _meet(self) -> tuple[CarrierCall, CarrierCall]:
        """The agent's call and the caller's."""
        phones = self._carrier.phones
        self._ladder.title(f"1  An agent and a caller dial in, and meet in the room {ROOM}")
        self._ladder.head()
        agent = await phones[AGENT].call(AGENT_LINE, proxy=self._proxy)
        caller = await phones[CALLER].call(SERVICE, proxy=self._proxy)
        await self._hears(caller, "agent")
        await self._hears(agent, "caller")
        await caller.press(KEY)
        await agent.pressed(KEY)
        self._note(f"the caller presses {KEY}, and the agent gets it")
        self._facts.before = _heard({"caller": caller, "agent": agent})
        return agent, caller

    async def _transfer(self, caller: CarrierCall) -> None:
        """One request of the official SDK."""
        facts = self._facts
        identity = await self._identity(CALLER)
        self._ladder.title(f"2  transfer_sip_participant({ROOM!r}, {identity!r}, {TARGET!r})")
        self._ladder.head()
        request = api.TransferSIPParticipantRequest(
            room_name=ROOM, participant_identity=identity, transfer_to=TARGET
        )
        facts.asked_at = self._carrier.now()
        answer = await self._livekit.sip.transfer_sip_participant(request)
        facts.answered_at = self._carrier.now()
        facts.transfer_id = answer.transfer_id
        facts.status = api.SIPTransferStatus.Name(answer.status)
        _check(facts.status == "STS_TRANSFER_SUCCESSFUL", f"the API answered {facts.status}")
        self._note(f"the API answers {facts.status}")
        facts.referred_at = (await self._carrier.seen("REFER")).at
        await caller.ended(within=2.0)
        _check(caller.ended_by == "peer", "it was not Hookflash that hung up on the caller")
        self._note("Hookflash has hung up on the caller")

    async def _talk_on(
        self, agent: CarrierCall, caller: CarrierCall
    ) -> tuple[CarrierCall, CarrierCall]:
        """The two ends of the call between caller and new party."""
        self._ladder.title("3  Who hears whom now")
        new = await self._carrier.phones[NEW_PARTY].called()
        connected = caller.referrals[0].new_call
        if connected is None:
            raise DemoError("the caller did not call the new party")
        await self._hears(connected, "new party")
        await self._hears(new, "caller")
        await agent.misses(TONES["caller"])
        self._note("the agent does not hear the caller any more")
        _check(await self._identities() == {AGENT}, "the caller is still in the room")
        self._note("ListParticipants: the caller is gone, the agent is still there")
        path = f"/hookflash/transfers/{self._facts.transfer_id}"
        self._facts.record = await asyncio.to_thread(self._client.get, path, grant_room=ROOM)
        verdict = self._facts.record["verdict"]
        _check(verdict == "succeeded", f"GET {path} says {verdict}")
        self._note(f"GET {path}: {verdict}")
        self._facts.after = _heard({"caller": connected, "agent": agent, "new party": new})
        return connected, new

    async def _say_goodbye(
        self, agent: CarrierCall, connected: CarrierCall, new: CarrierCall
    ) -> None:
        self._ladder.title("4  Everybody hangs up")
        self._ladder.head()
        await new.hang_up()
        await connected.ended()
        await agent.hang_up()

    # --- parts ----------------------------------------------------------------------------------

    async def _hears(self, call: CarrierCall, whom: str) -> None:
        took = await call.hears(TONES[whom])
        who = call.phone.name
        self._note(f"the {who} hears the {whom} ({TONES[whom]} Hz, found in {took * 1000:.0f} ms)")

    async def _participants(self) -> list[api.ParticipantInfo]:
        request = api.ListParticipantsRequest(room=ROOM)
        return list((await self._livekit.room.list_participants(request)).participants)

    async def _identities(self) -> set[str]:
        """Numbers of the participants of the room."""
        return {entry.attributes["sip.phoneNumber"] for entry in await self._participants()}

    async def _identity(self, number: str) -> str:
        for entry in await self._participants():
            if entry.attributes["sip.phoneNumber"] == number:
                return entry.identity
        raise DemoError(f"{number} is not in the room {ROOM}")

    def _traced(self, traced: Traced) -> None:
        sender, receiver = self._lane(traced.sender), self._lane(traced.receiver)
        self._ladder.message(traced.at - self._began, sender, receiver, traced.label)

    def _lane(self, address: Address) -> int:
        phone = self._carrier.phone_at(address)
        return EXCHANGE if phone is None else LANES.index(phone.name)

    def _note(self, fact: str) -> None:
        self._ladder.note(self._carrier.now() - self._began, f"✓ {fact}")

    def _report(self) -> None:
        facts = self._facts
        table = Table("", "before the transfer", "after it", title=None, box=box.SIMPLE)
        for name in TONES:
            table.add_row(
                f"the {name} heard", facts.before.get(name, "-"), facts.after.get(name, "-")
            )
        self._console.print(table)
        began = facts.asked_at
        stages = [str(entry["stage"]) for entry in facts.record["stages"]]
        lines = [
            f"{'stages and verdict':22}{' → '.join(stages)} → {facts.record['verdict']}",
            f"{'request → REFER':22}{(facts.referred_at - began) * 1000:.1f} ms",
            f"{'request → verdict':22}{(facts.answered_at - began) * 1000:.1f} ms, "
            f"of which the new party's phone rang {RING * 1000:.0f} ms",
            f"{'SIP messages':22}{len(self._carrier.trace)}",
        ]
        for line in lines:
            self._console.print(line, soft_wrap=True)


def _heard(calls: dict[str, CarrierCall]) -> dict[str, str]:
    """Name of the listener → names of those whose tones are there now."""
    heard = {
        name: [other for other, tone in TONES.items() if call.sound.hears_now(tone)]
        for name, call in calls.items()
    }
    return {
        name: "the " + ", the ".join(others) if others else "nobody"
        for name, others in heard.items()
    }


def _check(holds: bool, failure: str) -> None:
    if not holds:
        raise DemoError(failure)
