"""What /metrics says of the present: read when somebody asks."""

from __future__ import annotations

from .adapters.metrics import Metrics
from .adapters.sip_sockets import SipSockets
from .adapters.source_rate import SourceRate
from .adapters.store.store import Store
from .adapters.webhooks import WebhookSender
from .exchange.agent_workers import AgentWorkers
from .exchange.exchange import Exchange
from .exchange.rooms import RoomHost
from .media.schedule import LATE
from .runtime.media.engine import MediaEngine
from .runtime.rtc.clients import RtcClients
from .runtime.sip_stack import SipStack
from .sip.endpoint import Endpoint


def add_gauges(
    metrics: Metrics,
    *,
    exchange: Exchange,
    rooms: RoomHost,
    engine: MediaEngine,
    endpoint: Endpoint,
    stack: SipStack,
    sockets: SipSockets,
    rate: SourceRate,
    webhooks: WebhookSender,
    store: Store,
    rtc: RtcClients,
    agents: AgentWorkers,
) -> None:
    """All of them."""
    gauge, admission = metrics.gauge, exchange.parts.admission
    gauge("calls_active", "Calls that are up or ringing", lambda: _calls(exchange))
    gauge(
        "legs", "Legs, those that only watch a transfer included", lambda: len(exchange.parts.board)
    )
    gauge("rooms", "Rooms", lambda: len(rooms))
    gauge("transactions", "SIP transactions", lambda: sum(endpoint.counts()))
    gauge("rtp_ports_free", "Free pairs of RTP ports", lambda: engine.free_ports)
    metrics.histogram(
        "media_tick_late_seconds",
        "By how much 20 ms ticks came too late",
        LATE,
        lambda: (engine.lateness.counts, engine.lateness.total),
    )
    gauge("media_concealed", "Frames mixed that had not come", lambda: engine.concealed)
    gauge("sip_dropped", "Requests that the shield dropped", lambda: admission.shield.dropped)
    gauge("sip_rate_dropped", "Datagrams of sources that sent too many", lambda: rate.dropped)
    gauge("sip_connections", "SIP connections of peers", lambda: len(sockets.guard.connections))
    gauge("sip_crowded_out", "Requests dropped in a flood", lambda: endpoint.dropped)
    gauge("sip_wrong_passwords", "Wrong passwords of callers", lambda: admission.guesses.wrong)
    gauge("sip_received", "SIP messages read", lambda: stack.received)
    gauge("sip_malformed", "SIP messages that could not be read", lambda: stack.malformed)
    gauge("webhooks_pending", "Webhooks still to be delivered", lambda: webhooks.pending)
    gauge("webhooks_lost", "Webhooks given up or dropped", lambda: _lost(webhooks))
    gauge("store_failed_writes", "Writes to the database that failed", lambda: store.failed_writes)
    gauge("agent_workers", "Agent workers", agents.workers)
    gauge("agent_jobs_running", "Jobs that workers have", agents.running)
    gauge("agent_jobs_waiting", "Jobs that no worker takes", agents.waiting)
    _add_rtc(metrics, rtc)


def _add_rtc(metrics: Metrics, rtc: RtcClients) -> None:
    gauge, ports = metrics.gauge, rtc.ports
    gauge("rtc_participants", "WebRTC participants", lambda: len(rtc))
    gauge("rtc_transports", "Peer connections", lambda: len(ports))
    gauge("rtc_paths", "Remote addresses that passed an ICE check", lambda: ports.agents.paths)
    gauge("rtc_tcp_connections", "Connections of ICE over TCP", lambda: ports.sockets.connections)
    gauge("rtc_audio_sent", "Packets of sound sent to clients", lambda: rtc.audio_sent)
    gauge("rtc_video_forwarded", "Packets of video forwarded", lambda: rtc.video_forwarded)
    by_reason, counts = metrics.gauge_by_reason, rtc.counts
    by_reason("rtc_dropped", "WebRTC packets dropped", lambda: _dropped(rtc))
    by_reason("rtc_checks_refused", "ICE checks refused", lambda: ports.agents.refused)
    by_reason("rtc_joins_refused", "Joins refused", lambda: counts.joins_refused)
    by_reason("rtc_data_refused", "Data packets refused", lambda: counts.data_refused)


def _dropped(rtc: RtcClients) -> dict[str, int]:
    """By reason."""
    ports = rtc.ports
    return {
        **ports.sockets.dropped,
        **ports.dropped,
    }


def _calls(exchange: Exchange) -> int:
    # A leg outlives its call: it answers retransmissions and watches a transfer.
    return sum(not call.ended for call in exchange.calls.values())


def _lost(webhooks: WebhookSender) -> int:
    counted = webhooks.counters().values()
    return sum(c.given_up + c.expired + c.overflowed for c in counted)
