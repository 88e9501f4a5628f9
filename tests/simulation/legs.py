"""Drives one call leg in virtual time, without endpoint, media or store.

The driver plays everybody around the leg: it opens media and stores transfers at
once, and keeps all effects with their times. A test says what the peer sends.
"""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.support.sip_messages import flow_to, request_of

from hookflash.base.ids import Ids
from hookflash.calls.effects import (
    LegEffect,
    Locate,
    OpenMedia,
    Respond,
    SendAck,
    SendRequest,
    TransferChanged,
)
from hookflash.calls.legs.dialing import Place
from hookflash.calls.legs.invitation import DialOrder
from hookflash.calls.legs.leg import Leg
from hookflash.calls.legs.settings import LegSettings
from hookflash.calls.records import CallDirection
from hookflash.calls.transfers.request import TransferRequest
from hookflash.sdp.plan import LocalMedia
from hookflash.sip.fields import NameAddr
from hookflash.sip.flow import Flow
from hookflash.sip.location import Target
from hookflash.sip.message import Request, Response
from hookflash.sip.refer import parse_target
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri

CALL_ID = "SCL_driven"
LOCAL = LocalMedia("192.0.2.10", 10000, 10001)
CONTACT = "sip:192.0.2.10:5060;transport=udp"
HeaderList = Sequence[tuple[str, str]]

_E = TypeVar("_E")
_PEER = (("Contact", "<sip:caller@198.51.100.7:5060>"),)
ORDER = DialOrder(
    uri=Uri.parse("sip:+15550100@carrier.example"),
    to=Uri.parse("sip:+15550100@carrier.example"),
    from_=NameAddr("+15550199", Uri("sip", "+15550199")),
    sip_call_id="call-1",
)
TRANSFER = TransferRequest(
    transfer_id="TR_1",
    room="r",
    identity="i",
    participant_sid="PA_1",
    target=parse_target("tel:+15550100"),
    headers=(),
    play_dialtone=False,
    ringing_timeout=30.0,
    wait=None,
    api_key="k",
    request_id="",
)
"""A call of ours, as the driver places it."""


def places(*ips: str) -> list[Place]:
    """Places by UDP, to be tried in this order."""
    return [Place(Target("udp", ip, 5060), Uri.parse(CONTACT)) for ip in ips]


def sdp(
    direction: str = "",
    *,
    port: int = 4000,
    address: str = "198.51.100.7",
    formats: str = "0 8",
    extra: str = "",
    version: int = 1,
) -> bytes:
    """An audio session of the peer."""
    lines = [
        "v=0",
        f"o=- 42 {version} IN IP4 198.51.100.7",
        "s=-",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {formats}",
    ]
    lines += [f"a={direction}"] if direction else []
    lines += [extra] if extra else []
    return ("\r\n".join(lines) + "\r\n").encode()


class LegDriver:
    """A leg, a peer and a clock. `now` starts at 1000 s."""

    direction: CallDirection = "inbound"
    """Of drivers whose settings do not say it; tests run a whole module either way by it."""

    def __init__(self, settings: LegSettings | None = None, *, seed: int = 1) -> None:
        self.settings = settings or self._defaults()
        self.ids = Ids(random.Random(seed))
        self.timers = Timers()
        self.leg = Leg(CALL_ID, self.settings, self.ids, self.timers)
        self.now = 1000.0
        self.log: list[tuple[float, LegEffect]] = []
        """Every effect with its time."""
        self.flow: Flow = flow_to()
        self.opens_media = True
        """False: `OpenMedia` is left to the test."""
        self.stores = True
        """False: `TransferChanged(then_send=True)` is left to the test."""
        self.places: list[Place] | None = places("198.51.100.7")
        """The answer to `Locate`; None leaves it to the test."""
        self.last_packet_at: float | None = None
        """What `last_packet` tells the leg."""
        self.cseq = 1
        """Of the peer's last request."""
        self.invite_cseq = 1
        self._keys = 0

    @classmethod
    def with_settings(cls, **changes: object) -> LegDriver:
        """A driver whose settings differ from the default in `changes`."""
        return cls(replace(cls._defaults(), **changes))  # type: ignore[arg-type]

    @classmethod
    def _defaults(cls) -> LegSettings:
        return LegSettings(contact=Uri.parse(CONTACT), direction=cls.direction, session_expires=0)

    # --- what the owner does --------------------------------------------------------------------

    def do(self, effects: Iterable[LegEffect]) -> list[LegEffect]:
        """Note what an input returned, and what the answers to it returned."""
        done: list[LegEffect] = []
        for effect in effects:
            done.append(effect)
            self.log.append((self.now, effect))
            if isinstance(effect, OpenMedia) and self.opens_media:
                done += self.do(self.leg.media_opened(self.now, LOCAL, self.last_packet))
            elif isinstance(effect, Locate) and self.places is not None:
                done += self.do(self.leg.located(self.now, self.places))
            elif isinstance(effect, TransferChanged) and effect.then_send and self.stores:
                done += self.do(self.leg.transfer_stored(self.now, effect.record.transfer_id))
        return done

    def last_packet(self) -> float | None:
        """When RTP came last."""
        return self.last_packet_at

    def answer(self) -> list[LegEffect]:
        """Somebody takes the call."""
        return self.do(self.leg.answer(self.now))

    def hangup(self, reason: str = "hangup", headers: HeaderList = ()) -> list[LegEffect]:
        """The room or the API ends the call."""
        return self.do(self.leg.hangup(self.now, reason, tuple(headers)))

    def dial(self, **changes: object) -> list[LegEffect]:
        """Call the peer (`ORDER`, with `changes`); the settings must say outbound."""
        order = replace(ORDER, **changes)  # type: ignore[arg-type]
        return self.do(self.leg.start_outbound(self.now, order))

    # --- what the peer does ---------------------------------------------------------------------

    def invite(
        self, headers: HeaderList = (), body: bytes | None = None, content_type: str = ""
    ) -> list[LegEffect]:
        """The INVITE, with an offer unless `body` is b""."""
        body = sdp() if body is None else body
        request = request_of("INVITE", headers=_headers(headers, body, content_type), body=body)
        return self.do(self.leg.start_inbound(self.now, "invite", request, self.flow))

    def established(self, headers: HeaderList = (), body: bytes | None = None) -> LegDriver:
        """INVITE, 180, 200 and ACK, in either direction; then the log is emptied. `headers` and
        `body` are of the peer's INVITE, or of its 200."""
        if self.settings.direction == "outbound":
            self.dial()
            self.respond(180)
            self.respond(200, headers, sdp() if body is None else body)
        else:
            self.invite(headers, body)
            self.answer()
            self.ack()
        self.log.clear()
        return self

    def respond(
        self,
        status: int,
        headers: HeaderList = (),
        body: bytes = b"",
        *,
        tag: str = "peer",
        to: SendRequest | None = None,
    ) -> list[LegEffect]:
        """A response to our INVITE (the last one, or `to`); `tag` is that of the fork."""
        sent = to or self.sent("INVITE")[-1]
        items = _headers(headers, body, "", contact=status < 300)
        response = Response.reply(
            sent.request, status, to_tag=tag if status > 100 else None, headers=items, body=body
        )
        return self.do(self.leg.response_received(self.now, sent.token, response, self.flow))

    def request(
        self,
        method: str,
        headers: HeaderList = (),
        body: bytes = b"",
        *,
        cseq: int | None = None,
        content_type: str = "",
        call_id: str = "call-1",
        from_tag: str = "peer",
    ) -> Request:
        """An in-dialog request of the peer with the next CSeq."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        return request_of(
            method,
            to_tag=CALL_ID,
            from_tag=from_tag,
            call_id=call_id,
            cseq=cseq,
            headers=_headers(headers, body, content_type),
            body=body,
        )

    def receive(
        self, method: str, headers: HeaderList = (), body: bytes = b"", **more: object
    ) -> list[LegEffect]:
        """The peer sends a request in the dialog; arguments as for `request`."""
        request = self.request(method, headers, body, **more)  # type: ignore[arg-type]
        if method == "INVITE":
            self.invite_cseq = request.cseq.number
        self._keys += 1
        key = f"{method}-{self._keys}"
        return self.do(self.leg.request_received(self.now, key, request, self.flow))

    def ack(self, body: bytes = b"", *, cseq: int | None = None, **more: object) -> list[LegEffect]:
        """The ACK of our 2xx to the last INVITE."""
        number = self.invite_cseq if cseq is None else cseq
        request = self.request("ACK", (), body, cseq=number, **more)  # type: ignore[arg-type]
        return self.do(self.leg.request_received(self.now, "", request, self.flow))

    def cancel(self, headers: HeaderList = ()) -> list[LegEffect]:
        """CANCEL of the first INVITE, answered by the endpoint already."""
        request = request_of("CANCEL", headers=headers)
        return self.do(self.leg.cancel_received(self.now, "invite", request))

    def reply(
        self, sent: SendRequest, status: int, headers: HeaderList = (), body: bytes = b""
    ) -> list[LegEffect]:
        """The peer answers a request of ours."""
        response = Response.reply(
            sent.request, status, headers=_headers(headers, body, "", contact=False), body=body
        )
        return self.do(self.leg.response_received(self.now, sent.token, response, self.flow))

    # --- time -----------------------------------------------------------------------------------

    def advance(self, seconds: float) -> list[LegEffect]:
        """Let time pass, deadline by deadline; returns the effects of that time."""
        end = self.now + seconds
        before = len(self.log)
        for _ in range(10_000):
            deadline = self.leg.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.do(self.leg.handle_deadline(self.now))
        else:
            raise AssertionError("the leg asks for one deadline after another")
        self.now = end
        return [effect for _, effect in self.log[before:]]

    # --- what came of it ------------------------------------------------------------------------

    def all(self, kind: type[_E]) -> list[_E]:
        """Every effect of this kind so far."""
        return [effect for _, effect in self.log if isinstance(effect, kind)]

    def times(self, kind: type[object]) -> list[float]:
        """When effects of this kind came, in seconds after the start at 1000."""
        return [round(at - 1000.0, 3) for at, effect in self.log if isinstance(effect, kind)]

    def last(self, kind: type[_E]) -> _E:
        """The last effect of this kind."""
        return self.all(kind)[-1]

    def sent(self, method: str) -> list[SendRequest]:
        """Our requests with this method."""
        return [sent for sent in self.all(SendRequest) if sent.request.method == method]

    def acks(self) -> list[SendAck]:
        """Our ACKs."""
        return self.all(SendAck)

    @property
    def response(self) -> Response:
        """Our last response."""
        return self.last(Respond).response

    @property
    def statuses(self) -> list[int]:
        """The status of each response so far."""
        return [answer.response.status for answer in self.all(Respond)]


def goes_by_itself(play: Callable[[], LegDriver]) -> bool:
    """Whether the leg that `play` leaves goes with the last reference to it. Else it would wait for
    the garbage collector's search of the oldest, for hours, with all that it refers to: its call,
    sockets, sound."""
    gc.disable()
    try:
        driver = play()
        end = weakref.ref(driver)  # the leg refers to it, to ask when RTP came last
        del driver.leg
        del driver
        return end() is None
    finally:
        gc.enable()


def _headers(
    headers: HeaderList, body: bytes, content_type: str, *, contact: bool = True
) -> list[tuple[str, str]]:
    names = {name.lower() for name, _ in headers}
    items = list(headers)
    if contact and "contact" not in names:
        items = [*_PEER, *items]
    if body and "content-type" not in names:
        items.append(("Content-Type", content_type or "application/sdp"))
    return items
