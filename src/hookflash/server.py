"""The composition root: builds everything from settings, wires it once, starts and stops it."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from .adapters.addresses import Addresses
from .adapters.alarm import Alarm
from .adapters.clock import SystemClock
from .adapters.connections import Connections
from .adapters.dns import Resolver
from .adapters.entropy import Entropy
from .adapters.http import HttpServers
from .adapters.limits import raise_open_files, share_of_connections
from .adapters.open_files import OpenFiles
from .adapters.sip_connection import StreamGuard
from .adapters.sip_sockets import SipSockets, TlsFiles
from .adapters.source_rate import SourceRate
from .adapters.store.store import Store
from .adapters.stun import external_ip
from .adapters.udp import UdpPair
from .adapters.webhooks import WebhookSender
from .api.app import ApiParts, make_app
from .api.sip_trunks import warn_of_hosts
from .audio import opus
from .base.errors import ConfigError
from .base.ids import Ids
from .calls.admission import Admission, AdmissionSettings
from .calls.limits import InviteRate, Shield, TransactionLimit
from .calls.switchboard import Switchboard
from .calls.trunks.table import TrunkTable
from .config import Settings, TlsSettings
from .media.schedule import LATE
from .ports import Clock, WorldClock
from .rooms.orders import RoomDefaults
from .runtime.call_metrics import CallMetrics
from .runtime.call_records import CallRecords
from .runtime.exchange import Exchange
from .runtime.host import ExchangeSettings, Parts
from .runtime.local_rooms import LocalParticipants, LocalRooms
from .runtime.media.engine import MediaEngine, MediaEngineSettings
from .runtime.metrics import Metrics
from .runtime.requests import REMEMBERED
from .runtime.retention import Retention
from .runtime.rooms import RoomHost
from .runtime.shutdown import Shutdown
from .runtime.sip_stack import SipStack
from .runtime.telephony import ExchangeTelephony
from .runtime.transfers import TransferRegistry
from .runtime.trunk_hosts import TrunkHosts
from .sip.digest import DigestServer
from .sip.endpoint import Endpoint
from .sip.flow import Flow
from .sip.timers import Timers
from .version import hookflash_version
from .webhooks.payload import EventFilter

_log = structlog.get_logger("server")


class Server:
    """One exchange. `start`, then `drain` and `stop`; `ports` say where it listens.
    `between_ticks` is called after each tick of the media clock; `clock` None: the machine's."""

    def __init__(
        self,
        settings: Settings,
        between_ticks: Callable[[], None] | None = None,
        clock: WorldClock | None = None,
    ) -> None:
        self.settings = settings
        self._between_ticks = between_ticks
        self.metrics = Metrics()
        self._clock: WorldClock = clock or SystemClock()
        self._ids = Ids(Entropy())
        self.trunks = TrunkTable(resolves=settings.sip.allowed_hosts == "resolve")
        self.store = Store(None if settings.dev else Path(settings.data_dir), settings.store.sync)
        self.rooms: RoomHost
        self.exchange: Exchange
        self.sockets: SipSockets
        self._rate: SourceRate
        self._open_files = 0
        self._files = OpenFiles(self._clock.now)
        self._http = HttpServers(files=self._files)
        self._webhooks: WebhookSender
        self._engine: MediaEngine
        self._stack: SipStack
        self._trunk_hosts: TrunkHosts
        self._call_records: CallRecords
        self._alarm: Alarm
        self._retention: Retention

    @property
    def http_port(self) -> int:
        """Port of the API."""
        return self._http.port

    async def start(self) -> None:
        """Open everything; raises ConfigError where a port is taken or a certificate is none,
        StoreError for the database."""
        settings = self.settings
        self._open_files, calls = raise_open_files()
        stored = self.store.load()
        self.trunks.load(stored.inbound, stored.outbound, stored.rules)
        warn_of_hosts(self.trunks, stored.inbound)
        self.store.start()
        await self._build()
        await self._trunk_hosts.start()
        await self._open_sip()
        await self._engine.start()
        await self._webhooks.start()
        since = self._clock.now() - REMEMBERED
        self.exchange.parts.transfers.load(await self.store.requested_since(since))
        self.exchange.dial_requests.dials.load(await self.store.dials_since(since))
        cut_off = await self.store.calls_of(dialog.call_id for dialog in stored.dialogs)
        self.exchange.restored_dialogs.raise_all(stored.dialogs, stored.transfers, cut_off)
        await self._listen()
        self._retention.start()
        _log.info(
            "ready",
            version=hookflash_version(),
            api=f"http://{settings.bind_addresses[0]}:{self._http.port}",
            sip=self.sockets.local,
            open_files=self._open_files,
            calls_possible=calls,
            dev=settings.dev,
        )

    async def _open_sip(self) -> None:
        sip = self.settings.sip
        files = _tls_files(sip.tls)
        with _listening("sip.sip_port", sip.sip_port, "sip.listen_ip", sip.listen_ip):
            await self.sockets.start(sip.listen_ip, sip.sip_port)
        with _listening("sip.tls.port", sip.tls.port, "sip.listen_ip", sip.listen_ip):
            await self.sockets.start_tls(sip.listen_ip, sip.tls.port, files)

    async def _build(self) -> None:
        """Make the parts, from the wire upwards, and join them."""
        settings, ids, clock = self.settings, self._ids, self._clock
        loop = asyncio.get_running_loop()
        addresses = await self._addresses()
        self._webhooks = _webhooks(settings, clock, ids)
        self._engine = _engine(settings, clock, ids, self._files, self._between_ticks)
        self._rate = SourceRate(
            clock.now, settings.sip.max_requests_per_second_per_source, self._trusted
        )
        self.sockets = SipSockets(self._guard())
        resolver = Resolver(ids)
        self._trunk_hosts = TrunkHosts(self.trunks.hosts, resolver, clock)
        self._stack = SipStack(
            clock=clock,
            sockets=self.sockets,
            resolver=resolver,
            addresses=addresses,
            hostname=settings.sip.sip_hostname,
        )
        timers = Timers()
        agent = f"Hookflash/{hookflash_version()}"
        endpoint = Endpoint(
            timers=timers,
            ids=ids,
            via=self._stack.via,
            user_agent=agent,
            takes=TransactionLimit(self._named, self._in_call).takes,
        )
        board = Switchboard(endpoint, self._stack.route)
        self._call_records = CallRecords(self.store, clock)
        self._alarm = Alarm(clock, loop)
        self.rooms = RoomHost(clock, ids, self._alarm, _room_settings(settings))
        parts = Parts(
            clock=clock,
            ids=ids,
            timers=timers,
            board=board,
            stack=self._stack,
            engine=self._engine,
            addresses=addresses,
            admission=self._admission(),
            trunks=self.trunks,
            rooms=self.rooms,
            sink=self._webhooks,
            alarm=self._alarm,
            call_records=self._call_records,
            call_metrics=CallMetrics(self.metrics),
            transfers=TransferRegistry(),
        )
        self.exchange = Exchange(parts, _exchange_settings(settings, agent))
        self.rooms.listeners += [self._webhooks, self.exchange.phones]
        self.sockets.attach(self._stack)
        self._stack.attach(board, self.exchange.perform, self.exchange.drops)
        self._retention = self._made_retention()
        self._gauges(endpoint)

    def _made_retention(self) -> Retention:
        settings, exchange = self.settings, self.exchange
        return Retention(
            self._call_records,
            self._clock,
            [exchange.parts.transfers, exchange.dial_requests.dials],
            transfers=settings.transfers.keep,
            calls=settings.calls.keep,
            audit=settings.audit.keep,
        )

    async def _addresses(self) -> Addresses:
        sip = self.settings.sip
        public = sip.nat_1_to_1_ip
        if sip.use_external_ip and not public:
            public = await external_ip(sip.stun_servers) or ""
            _log.info("external_ip", address=public or "not found")
        return Addresses(sip.listen_ip, public_ip=public, local_nets=sip.local_net)

    def _admission(self) -> Admission:
        sip, trunks = self.settings.sip, self.trunks
        return Admission(
            trunks,
            self._ids,
            DigestServer(secrets.token_bytes(32), self._ids, algorithms=sip.auth_algorithms),
            AdmissionSettings(
                accept_unmatched=sip.accept_unmatched,
                max_calls=sip.max_calls,
                max_calls_per_trunk=sip.max_calls_per_trunk,
                port_pairs=self._engine.free_ports,
            ),
            shield=Shield(self._trusted, enabled=sip.shield),
            rate=InviteRate(sip.max_invites_per_second_per_source, self._named),
        )

    def _guard(self) -> StreamGuard:
        sip = self.settings.sip
        most = sip.max_connections or share_of_connections(self._open_files)
        return StreamGuard(
            most=most,
            most_of_one=min(sip.max_connections_per_address, most // 2),
            rate=self._rate,
            files=self._files,
            in_use=self._in_use,
        )

    def _in_use(self, flow: Flow) -> bool:
        """Whether a call or a transaction needs this connection."""
        parts, ip = self.exchange.parts, flow.remote[0]
        return parts.board.endpoint.needs(flow) or self.exchange.has_call_from(ip)

    def _named(self, ip: str) -> bool:
        """A source that a trunk names, or that showed a trunk's password."""
        guesses = self.exchange.parts.admission.guesses
        return self.trunks.knows_address(ip) or guesses.knows(self._clock.now(), ip)

    def _in_call(self, tag: str) -> bool:
        return self.exchange.parts.board.leg(tag) is not None

    def _trusted(self, ip: str) -> bool:
        """A source that the shield never shuts out for refusals."""
        return self._named(ip) or self.exchange.has_call_from(ip)

    async def _listen(self) -> None:
        settings = self.settings
        keys = {key: secret.get_secret_value() for key, secret in settings.keys.items()}
        parts = ApiParts(
            trunks=self.trunks,
            store=self.store,
            ids=self._ids,
            rooms=LocalRooms(self.rooms),
            participants=LocalParticipants(self.rooms, owners=[self.exchange.phones]),
            sip=self._telephony(),
            clock=self._clock,
            keys=keys,
        )
        app = make_app(
            parts,
            hide_passwords=settings.sip.hide_passwords,
            healthy=lambda: not (self.exchange.parts.board.stopping or self.store.failing),
        )
        where, bind = settings.bind_addresses, settings.metrics.bind
        connections = Connections(
            settings.http.max_connections or share_of_connections(self._open_files),
            settings.http.max_silent_per_address,
        )
        with _listening("port", settings.port, "bind_addresses", ", ".join(where)):
            await self._http.start(app, where, settings.port, connections)
        with _listening("metrics.bind", bind, "metrics.bind", bind):
            await self._http.start_metrics(self.metrics.page, bind)

    def _telephony(self) -> ExchangeTelephony:
        exchange = self.exchange
        return ExchangeTelephony(
            exchange,
            exchange.phones,
            exchange.dial_requests,
            self.rooms,
            exchange.parts.transfers,
            self._call_records,
            clock=self._clock,
            ids=self._ids,
        )

    def _gauges(self, endpoint: Endpoint) -> None:
        gauge = self.metrics.gauge
        gauge("calls_active", "Calls that are up or ringing", self._calls)
        gauge("legs", "Legs, those that only watch a transfer included", self._legs)
        gauge("rooms", "Rooms", lambda: len(self.rooms))
        gauge("transactions", "SIP transactions", lambda: sum(endpoint.counts()))
        gauge("rtp_ports_free", "Free pairs of RTP ports", lambda: self._engine.free_ports)
        self.metrics.histogram(
            "media_tick_late_seconds", "By how much 20 ms ticks came too late", LATE, self._late
        )
        gauge("sip_dropped", "Requests that the shield dropped", self._dropped)
        gauge("sip_rate_dropped", "Datagrams of sources that sent too many", self._rate_dropped)
        gauge(
            "sip_connections",
            "SIP connections of peers",
            lambda: len(self.sockets.guard.connections),
        )
        gauge("sip_crowded_out", "Requests dropped in a flood", lambda: endpoint.dropped)
        gauge("sip_wrong_passwords", "Wrong passwords of callers", self._wrong_passwords)
        gauge("sip_received", "SIP messages read", lambda: self._stack.received)
        gauge("sip_malformed", "SIP messages that could not be read", lambda: self._stack.malformed)
        gauge("webhooks_pending", "Webhooks still to be delivered", lambda: self._webhooks.pending)
        gauge("webhooks_lost", "Webhooks given up or dropped", self._webhooks_lost)
        gauge("store_failed_writes", "Writes to the database that failed", self._failed_writes)

    def _calls(self) -> int:
        # A leg outlives its call: it answers retransmissions and watches a transfer.
        return sum(not call.ended for call in self.exchange.calls.values())

    def _legs(self) -> int:
        return len(self.exchange.parts.board)

    def _late(self) -> tuple[list[int], float]:
        lateness = self._engine.lateness
        return lateness.counts, lateness.total

    def _webhooks_lost(self) -> int:
        counted = self._webhooks.counters().values()
        return sum(c.given_up + c.expired + c.overflowed for c in counted)

    def _failed_writes(self) -> int:
        return self.store.failed_writes

    def _dropped(self) -> int:
        return self.exchange.parts.admission.shield.dropped

    def _rate_dropped(self) -> int:
        return self._rate.dropped

    def _wrong_passwords(self) -> int:
        return self.exchange.parts.admission.guesses.wrong

    async def drain(self, seconds: float) -> None:
        """Take no new calls; wait for the running ones, then hang up (calls.md §5)."""
        parts = self.exchange.parts
        await Shutdown(self.exchange, parts.board, parts.admission.load).drain(seconds)

    async def stop(self) -> None:
        """Close everything, whatever has failed before."""
        self._alarm.stop()
        await self._retention.stop()
        await self._call_records.stop()
        await self._http.stop()
        await self._webhooks.stop()
        await self._engine.stop()
        await self._trunk_hosts.stop()
        await self._stack.stop()
        await self.sockets.stop()
        await self.store.close()
        _log.info("stopped")


@contextmanager
def _listening(key: str, value: object, address_key: str, address: str) -> Iterator[None]:
    """Name the setting where a socket cannot be opened: its port, or its address."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(address_key, address, "an address of this machine") from None
        if error.errno == errno.EADDRINUSE:
            flag = "--" + key.replace("_", "-")
            allowed = f"a port that is free ({flag} names another)"
            wrong = "is in use by another program"
            raise ConfigError(key, value, allowed, wrong=wrong) from None
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ConfigError(key, value, f"a port that is free and may be opened ({why})") from None


def _tls_files(tls: TlsSettings) -> TlsFiles:
    """The files, looked into: what the sockets would say of them names no file."""
    first = tls.certs[0] if tls.certs else None
    if first is not None:
        try:
            chain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            chain.load_cert_chain(first.cert_file, first.key_file, password="")  # asks nobody
        except OSError as error:
            allowed = "PEM files that can be read, of a certificate and of its key without password"
            value = f"{first.cert_file}, {first.key_file}"
            raise ConfigError("sip.tls.certs", value, f"{allowed} ({_why(error)})") from None
    if tls.ca_file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(tls.ca_file)
        except OSError as error:
            allowed = f"a PEM file of certificates that can be read ({_why(error)})"
            raise ConfigError("sip.tls.ca_file", tls.ca_file, allowed) from None
    return TlsFiles(
        cert_file=first.cert_file if first else "",
        key_file=first.key_file if first else "",
        ca_file=tls.ca_file,
        verify=tls.verify,
    )


def _why(error: OSError) -> str:
    """`KEY_VALUES_MISMATCH` of OpenSSL in words, or what the system says."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or "not readable as PEM").replace("_", " ").lower()


def _engine(
    settings: Settings,
    clock: Clock,
    ids: Ids,
    files: OpenFiles,
    between: Callable[[], None] | None,
) -> MediaEngine:
    sip, loop = settings.sip, asyncio.get_running_loop()

    def open_pair(ip: str, port: int) -> UdpPair:
        try:
            return UdpPair(loop, ip, port)
        except OSError as error:  # as `files.noted`, which costs more than the rest of this
            files.missing(error, "RTP")
            raise

    return MediaEngine(
        clock=clock,
        loop=loop,
        ids=ids,
        open_pair=open_pair,
        settings=MediaEngineSettings(
            rtp_port=sip.rtp_port,
            symmetric_rtp=sip.symmetric_rtp,
            opus_complexity=sip.opus_complexity,
            lone_tone=settings.dev,
        ),
        between=between,
    )


def _exchange_settings(settings: Settings, agent: str) -> ExchangeSettings:
    sip = settings.sip
    missing = opus.missing()
    if missing:
        _log.warning("no_opus", why=missing)
    return ExchangeSettings(
        answer_immediately=sip.answer == "immediately",
        codecs=tuple(sip.codecs),
        fallback_codecs=() if "codecs" in sip.model_fields_set else ("opus",),
        missing_codecs=frozenset({"opus"} if missing else ()),
        user_agent=agent,
        prompts_dir=sip.prompts_dir,
        follow_redirects=sip.follow_redirects,
    )


def _webhooks(settings: Settings, clock: WorldClock, ids: Ids) -> WebhookSender:
    webhook = settings.webhook
    secret = settings.keys.get(webhook.api_key)
    return WebhookSender(
        clock=clock,
        ids=ids,
        urls=webhook.urls,
        api_key=webhook.api_key,
        secret=secret.get_secret_value() if secret is not None else "",
        version=hookflash_version(),
        wanted=EventFilter(frozenset(webhook.include_events), frozenset(webhook.exclude_events)),
    )


def _room_settings(settings: Settings) -> RoomDefaults:
    room = settings.room
    return RoomDefaults(
        auto_create=room.auto_create,
        empty_timeout=room.empty_timeout,
        departure_timeout=room.departure_timeout,
        max_participants=room.max_participants,
        enable_remote_unmute=room.enable_remote_unmute,
    )
