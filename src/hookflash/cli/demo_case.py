"""`hookflash demo --profile NAME --target busy`: one transfer at one carrier, shown and summed up.

A caller and an agent meet in a room, as in the three acts of `demo.py`, and the caller is to be
transferred to a telephone that does what is chosen. What is true of it is found out by tones, by
what the exchange has stored and by what the carrier did; the summary says all three.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import uvloop
from aiohttp import ClientError as HttpError
from google.protobuf.duration_pb2 import Duration
from livekit import api
from rich.console import Console

from ..adapters.presets import preset_names
from ..base.errors import ConfigError, HookflashError
from ..base.text import printable
from ..carrier import reading
from ..carrier.agent import CarrierError
from ..carrier.config import (
    NetworkConfig,
    PhoneConfig,
    TransferMode,
    TrunkConfig,
    example_config,
)
from ..carrier.invites import written
from ..carrier.manners import CarrierManners, Profile
from ..carrier.profile_files import load_profile
from ..carrier.service import CarrierService
from ..config import DEV_KEY
from ..logs import configure
from ..sip.flow import Address
from ..sip.uri import Uri
from ..twirp.errors import bare
from .carrier_run import LANES, Screen
from .client import Client
from .demo import AGENT, AGENT_LINE, CALLER, RING, ROOM, SERVICE, TONES, exchange
from .demo_setup import DemoError
from .demo_summary import ShownTransfer, summary
from .failures import examine
from .ladder import Ladder
from .ladder_svg import ladder_svg
from .sip_ladder import lanes_of, title
from .sip_messages import fetch, find_call, records, seen_of

LIMIT: Final = 45.0
"""Seconds for all of it, on a bad line."""
TARGETS: Final = {
    "answers": "+15105550123",
    "busy": "+15105550124",
    "declines": "+15105550125",
    "never-answers": "+15105550126",
    "unreachable": "+15105550127",
    "voicemail": "+15105550128",
    "fax": "+15105550129",
    "menu": "+15105550130",
}
"""What the target does → its number, of `example_config`."""
HEARD: Final = {
    TONES["caller"]: "the caller",
    TONES["agent"]: "the agent",
    1000: "the new party",
    600: "the greeting of a voicemail",
    1400: "the beep of a voicemail",
    2100: "a fax machine",
    700: "the menu",
}
"""Who says which tone (Hz)."""
RINGING: Final = 4
"""Seconds that the exchange gives the target."""
CONNECTED: Final = 20.0
"""Seconds for two to be connected, on a bad line."""
SETTLED: Final = 2.0
"""Seconds after the API's answer for the carrier to be done with the transfer."""
DECIDED: Final = frozenset({"transferred", "transfer_failed", "refer_refused"})
"""What happens when the carrier is done with it."""
REPORTED: Final = frozenset({"all", "final"})
"""Values of the trait `notify` with which the exchange is told the outcome."""
DRAIN: Final = 0.4
"""Seconds in which is heard what was on its way."""
LISTEN: Final = 0.3
"""Seconds for which it is listened who hears whom."""
LOOK: Final = 0.02
PASSWORD: Final = ("demo", "of-the-trunk")
KEY: Final = "1"


def run(profile: str, target: str, mode: str, svg: Path | None, seed: int) -> int:
    """Play it; the exit code: 0 where it ended as it had to, whatever became of the transfer.

    Raises:
        ConfigError: there is no such profile, target or mode, or `svg` cannot be written.
    """
    chosen = load_profile(profile)
    reading.read("--target", target, reading.one_of(*TARGETS))
    modes = get_args(TransferMode)
    wanted = modes[modes.index(reading.read("--transfer-mode", mode, reading.one_of(*modes)))]
    if svg is not None and not os.access(svg if svg.exists() else svg.parent, os.W_OK):
        raise ConfigError(
            "--svg", str(svg), "a file that can be written, in a folder that is there"
        )
    configure("warning", "text")
    return uvloop.run(_main(chosen, target, wanted, svg, seed))


async def _main(
    profile: Profile, target: str, mode: TransferMode, svg: Path | None, seed: int
) -> int:
    console = Console(highlight=False)
    failure = ""
    try:
        async with asyncio.timeout(LIMIT), exchange() as server:
            url = f"http://127.0.0.1:{server.http_port}"
            secret = server.settings.keys[DEV_KEY].get_secret_value()
            config = network(profile.manners, server.sockets.local["udp"], mode)
            async with (
                api.LiveKitAPI(url, DEV_KEY, secret) as livekit,
                CarrierService(profile, config, seed=seed) as carrier,
            ):
                case = Case(console, carrier, livekit, Client(url, DEV_KEY, secret), target)
                await case.play(svg)
    except TimeoutError:
        failure = f"not done after {LIMIT:g} s"
    except (HookflashError, api.TwirpError, HttpError, OSError) as error:
        failure = str(error)
    if failure:
        console.print(f"\nFAILED: {failure}", style="bold red", soft_wrap=True, markup=False)
    return 1 if failure else 0


def network(manners: CarrierManners, proxy: Address, mode: TransferMode) -> NetworkConfig:
    """The carrier: a trunk to the exchange, which listens there, and a telephone of each sort.
    `mode`: whether it transfers, where that is a setting of the trunk."""
    user, password = PASSWORD
    trunk = TrunkConfig(
        "demo",
        (SERVICE, AGENT_LINE),
        Uri.sip(None, *proxy),
        username=user,
        password=password,
        transport="any",  # nobody has certificates here
    )
    if manners.refer == "trunk-setting":
        trunk = replace(trunk, transfer_mode=mode)
    own = (
        PhoneConfig(CALLER, "caller", tone=TONES["caller"]),
        PhoneConfig(AGENT, "agent", tone=TONES["agent"]),
    )
    others = [one for one in example_config().phones if one.number in TARGETS.values()]
    return NetworkConfig((trunk,), (*own, *(replace(one, after=RING) for one in others)))


def address_of(profile: Profile, number: str) -> str:
    """A number as the API is asked to transfer to it: the exchange writes it as the provider wants
    it, where it knows the provider."""
    manners = profile.manners
    if profile.name in preset_names() or "tel" in manners.target_forms:
        return f"tel:{number}"
    return f"sip:{number}@mine.{manners.domain}"


class Case:
    """The call and its transfer. What does not hold raises DemoError."""

    def __init__(
        self,
        console: Console,
        carrier: CarrierService,
        livekit: api.LiveKitAPI,
        client: Client,
        target: str,
    ) -> None:
        """`target`: of `TARGETS`."""
        self._console = console
        self._carrier = carrier
        self._livekit = livekit
        self._client = client
        self._number = TARGETS[target]
        self._began = carrier.now()
        self._ladder = Ladder(console, LANES)
        self._facts = ShownTransfer(carrier.profile, target, self._number)
        if carrier.profile.manners.refer == "trunk-setting":
            self._facts.mode = carrier.switch.numbers.trunks[0].transfer_mode or ""

    async def play(self, svg: Path | None) -> None:
        """All of it; the ladder goes into `svg`, or a new folder."""
        screen = Screen(self._console, self._began)
        await self._configure()
        self._carrier.watch(screen.happened, screen.traced)
        identity = await self._meet()
        await self._transfer(identity)
        await self._settle()
        await self._look()
        await asyncio.to_thread(self._ask_the_exchange)
        self._check()
        await self._say_goodbye()
        self._facts.messages = len(self._carrier.trace)
        self._facts.svg = await asyncio.to_thread(self._draw, svg)
        self._console.print()
        for line in summary(self._facts):
            self._console.print(line, markup=False, soft_wrap=True)

    # --- the story ------------------------------------------------------------------------------

    async def _configure(self) -> None:
        """Trunks and a rule by the SDK, for this provider."""
        profile, sip = self._carrier.profile, self._livekit.sip
        numbers = [written(profile.manners, number) for number in (SERVICE, AGENT_LINE)]
        host, port = self._carrier.address
        user, password = PASSWORD
        metadata = ""
        if profile.name in preset_names():
            preset = {"provider": profile.name, "domain": f"mine.{profile.manners.domain}"}
            metadata = json.dumps({"hookflash": preset})
        coming = api.SIPInboundTrunkInfo(
            name="demo",
            numbers=numbers,
            metadata=metadata,
            media_encryption=api.SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW,
        )
        trunk = await sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=coming))
        await sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(
                trunk=api.SIPOutboundTrunkInfo(
                    name="demo",
                    numbers=numbers,
                    metadata=metadata,
                    address=f"{host}:{port}",
                    auth_username=user,
                    auth_password=password,
                )
            )
        )
        direct = api.SIPDispatchRule(dispatch_rule_direct=api.SIPDispatchRuleDirect(room_name=ROOM))
        await sip.create_dispatch_rule(
            api.CreateSIPDispatchRuleRequest(
                dispatch_rule=api.SIPDispatchRuleInfo(
                    name="demo", trunk_ids=[trunk.sip_trunk_id], rule=direct
                )
            )
        )

    async def _meet(self) -> str:
        """The agent's call and the caller's; the caller's identity in the room."""
        carrier = self._carrier
        self._ladder.title(
            f"{carrier.profile.title}: an agent and a caller meet in the room {ROOM}"
        )
        self._ladder.head()
        before: dict[str, str] = {}
        for count, (number, dialled) in enumerate(((AGENT, AGENT_LINE), (CALLER, SERVICE)), 1):
            before = await self._calls()
            carrier.call(number, dialled)
            await carrier.happened("call_answered", count, within=CONNECTED)
        for number, tone in ((CALLER, TONES["agent"]), (AGENT, TONES["caller"])):
            await carrier.hears(number, tone, within=CONNECTED)
        self._facts.before = await self._heard(0.0)
        self._note("caller and agent hear each other")
        now = await self._calls()
        (identity,) = now.keys() - before.keys()
        self._facts.call = now[identity]
        return identity

    async def _transfer(self, identity: str) -> None:
        """One request of the official SDK."""
        facts = self._facts
        facts.asked = address_of(self._carrier.profile, self._number)
        self._ladder.title(f"transfer_sip_participant({ROOM!r}, {identity!r}, {facts.asked!r})")
        self._ladder.head()
        request = api.TransferSIPParticipantRequest(
            room_name=ROOM,
            participant_identity=identity,
            transfer_to=facts.asked,
            ringing_timeout=Duration(seconds=RINGING),
        )
        began = self._carrier.now()
        try:
            answer = await self._livekit.sip.transfer_sip_participant(request)
        except api.TwirpError as error:
            facts.refused = True
            facts.answer = f"{error.code}: {bare(error.message)}"
        else:
            facts.answer = api.SIPTransferStatus.Name(answer.status)
        facts.seconds = self._carrier.now() - began
        self._note(f"the API answers {facts.answer.partition(':')[0]}")

    async def _settle(self) -> None:
        """The carrier may know more than the exchange was told."""
        carrier = self._carrier

        def happened(*names: str) -> bool:
            return any(one.name in names for _, one in carrier.happenings)

        if happened("refer_received"):
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLED):
                    await carrier.until(lambda: happened(*DECIDED))
        self._facts.transferred = happened("transferred")
        decided = [one for _, one in carrier.happenings if one.name in DECIDED]
        self._facts.carrier = decided[-1] if decided else None

    async def _look(self) -> None:
        """Who hears whom now; a menu is asked for somebody."""
        self._ladder.title("Who hears whom now")
        facts = self._facts
        facts.after = await self._heard()
        if facts.target == "menu" and facts.transferred:
            self._carrier.press(CALLER, KEY)
            await self._carrier.happened("phone_forwards")
            await self._carrier.happened("call_answered", 3)
            facts.after = await self._heard()
        for who, whom in facts.after.items():
            self._note(f"{who} hears {' and '.join(whom) or 'nobody'}")

    async def _say_goodbye(self) -> None:
        self._ladder.title("Everybody hangs up")
        self._ladder.head()
        for call_id in list(self._carrier.switch.conversations):
            with suppress(CarrierError):  # the end of another one was its end too
                self._carrier.end_call(call_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED):
                await self._carrier.until(lambda: self._carrier.idle)

    def _ask_the_exchange(self) -> None:
        """The stored transfer, and what the doctor says of it."""
        facts, client = self._facts, self._client
        stored = next(iter(records(client, "transfers", "transfer_id")), None)
        if stored is None:
            return  # the exchange sent nothing
        found = find_call(client, stored["transfer_id"])
        facts.call, facts.record = stored["transfer_id"], stored
        facts.finding = examine(client, found).finding

    def _draw(self, svg: Path | None) -> Path:
        """The ladder, as SVG; raises OSError."""
        answer = fetch(self._client, find_call(self._client, self._facts.call))
        seen = seen_of(answer)
        name = f"{self._carrier.profile.name}-{self._facts.target}.svg"
        file = svg or Path(tempfile.mkdtemp(prefix="hookflash-demo-")) / name
        file.write_text(ladder_svg(title(answer), *lanes_of(seen), seen), "utf-8")
        return file

    # --- parts ----------------------------------------------------------------------------------

    def _check(self) -> None:
        """What the exchange says is so, as far as the carrier has told it."""
        facts = self._facts
        succeeded = facts.verdict == "succeeded"
        talks = HEARD[TONES["agent"]] in facts.after["the caller"]
        _check(not (succeeded and talks), "succeeded, it says, and the caller hears the agent")
        if facts.carrier is not None and facts.profile.manners.notify in REPORTED:
            _check(succeeded is facts.transferred, f"{facts.verdict}, it says, and it is not so")
        if facts.record is not None:
            known = facts.finding is not None and (facts.finding.rule or succeeded)
            _check(bool(known), "the doctor does not know what it was")

    async def _heard(self, drain: float = DRAIN) -> dict[str, list[str]]:
        """Each → whom it hears, some time (seconds) from now."""
        ends = {"the caller": CALLER, "the agent": AGENT, "the target": self._number}
        found: dict[str, dict[str, None]] = {}
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(drain)
        until = clock() + LISTEN
        while clock() < until:
            await asyncio.sleep(LOOK)
            for who, number in ends.items():
                with suppress(CarrierError):  # it talks to nobody
                    sound = self._carrier.sound(number)
                    tones = [name for tone, name in HEARD.items() if sound.hears_now(tone)]
                    found.setdefault(who, {}).update(dict.fromkeys(tones))
        return {who: list(found.get(who, {})) for who in ends}

    async def _calls(self) -> dict[str, str]:
        """Identity of each who is in the room → id of the call."""
        request = api.ListParticipantsRequest(room=ROOM)
        try:
            found = (await self._livekit.room.list_participants(request)).participants
        except api.TwirpError:  # there is no room yet
            return {}
        return {entry.identity: entry.attributes["sip.callID"] for entry in found}

    def _note(self, fact: str) -> None:
        self._ladder.note(self._carrier.now() - self._began, f"✓ {printable(fact)}")


def _check(holds: bool, failure: str) -> None:
    if not holds:
        raise DemoError(failure)
