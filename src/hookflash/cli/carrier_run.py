"""A carrier on a terminal: what it has, each SIP message as an arrow, each event in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import BinaryIO, Final

import uvloop
from rich.console import Console
from starlette.routing import Route

from ..adapters.http import HttpServers
from ..adapters.listening import listening
from ..base.errors import SipError
from ..base.text import printable
from ..carrier.agent import Traced
from ..carrier.config import NetworkConfig, TrunkConfig
from ..carrier.conversation import Happened
from ..carrier.faults_face import fault_routes
from ..carrier.http_face import http_app
from ..carrier.manners import Profile
from ..carrier.news import News
from ..carrier.service import CarrierService
from ..carrier.sound_face import PATH, sound_routes
from ..carrier.speaking import MISSING
from ..carrier.telnyx.http import new_holdings, telnyx_routes
from ..carrier.twilio.http import new_account, twilio_routes
from ..logs import configure
from ..sip.flow import Address
from ..sip.pcap import HEAD, CapturedMessage, Frames
from ..sip.redaction import all_redacted
from .carrier_tls import CarrierTls
from .ladder import Ladder
from .signals import Signals, has_terminal

TWILIO: Final = "twilio"
"""The profile that has Twilio's REST."""
TELNYX: Final = "telnyx"
"""The one that has Telnyx's."""
LANES: Final = ("exchange", "carrier")
EXCHANGE, CARRIER = range(2)
RINGING: Final = frozenset({"answers", "declines", "voicemail", "fax"})
"""Telephones that ring for a while."""
BAD: Final = "red"
GOOD: Final = "green"
WORDS: Final[dict[str, tuple[str, str]]] = {
    "trunk_set": ("the trunk {trunk} is set: transfers {transfer_mode}, {caller_id}", GOOD),
    "trunk_callers": ("who may call by the trunk {trunk}: {callers}", GOOD),
    "trunk_deleted": ("the trunk {trunk} is deleted", BAD),
    "call_began": ("{caller} calls {called}", GOOD),
    "ringing": ("{called} rings", GOOD),
    "call_answered": ("they are connected", GOOD),
    "call_failed": ("the call failed: {status}", BAD),
    "not_reached": ("{number} is not reached: {why}", BAD),
    "call_refused": ("{caller} called {called}: refused with {status}: {why}", BAD),
    "call_challenged": ("{caller} called {called}: {why}", GOOD),
    "caller_id_replaced": ("{caller} is no number of the trunk: {shown} is shown", BAD),
    "phone_rings": ("the telephone {phone} rings and shows {caller}", GOOD),
    "phone_answers": ("the telephone {phone} is answered", GOOD),
    "phone_refuses": ("the telephone {phone} does not take the call: {status}", BAD),
    "phone_hangs_up": ("the telephone {phone} hangs up", GOOD),
    "phone_hears_key": ("the telephone {phone} hears the key {digit}", GOOD),
    "phone_presses": ("the telephone {phone} presses {digits}", GOOD),
    "no_voice": (MISSING, BAD),
    "recorded": ("what the telephone {phone} heard in {seconds} s is in {file}", GOOD),
    "not_recorded": ("what the telephone {phone} heard is lost: {why}", BAD),
    "phone_holds": ("the telephone {phone} puts the other side on hold", GOOD),
    "phone_resumes": ("the telephone {phone} takes the other side from hold", GOOD),
    "phone_forwards": ("the telephone {phone} puts its caller through to {target}", GOOD),
    "refer_received": ("the exchange asks for a transfer to {refer_to}", GOOD),
    "refer_challenged": ("a transfer needs the password of the trunk", BAD),
    "refer_refused": ("the transfer is refused with {status} {phrase}: {why}", BAD),
    "target_called": ("the carrier calls {target} for {caller}", GOOD),
    "transferred": ("{caller} and {target} are connected: transferred", GOOD),
    "not_replaced": ("no call is replaced: {status}: {why}", BAD),
    "place_taken": ("{number} takes the place of {replaced}", GOOD),
    "transfer_failed": ("the transfer to {refer_to} failed: {status}", BAD),
    "hangs_up_on_transferor": ("the exchange has not hung up, so the carrier does", GOOD),
    "hung_up": ("{number} is gone", GOOD),
    "faults": ("what goes wrong on the way to the exchange: {faults}", BAD),
    "unavailable": ("the carrier is unavailable: {method} gets 503", BAD),
    "off_route": ("{method} did not take the recorded route, but {route}: 404", BAD),
    "exchange_answers": ("the exchange of the trunk {trunk} answers OPTIONS: {status}", GOOD),
    "exchange_silent": ("the exchange of the trunk {trunk} does not answer OPTIONS", BAD),
    "call_ended": ("the call is over", GOOD),
}
"""What is said of each event, and its colour."""


def run(
    profile: Profile,
    config: NetworkConfig,
    sip: Address,
    http: Address | None,
    *,
    as_json: bool,
    pcap: BinaryIO | None = None,
    tls: CarrierTls | None = None,
) -> None:
    """Run it until Ctrl-C. Raises OSError where a port is taken."""
    configure("warning", "text")
    uvloop.run(_main(profile, config, sip, http, as_json=as_json, pcap=pcap, tls=tls))


async def _main(
    profile: Profile,
    config: NetworkConfig,
    sip: Address,
    http: Address | None,
    *,
    as_json: bool,
    pcap: BinaryIO | None,
    tls: CarrierTls | None,
) -> None:
    console = Console(highlight=False, markup=False)
    service = new_service(profile, config, sip, tls)
    screen = JsonLines(console) if as_json else Screen(console, service.now())
    async with standing(service, config, http, pcap) as port:
        secure = (service.tls_address, tls.told) if tls is not None else (None, ())
        screen.begin(profile, config, service.address, port, *secure)
        follow(screen, service.news)
        signals = Signals(terminal=has_terminal())
        signals.install(asyncio.get_running_loop())
        await signals.asked.wait()


def follow(screen: Screen | JsonLines, news: News) -> None:
    """Show what was told before it was there, and all that follows."""
    for message in news.trace:
        screen.traced(message)
    for when, event in news.happenings:
        screen.happened(when, event)
    news.watch(screen.happened, screen.traced)


def new_service(
    profile: Profile,
    config: NetworkConfig,
    sip: Address,
    tls: CarrierTls | None,
    *,
    muted: bool = False,
) -> CarrierService:
    """The carrier that is to run there, by TLS too where it is to."""
    at, files = (tls.address, tls.files) if tls is not None else (None, None)
    return CarrierService(profile, config, sip=sip, tls=at, files=files, muted=muted)


@asynccontextmanager
async def standing(
    service: CarrierService, config: NetworkConfig, http: Address | None, pcap: BinaryIO | None
) -> AsyncIterator[int]:
    """The carrier runs, with its HTTP face and its capture; the port of that face, 0 for none."""
    servers = HttpServers()
    if pcap is not None:
        service.watch(lambda *_: None, Capture(pcap).traced)
    try:
        async with service as carrier:
            if http is not None:
                routes = [*fault_routes(carrier), *_rest(carrier, config)]
                face = http_app(carrier, [*routes, *sound_routes(carrier.people)])
                with listening("http", _shown(http), "http", http[0]):
                    await servers.start(face, [http[0]], http[1], websockets=[PATH])
            yield servers.port
    finally:
        await servers.stop()


def _rest(carrier: CarrierService, config: NetworkConfig) -> list[Route]:
    """That of the real carrier, where it is simulated too."""
    if carrier.profile.name == TWILIO:
        return twilio_routes(carrier, new_account(carrier, config))
    if carrier.profile.name == TELNYX:
        return telnyx_routes(carrier, new_holdings(carrier, config))
    return []


class Screen:
    """For people."""

    def __init__(self, console: Console, began: float) -> None:
        self._console = console
        self._began = began
        self._ladder = Ladder(console, LANES)

    def begin(
        self,
        profile: Profile,
        config: NetworkConfig,
        sip: Address,
        http: int,
        tls: Address | None = None,
        told: Sequence[str] = (),
    ) -> None:
        """What there is, before anything happens."""
        for line in introduction(profile, config, sip, http, tls, told):
            self._console.print(line, soft_wrap=True)
        self._ladder.title("What happens")
        self._ladder.head()

    def happened(self, at: float, event: Happened) -> None:
        """An event, in words."""
        words, style = WORDS[event.name]
        fields = {name: printable(str(value)) for name, value in event.fields}
        self._ladder.note(at - self._began, words.format(**fields), style)

    def traced(self, traced: Traced) -> None:
        """A SIP message, as an arrow."""
        sender, receiver = (CARRIER, EXCHANGE) if traced.sent else (EXCHANGE, CARRIER)
        label = printable(traced.label)
        self._ladder.message(traced.at - self._began, sender, receiver, label)


class Capture:
    """Each SIP message into a file for Wireshark, whole when it has gone by; no credentials."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frames = Frames()
        file.write(HEAD)
        file.flush()

    def traced(self, traced: Traced) -> None:
        """A SIP message."""
        message = traced.message
        try:
            transport = message.top_via.transport.lower()
        except SipError:
            transport = "udp"
        (data,) = all_redacted([message.wire])
        seen = CapturedMessage(traced.at, transport, traced.sender, traced.receiver, data)
        self._file.write(self._frames.of(seen))
        self._file.flush()


class JsonLines:
    """For programs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(
        self,
        profile: Profile,
        config: NetworkConfig,
        sip: Address,
        http: int,
        tls: Address | None = None,
        told: Sequence[str] = (),
    ) -> None:
        """Where it listens."""
        del config, told
        places = {"sip": _shown(sip), **({"tls": _shown(tls)} if tls is not None else {})}
        self._put(event="ready", profile=profile.name, **places, http=http)

    def happened(self, at: float, event: Happened) -> None:
        """An event."""
        self._put(at=at, event=event.name, **dict(event.fields))

    def traced(self, traced: Traced) -> None:
        """A SIP message."""
        self._put(
            at=traced.at,
            event="sip",
            sender=_shown(traced.sender),
            receiver=_shown(traced.receiver),
            message=traced.label,
            call_id=traced.message.call_id,
        )

    def _put(self, **fields: object) -> None:
        self._console.file.write(json.dumps(fields) + "\n")
        self._console.file.flush()


def introduction(
    profile: Profile,
    config: NetworkConfig,
    sip: Address,
    http: int,
    tls: Address | None = None,
    told: Sequence[str] = (),
) -> list[str]:
    """What the carrier has, line by line."""
    manners = profile.manners
    secure = f", {_shown(tls)} (TLS)" if tls is not None else ""
    where = f"SIP at {_shown(sip)} (UDP, TCP){secure}"
    lines = [f"{profile.title}, simulated; {where}; Ctrl-C ends it", *told]
    if http:
        lines.append(f"calls as JSON: GET http://127.0.0.1:{http}/calls")
    if http and profile.name == TWILIO:
        account = f"TWILIO_ACCOUNT_SID={config.account.sid}"
        lines.append(f"Twilio's REST: export {account} TWILIO_AUTH_TOKEN={config.account.token};")
        lines.append(f"  hookflash provider twilio show --api http://127.0.0.1:{http}")
    if http and profile.name == TELNYX:
        lines.append(f"Telnyx's REST: export TELNYX_API_KEY={config.account.token};")
        lines.append(f"  hookflash provider telnyx show --api http://127.0.0.1:{http}")
    for trunk in config.trunks:
        mode = trunk.transfer_mode or manners.transfer_mode
        transfers = {
            "never": "it carries out no transfer",
            "always": "it carries out transfers",
            "trunk-setting": f"transfers: {mode}",
        }[manners.refer]
        numbers = ", ".join(trunk.numbers)
        lines.append(
            f"trunk {trunk.name}: {numbers} → {trunk.origination or 'nowhere'}; {transfers}; "
            f"{_may_call(profile, trunk)} may call"
        )
    for phone in config.phones:
        after = f" after {phone.after:g} s" if phone.does in RINGING else ""
        name = f" ({phone.name})" if phone.name else ""
        lines.append(f"telephone {phone.number}{name}: {phone.does}{after}")
    return lines


def _may_call(profile: Profile, trunk: TrunkConfig) -> str:
    """Who is let through by a trunk."""
    listed = [*trunk.allowed_addresses, *(user.username for user in trunk.callers)]
    return ", ".join(listed) or ("nobody" if profile.manners.accounts == "required" else "anybody")


def _shown(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
