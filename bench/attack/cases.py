"""All attacks, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import channels, checks, floods, held, hijack, names, signals, trunks
from .scene import Scene
from .verdict import Report

Stranger = Callable[[Scene, float], Report]
"""Attacks the scene for so many seconds, in a process of its own."""


@dataclass(frozen=True, slots=True)
class Attack:
    """Who attacks, all at once. `meant`: events of the log that may come of it; `lingers`: seconds
    for which it is felt afterwards, so that the next one waits (joins that never connect are so
    many at most)."""

    name: str
    what: str
    strangers: tuple[Stranger, ...]
    meant: tuple[str, ...] = ()
    lingers: float = 0.0


FULL = ("no_open_files",)
"""What the log is to say when all that may be opened is open."""

ATTACKS = (
    Attack("nothing", "the calls alone", ()),
    Attack("udp-options", "15,000 OPTIONS a second by UDP", (floods.by_udp("OPTIONS"),)),
    Attack("udp-invite", "15,000 INVITEs a second by UDP", (floods.by_udp("INVITE"),)),
    Attack("tcp-options", "OPTIONS as fast as read", (floods.streams(floods.tcp_options),)),
    Attack("tcp-crlf", "keep-alives as fast as read", (floods.streams(floods.tcp_crlf),)),
    Attack("tcp-unread", "20 connections, answers not read", (floods.streams(floods.tcp_unread),)),
    Attack("http-lines", "a head of endless lines", (floods.streams(floods.http_lines),)),
    Attack("http-line", "a head with an endless line", (floods.streams(floods.http_line),)),
    Attack("http-url", "an endless URL", (floods.streams(floods.http_url),)),
    Attack(
        "http-dribble", "200 heads, octet by octet", (floods.streams(floods.http_dribble, 0.1),)
    ),
    Attack("http-bodies", "30 bodies of 9 MB, no token", (floods.http_bodies,)),
    Attack("http-upgrade", "upgrades without a key", (floods.streams(floods.http_upgrade),)),
    Attack("sip-silent", "5,000 TCP connections", (held.sip_silent,) * 2, FULL),
    Attack("sip-endless", "2,000 heads of 65 kB, no end", (held.sip_endless,) * 2, FULL),
    Attack("tls-silent", "5,000 TLS connections", (held.tls_silent, held.tls_begun), FULL),
    Attack("http-silent", "5,000 HTTP connections", (held.http_silent, held.http_begun), FULL),
    Attack("rtp-start", "RTP to a call at its start", hijack.at_the_start),
    Attack("rtp-silence", "RTP to a call in a silence", hijack.in_a_silence),
    Attack("rtp-hold", "RTP to a call on hold", hijack.on_hold),
    Attack("dns-many", "900 records in an answer", (names.serve, names.ask("many"))),
    Attack("dns-loop", "names that lead in circles", (names.serve, names.ask("loop"))),
    Attack("dns-slow", "a name server that is silent", (names.serve, names.ask("slow"))),
    Attack("dns-lies", "a name server that lies", (names.serve, names.ask("lies"))),
    Attack("passwords", "1,000 passwords a second", (trunks.passwords,)),
    Attack("ringing", "1,000 calls a second, a carrier's address", (trunks.ringing,)),
    Attack("stun-garbage", "15,000 datagrams a second", (checks.flood(checks.garbage),)),
    Attack("stun-unknown", "checks for nobody", (checks.flood(checks.unsigned),)),
    Attack("stun-ports", "the same from 500 ports", (checks.flood(checks.unsigned, checks.PORTS),)),
    Attack(
        "stun-guess", "checks of a client, wrong passwords", (checks.flood(checks.guessing, 50),)
    ),
    Attack("rtc-tcp-silent", "5,000 connections to 7881", (held.rtc_silent, held.rtc_begun), FULL),
    Attack("rtc-tcp-checks", "checks as fast as read", (floods.streams(checks.tcp_checks),)),
    Attack("rtc-tcp-slow", "frames, octet by octet", (floods.streams(checks.tcp_slow, 0.1),)),
    Attack("rtc-tcp-junk", "no frames at all", (floods.streams(checks.tcp_garbage),)),
    Attack("ws-tokens", "WebSockets without a token", (floods.streams(signals.bad_tokens),)),
    Attack("ws-half", "half an upgrade", (floods.streams(signals.half_upgrades, 0.1),)),
    Attack("ws-bombs", "join requests that unpack", (floods.streams(signals.bombs),)),
    Attack("joins-one", "joins and goes, one room", (signals.joins(True),) * 2, lingers=16.0),
    Attack(
        "joins-many",
        "joins and goes, a room each",
        (signals.joins(False),) * 2,
        lingers=16.0,
    ),
    *(
        Attack(
            f"client-{name}", what, (signals.listeners, floods.streams(signals.flooding(make, 3)))
        )
        for name, what, make in (
            ("pings", "three clients ping as fast as read", signals.pings),
            ("garbage", "frames that are no messages", signals.garbage),
            ("metadata", "metadata changed without end", signals.metadata),
            ("tracks", "tracks added without end", signals.tracks),
            ("flips", "subscriptions changed without end", signals.flips),
            ("offers", "descriptions without end", signals.offers),
            ("big-offers", "descriptions of 256 kB", signals.big_offers),
        )
    ),
    *(
        Attack(f"worker-{name}", what, (floods.streams(signals.flooding(make, 3, "/agent")),))
        for name, what, make in (
            ("registers", "a worker registers without end", signals.registrations),
            ("unasked", "answers that nobody asked for", signals.answers_unasked),
            ("garbage", "frames that are no messages", signals.worker_garbage),
        )
    ),
    Attack("data-small", "small messages without end", (channels.by_channel(channels.small),) * 2),
    Attack(
        "data-large", "messages of 60 kB without end", (channels.by_channel(channels.large),) * 2
    ),
    Attack(
        "data-unread",
        "the same to three who do not read",
        (channels.deaf, channels.by_channel(channels.large)),
    ),
    Attack("data-junk", "no SCTP, no DTLS, no SRTP", (channels.by_channel(channels.junk),) * 2),
    Attack(
        "data-fragments",
        "beginnings of messages without end",
        (channels.by_channel(channels.fragments),) * 2,
    ),
    Attack("dtls-begun", "handshakes begun and left", (channels.begun,) * 2),
    Attack("worker-silent", "workers that never answer", (signals.silent_workers,)),
)
