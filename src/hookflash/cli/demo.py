"""`hookflash demo`: a call and its transfer on this machine in three acts, shown and checked.

The exchange runs as `hookflash serve --dev` does, on free ports, and a simulated carrier as
`hookflash carrier --profile twilio` does, with three telephones: a caller and an agent who meet in
a room, and a new party. The agent side transfers the caller with the official LiveKit SDK.

1. Transfers are off, as at Twilio at first: it fails, and the doctor says why.
2. They are switched on by the carrier's REST, as `hookflash provider twilio setup` does it.
3. The same transfer works. Who hears whom is found out by tones.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, Final

import uvloop
from aiohttp import ClientError as HttpError
from livekit import api
from rich import box
from rich.console import Console
from rich.table import Table

from ..adapters.http import HttpServers
from ..base.errors import HookflashError
from ..carrier.agent import Traced
from ..carrier.config import AccountConfig, NetworkConfig, PhoneConfig, TrunkConfig
from ..carrier.conversation import Happened
from ..carrier.http_face import http_app
from ..carrier.profile_files import load_profile
from ..carrier.service import CarrierService
from ..carrier.twilio.http import new_account, twilio_routes
from ..config import DEV_KEY, Settings
from ..logs import configure
from ..providers.twilio_plan import ChangeTrunk, TwilioWish
from ..server import Server
from ..sip.flow import Address
from ..sip.uri import Uri
from .client import Client
from .demo_setup import DemoError, set_up
from .failures import examine, last_failure
from .ladder import Ladder

LIMIT: Final = 15.0
"""Seconds for all of it."""
ROOM: Final = "demo"
ACCOUNT: Final = AccountConfig()
"""At the simulated Twilio."""
PROVIDER: Final = '{"hookflash.provider": "twilio"}'
"""Metadata of our trunk."""
SERVICE, AGENT_LINE = "+15550000001", "+15550000002"
"""The two numbers of the trunk."""
CALLER, AGENT, NEW_PARTY = "+14150000001", "+15550000100", "+15105550123"
TARGET: Final = f"tel:{NEW_PARTY}"
WISH: Final = TwilioWish(transfer_caller_id="from-transferor", numbers=(SERVICE,))
"""The new party is to see our number, and not the caller's."""
COMMAND: Final = f"hookflash provider twilio setup --number {SERVICE} --caller-id transferor --yes"
LANES: Final = ("Hookflash", "carrier")
EXCHANGE, THE_CARRIER = range(2)
NUMBERS: Final = {"caller": CALLER, "agent": AGENT, "new party": NEW_PARTY}
TONES: Final = {"caller": 330, "agent": 550, "new party": 1000}
"""Hz."""
WORDS: Final = {
    "phone_rings": "the {phone}'s telephone rings, and shows {caller}",
    "phone_answers": "the {phone} answers",
    "transferred": "the carrier connects caller and new party",
    "refer_refused": "the carrier: {why}",
    "trunk_set": "the carrier's trunk: transfers {transfer_mode}, caller ID {caller_id}",
}
"""What the carrier's telephones do, as far as it is shown."""
INDENT, WIDTH = 12, 88
"""Columns before the doctor's words, and of them."""
KEY: Final = "1"
RING: Final = 0.5
"""Seconds for which the new party's phone rings."""


def run(seed: int) -> int:
    """Play the demo; the exit code: 0 where everything was as it should be, else 1."""
    configure("warning", "text")
    console = Console(highlight=False)
    return uvloop.run(_main(seed, console))


async def _main(seed: int, console: Console) -> int:
    failure = ""
    try:
        async with asyncio.timeout(LIMIT), exchange() as server:
            url = f"http://127.0.0.1:{server.http_port}"
            secret = server.settings.keys[DEV_KEY].get_secret_value()
            proxy = server.sockets.local["udp"]
            console.print(f"Hookflash listens: API {url}, SIP {proxy[0]}:{proxy[1]} (UDP, TCP)")
            client, twilio = Client(url, DEV_KEY, secret), load_profile("twilio")
            async with (
                api.LiveKitAPI(url, DEV_KEY, secret) as livekit,
                CarrierService(twilio, network(proxy), seed=seed) as carrier,
                rest(carrier, network(proxy), seed) as face,
            ):
                console.print(f"A simulated Twilio listens: REST {face}, SIP as shown below")
                await Demo(console, carrier, livekit, client, face).play()
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


@asynccontextmanager
async def rest(carrier: CarrierService, config: NetworkConfig, seed: int) -> AsyncIterator[str]:
    """The carrier's REST on a free port of loopback; its address."""
    servers = HttpServers()
    routes = twilio_routes(carrier, new_account(carrier, config, seed=seed))
    await servers.start(http_app(carrier, routes), ["127.0.0.1"], 0)
    try:
        yield f"http://127.0.0.1:{servers.port}"
    finally:
        await servers.stop()


def network(proxy: Address) -> NetworkConfig:
    """The carrier: two numbers that lead to the exchange, which listens there, and telephones."""
    return NetworkConfig(
        trunks=(TrunkConfig("demo", (SERVICE, AGENT_LINE), Uri.sip(None, *proxy)),),
        phones=tuple(
            PhoneConfig(number, name, tone=TONES[name], after=RING)
            for name, number in NUMBERS.items()
        ),
        account=ACCOUNT,
    )


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
        carrier: CarrierService,
        livekit: api.LiveKitAPI,
        client: Client,
        rest_url: str,
    ) -> None:
        """`rest_url`: where the carrier's trunk is set up."""
        self._rest_url = rest_url
        self._console = console
        self._carrier = carrier
        self._livekit = livekit
        self._client = client
        self._ladder = Ladder(console, LANES)
        self._facts = DemoFacts()
        self._began = carrier.now()

    async def play(self) -> None:
        """All of it."""
        await self._configure()
        await self._meet()
        await self._fail()
        await self._switch_on()
        await self._transfer()
        await self._talk_on()
        await self._say_goodbye()
        self._report()

    async def _configure(self) -> None:
        """Trunk and rule by the SDK."""
        trunk = await self._livekit.sip.create_inbound_trunk(
            api.CreateSIPInboundTrunkRequest(
                trunk=api.SIPInboundTrunkInfo(
                    name="demo", numbers=[SERVICE, AGENT_LINE], metadata=PROVIDER
                )
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
        self._carrier.watch(self._happened, self._traced)

    # --- the story ------------------------------------------------------------------------------

    async def _meet(self) -> None:
        """The agent's call and the caller's."""
        carrier = self._carrier
        self._act("I", "Transfers are off at the carrier, as at Twilio at first")
        self._ladder.title(f"An agent and a caller dial in, and meet in the room {ROOM}")
        self._ladder.head()
        for count, (number, dialled) in enumerate(((AGENT, AGENT_LINE), (CALLER, SERVICE)), 1):
            carrier.call(number, dialled)
            await carrier.happened("call_answered", count)
        await self._hears("caller", "agent")
        await self._hears("agent", "caller")
        await carrier.sound(CALLER).press(KEY)
        await carrier.sound(AGENT).pressed(KEY, 2.0)
        self._note(f"the caller presses {KEY}, and the agent gets it")
        self._facts.before = self._heard("caller", "agent")

    async def _fail(self) -> None:
        """The transfer, while the carrier carries none out; and why, in the doctor's words."""
        try:
            await self._ask()
        except api.TwirpError as error:
            status = error.metadata.get("sip_status_code", "")
        else:
            raise DemoError("the carrier transferred, and was not to")
        _check(status == "603", f"the transfer failed with {status or 'no SIP status'}, not 603")
        self._note("the API answers 603, and nobody is transferred")
        await self._hears("caller", "agent")
        self._ladder.title("hookflash doctor")
        found = await asyncio.to_thread(last_failure, self._client)
        _check(found is not None, "the doctor finds no failed transfer")
        assert found is not None
        finding = (await asyncio.to_thread(examine, self._client, found)).finding
        _check(bool(finding.rule), f"the doctor does not know what it was: {finding.meaning}")
        for label, words in (("", finding.meaning), ("to do: ", finding.remedy)):
            for line in wrap(f"{label}{words}", WIDTH, break_on_hyphens=False):
                self._console.print(f"{' ' * INDENT}{line}", markup=False, soft_wrap=True)

    async def _switch_on(self) -> None:
        """By the carrier's REST."""
        self._act("II", "Transfers are switched on by the carrier's REST")
        self._ladder.title(f"What this does: {COMMAND}")
        plan = await set_up(self._rest_url, ACCOUNT, WISH)
        changes = [step.changes for step in plan.steps if isinstance(step, ChangeTrunk)]
        _check(len(changes) == 1, "there was nothing to switch on")
        for name, was, to in changes[0]:
            self._note(f"{name} from {was} to {to}")

    async def _transfer(self) -> None:
        """The same request again."""
        self._act("III", "The same call, the same request again")
        facts = self._facts
        facts.asked_at = self._carrier.now()
        answer = await self._ask()
        facts.answered_at = self._carrier.now()
        facts.transfer_id = answer.transfer_id
        facts.status = api.SIPTransferStatus.Name(answer.status)
        _check(facts.status == "STS_TRANSFER_SUCCESSFUL", f"the API answered {facts.status}")
        self._note(f"the API answers {facts.status}")
        sent = [one.at for one in self._carrier.trace if one.label == "REFER"]
        _check(len(sent) == 2, f"{len(sent)} REFERs were sent, and not one for each request")
        facts.referred_at = sent[1]
        seen = str((await self._carrier.happened("phone_rings"))["caller"])
        _check(seen == SERVICE, f"the new party saw {seen}, and not {SERVICE} as chosen")
        self._note(f"the new party saw {seen}: the caller ID that was chosen")
        ended = await self._carrier.happened("hung_up", within=2.0)
        of = (ended["number"], ended["by"])
        _check(of == (SERVICE, "peer"), "it was not Hookflash that hung up on the caller")
        self._note("Hookflash has hung up on the caller")

    async def _talk_on(self) -> None:
        """The two ends of the call between caller and new party."""
        self._ladder.title("Who hears whom now")
        await self._hears("caller", "new party")
        await self._hears("new party", "caller")
        await self._carrier.sound(AGENT).misses(TONES["caller"], 2.0)
        self._note("the agent does not hear the caller any more")
        _check(await self._identities() == {AGENT}, "the caller is still in the room")
        self._note("ListParticipants: the caller is gone, the agent is still there")
        path = f"/hookflash/transfers/{self._facts.transfer_id}"
        self._facts.record = await asyncio.to_thread(self._client.get, path, grant_room=ROOM)
        verdict = self._facts.record["verdict"]
        _check(verdict == "succeeded", f"GET {path} says {verdict}")
        self._note(f"GET {path}: {verdict}")
        self._facts.after = self._heard(*NUMBERS)

    async def _say_goodbye(self) -> None:
        self._ladder.title("Everybody hangs up")
        self._ladder.head()
        for number in (NEW_PARTY, AGENT):
            self._carrier.hang_up(number)
        await self._carrier.until(lambda: self._carrier.idle)

    # --- parts ----------------------------------------------------------------------------------

    def _act(self, number: str, words: str) -> None:
        self._console.print()
        self._console.rule(f"Act {number}: {words}", characters="═", align="left")

    async def _ask(self) -> api.TransferSIPParticipantResponse:
        """One request of the official SDK."""
        identity = await self._identity(CALLER)
        self._ladder.title(f"transfer_sip_participant({ROOM!r}, {identity!r}, {TARGET!r})")
        self._ladder.head()
        request = api.TransferSIPParticipantRequest(
            room_name=ROOM, participant_identity=identity, transfer_to=TARGET
        )
        return await self._livekit.sip.transfer_sip_participant(request)

    async def _hears(self, who: str, whom: str) -> None:
        took = await self._carrier.hears(NUMBERS[who], TONES[whom])
        self._note(f"the {who} hears the {whom} ({TONES[whom]} Hz, found in {took * 1000:.0f} ms)")

    def _heard(self, *names: str) -> dict[str, str]:
        """Name of the listener → names of those whose tones are there now."""
        found = {}
        for name in names:
            sound = self._carrier.sound(NUMBERS[name])
            others = [other for other, tone in TONES.items() if sound.hears_now(tone)]
            found[name] = "the " + ", the ".join(others) if others else "nobody"
        return found

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
        lanes = (THE_CARRIER, EXCHANGE) if traced.sent else (EXCHANGE, THE_CARRIER)
        self._ladder.message(traced.at - self._began, *lanes, traced.label)

    def _happened(self, at: float, event: Happened) -> None:
        words = WORDS.get(event.name)
        if words is not None:
            names = {number: name for name, number in NUMBERS.items()}
            fields = {key: str(value) for key, value in event.fields}
            fields["phone"] = names.get(fields.get("phone", ""), "")
            self._ladder.note(at - self._began, f"• {words.format(**fields)}", "cyan")

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


def _check(holds: bool, failure: str) -> None:
    if not holds:
        raise DemoError(failure)
