"""The composition root: builds everything from settings, wires it once, starts and stops it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from .adapters import tls_files
from .adapters.addresses import Addresses
from .adapters.alarm import Alarm
from .adapters.clock import SystemClock
from .adapters.connections import Connections
from .adapters.dns import Resolver
from .adapters.entropy import Entropy
from .adapters.http import HttpServers
from .adapters.interfaces import own_addresses
from .adapters.join_tokens import Signer
from .adapters.limits import raise_open_files, share_of_connections
from .adapters.listening import listening
from .adapters.metrics import Metrics
from .adapters.open_files import OpenFiles
from .adapters.presets import PRESETS
from .adapters.prompts import load_prompts
from .adapters.sip_connection import StreamGuard
from .adapters.sip_sockets import SipSockets, TlsFiles
from .adapters.source_rate import SourceRate
from .adapters.store.store import Store
from .adapters.stun import external_ip
from .adapters.udp import UdpPair, Watch
from .adapters.webhooks import WebhookSender
from .api.agent_socket import AgentSocket
from .api.app import ApiParts, make_app
from .api.rtc_socket import RtcSocket
from .api.sip_trunks import warn_of_hosts, warn_of_providers
from .audio import opus
from .base.idempotency import REMEMBERED
from .base.ids import Ids
from .calls.admission import Admission, AdmissionSettings
from .calls.limits import InviteRate, Shield, TransactionLimit
from .calls.switchboard import Switchboard
from .calls.trunks.table import TrunkTable
from .config import Settings, TlsSettings
from .exchange.agent_workers import AgentWorkers, server_info
from .exchange.call_metrics import CallMetrics
from .exchange.exchange import Exchange
from .exchange.host import ExchangeSettings, Parts
from .exchange.local_rooms import LocalParticipants, LocalRooms
from .exchange.rooms import RoomHost
from .gauges import add_gauges
from .ports import WorldClock
from .rooms.orders import RoomDefaults
from .runtime.call_records import CallRecords
from .runtime.dial_requests import DialRequests
from .runtime.media.engine import MediaEngine, MediaEngineSettings
from .runtime.retention import Retention
from .runtime.rtc.clients import RtcClients
from .runtime.rtc.ports import RtcPorts
from .runtime.shutdown import Shutdown
from .runtime.sip_stack import SipStack
from .runtime.telephony import ExchangeTelephony
from .runtime.transfers import TransferRegistry
from .runtime.trunk_hosts import TrunkHosts
from .signalling.responses import ServerFacts
from .signalling.state import SessionSettings
from .sip.digest import DigestServer
from .sip.endpoint import Endpoint
from .sip.flow import Flow
from .sip.timers import Timers
from .version import hookflash_version
from .webhooks.payload import EventFilter
from .webrtc.candidates import host_candidates

_log = structlog.get_logger("server")


class Server:
    """One exchange. `start`, then `drain` and `stop`; `ports` say where it listens.
    `between_ticks` is called after each tick of the media clock; `clock` and `store` None: those of
    the machine and of the settings."""

    def __init__(
        self,
        settings: Settings,
        between_ticks: Callable[[], None] | None = None,
        clock: WorldClock | None = None,
        store: Store | None = None,
    ) -> None:
        self.settings = settings
        self._between_ticks = between_ticks
        self.metrics = Metrics()
        self._clock: WorldClock = clock or SystemClock()
        self._ids = Ids(Entropy())
        self.trunks = TrunkTable(resolves=settings.sip.allowed_hosts == "resolve", presets=PRESETS)
        folder = None if settings.dev else Path(settings.data_dir)
        self.store = store or Store(folder, settings.store.sync)
        self.rooms: RoomHost
        self.rtc: RtcClients
        self.agents: AgentWorkers
        self.exchange: Exchange
        self.dial_requests: DialRequests
        self.transfers: TransferRegistry
        self.call_records: CallRecords
        self.sockets: SipSockets
        self.stack: SipStack
        self._rate: SourceRate
        self._open_files = 0
        self._files = OpenFiles(self._clock.now)
        self._http = HttpServers(files=self._files)
        self._webhooks: WebhookSender
        self._engine: MediaEngine
        self._trunk_hosts: TrunkHosts
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
        warn_of_providers(self.trunks.load(stored.inbound, stored.outbound, stored.rules))
        warn_of_hosts(self.trunks, stored.inbound)
        self.store.start()
        await self._build()
        await self._trunk_hosts.start()
        await self._open_sip()
        self._open_rtc()
        await self._engine.start()
        await self._webhooks.start()
        since = self._clock.now() - REMEMBERED
        self.transfers.load(await self.store.requested_since(since))
        self.dial_requests.dials.load(await self.store.dials_since(since))
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
        files = tls_files.checked(_tls_files(sip.tls))
        with listening("sip.sip_port", sip.sip_port, "sip.listen_ip", sip.listen_ip):
            await self.sockets.start(sip.listen_ip, sip.sip_port)
        with listening("sip.tls.port", sip.tls.port, "sip.listen_ip", sip.listen_ip):
            await self.sockets.start_tls(sip.listen_ip, sip.tls.port, files)

    def _open_rtc(self) -> None:
        rtc, where = self.settings.rtc, self.settings.bind_addresses
        sockets, named = self.rtc.ports.sockets, ", ".join(where)
        with listening("rtc.udp_port", rtc.udp_port, "bind_addresses", named):
            sockets.start_udp(where, rtc.udp_port)
        if rtc.allow_tcp_fallback:
            with listening("rtc.tcp_port", rtc.tcp_port, "bind_addresses", named):
                sockets.start_tcp(where, rtc.tcp_port)

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
        self.sockets = SipSockets(self._guard(), self._engine.until_tick)
        resolver = Resolver(ids)
        self._trunk_hosts = TrunkHosts(self.trunks.hosts, resolver, clock)
        self.stack = SipStack(
            clock=clock,
            sockets=self.sockets,
            resolver=resolver,
            addresses=addresses,
            hostname=settings.sip.sip_hostname,
            keeps_messages=settings.sip.keep_messages > 0,
        )
        timers = Timers()
        agent = f"Hookflash/{hookflash_version()}"
        endpoint = Endpoint(
            timers=timers,
            ids=ids,
            via=self.stack.via,
            user_agent=agent,
            takes=TransactionLimit(self._named, self._in_call).takes,
        )
        board = Switchboard(endpoint, self.stack.route)
        self.call_records = CallRecords(self.store, clock)
        self.transfers = TransferRegistry()
        self._alarm = Alarm(clock, loop)
        self.rooms = RoomHost(clock, ids, self._alarm, _room_settings(settings))
        parts = Parts(
            clock=clock,
            ids=ids,
            timers=timers,
            board=board,
            stack=self.stack,
            engine=self._engine,
            addresses=addresses,
            admission=self._admission(),
            trunks=self.trunks,
            rooms=self.rooms,
            sink=self._webhooks,
            alarm=self._alarm,
            call_records=self.call_records,
            call_metrics=CallMetrics(self.metrics),
            transfers=self.transfers,
            prompts=partial(load_prompts, settings.sip.prompts_dir),
        )
        self.exchange = Exchange(parts, _exchange_settings(settings, agent))
        self.dial_requests = DialRequests(self.exchange, self.call_records)
        await self._add_participants()
        self.sockets.attach(self.stack)
        self.stack.attach(board, self.exchange.perform, self.exchange.drops)
        self._retention = self._made_retention()
        self._add_gauges(endpoint)

    async def _rtc_addresses(self) -> list[str]:
        rtc = self.settings.rtc
        public = rtc.node_ip
        if rtc.use_external_ip and not public:
            public = await external_ip(self.settings.sip.stun_servers) or ""
        return [public] if public else own_addresses(self.settings.bind_addresses)

    def _rtc_clients(self, ips: list[str], signer: Signer) -> RtcClients:
        rtc = self.settings.rtc
        ports = RtcPorts(self._clock, self._ids, asyncio.get_running_loop(), self._files)
        return RtcClients(
            ports,
            self._engine,
            self.rooms,
            clock=self._clock,
            ids=self._ids,
            alarm=self._alarm,
            signer=signer,
            settings=SessionSettings(
                ServerFacts.of(self._ids.new("ND_"), rtc),
                reconnect_timeout=rtc.reconnect_timeout,
                allow_simulation=rtc.allow_simulation,
            ),
            candidates=lambda: host_candidates(ips, ports.udp_port, ports.tcp_port),
            phones=self.exchange.phones,
        )

    async def _add_participants(self) -> None:
        """Those who are told of the rooms, in their order."""
        info, ids = server_info(self._ids), self._ids
        signer = Signer(self._keys(), self._clock)
        self.agents = AgentWorkers(
            self.rooms, self._clock, ids, self._alarm, self.metrics.agent_jobs, signer, info
        )
        self.rtc = self._rtc_clients(await self._rtc_addresses(), signer)
        self.rooms.listeners += [self._webhooks, self.exchange.phones, self.rtc, self.agents]

    def _add_gauges(self, endpoint: Endpoint) -> None:
        """What /metrics says beside the counters."""
        add_gauges(
            self.metrics,
            exchange=self.exchange,
            rooms=self.rooms,
            engine=self._engine,
            endpoint=endpoint,
            stack=self.stack,
            sockets=self.sockets,
            rate=self._rate,
            webhooks=self._webhooks,
            store=self.store,
            rtc=self.rtc,
            agents=self.agents,
        )

    def _made_retention(self) -> Retention:
        settings = self.settings
        return Retention(
            self.call_records,
            self._clock,
            [self.transfers, self.dial_requests.dials],
            transfers=settings.transfers.keep,
            calls=settings.calls.keep,
            audit=settings.audit.keep,
            messages=settings.sip.keep_messages,
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
        agents = AgentSocket(self.agents)
        rtc = RtcSocket(self.rtc)
        sockets = {**agents.sockets(), **rtc.sockets()}
        parts = ApiParts(
            trunks=self.trunks,
            store=self.store,
            ids=self._ids,
            rooms=LocalRooms(self.rooms, self.agents.jobs_of),
            participants=LocalParticipants(self.rooms, owners=[self.exchange.phones, self.rtc]),
            sip=self._telephony(),
            clock=self._clock,
            keys=self._keys(),
        )
        app = make_app(
            parts,
            hide_passwords=settings.sip.hide_passwords,
            healthy=lambda: not (self.exchange.parts.board.stopping or self.store.failing),
            routes=[*agents.routes(), *rtc.routes()],
            sockets=sockets,
        )
        where, bind = settings.bind_addresses, settings.metrics.bind
        connections = Connections(
            settings.http.max_connections or share_of_connections(self._open_files),
            settings.http.max_silent_per_address,
        )
        with listening("port", settings.port, "bind_addresses", ", ".join(where)):
            await self._http.start(app, where, settings.port, connections, sockets)
        with listening("metrics.bind", bind, "metrics.bind", bind):
            await self._http.start_metrics(self.metrics.page, bind)

    def _keys(self) -> dict[str, str]:
        return {key: secret.get_secret_value() for key, secret in self.settings.keys.items()}

    def _telephony(self) -> ExchangeTelephony:
        exchange = self.exchange
        return ExchangeTelephony(
            exchange,
            exchange.phones,
            self.dial_requests,
            self.rooms,
            self.transfers,
            self.call_records,
            clock=self._clock,
            ids=self._ids,
        )

    async def drain(self, seconds: float) -> None:
        """Take no new calls; wait for the running ones, then hang up (calls.md §5)."""
        parts = self.exchange.parts
        await Shutdown(self.exchange, parts.board, parts.admission.load).drain(seconds)

    async def stop(self) -> None:
        """Close everything, whatever has failed before."""
        self._alarm.stop()
        await self._retention.stop()
        await self.call_records.stop()
        await self.rtc.stop()
        await self._http.stop()
        await self._webhooks.stop()
        await self._engine.stop()
        await self._trunk_hosts.stop()
        await self.stack.stop()
        await self.sockets.stop()
        await self.store.close()
        _log.info("stopped")


def _tls_files(tls: TlsSettings) -> TlsFiles:
    first = tls.certs[0] if tls.certs else None
    return TlsFiles(
        cert_file=first.cert_file if first else "",
        key_file=first.key_file if first else "",
        ca_file=tls.ca_file,
        verify=tls.verify,
    )


def _engine(
    settings: Settings,
    clock: WorldClock,
    ids: Ids,
    files: OpenFiles,
    between: Callable[[], None] | None,
) -> MediaEngine:
    sip, loop = settings.sip, asyncio.get_running_loop()

    def open_pair(watch: Watch, ip: str, port: int) -> UdpPair:
        try:
            return UdpPair(watch, ip, port)
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
