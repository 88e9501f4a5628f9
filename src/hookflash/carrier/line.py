"""What is between the carrier's switch and the exchange: its proxies, and what goes wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..sip.fields import NameAddr
from ..sip.message import Request, Response
from ..sip.validate import check_request
from .departures import ON_TIME, Copies
from .faults import Faults
from .hops import Hops, OffRoute

Message = Request | Response
_REFUSED: Final = frozenset({"INVITE", "REFER", "OPTIONS"})
_LOST: Final = Copies(())
_CONNECTION: Final = re.compile(rb"(?m)^c=IN IP[46] [^\r\n]*")


@light_dataclass(frozen=True, slots=True)
class Kept:
    """A request that never reaches the switch, and what is answered to it."""

    route: str
    """The one that it took, where that is the cause; "": the carrier is unavailable."""
    response: Response | None


class Line:
    """The line of one carrier. `chance` gives a number from 0 to 1, another one each time."""

    def __init__(self, hops: int, faults: Faults, chance: Callable[[], float]) -> None:
        self.faults = faults
        self._count = hops
        self._hops = Hops(hops)
        self._chance = chance

    def outgoing(self, message: Message, *, reliable: bool) -> tuple[Message, Copies]:
        """What the exchange sees of it, and what becomes of it on its way. `reliable`: it goes by
        TCP."""
        seen = self._hops.outgoing(message)
        faults = self.faults
        if faults.wrong_address and seen.body:
            seen = _elsewhere(seen, faults.wrong_address)
        if faults.wrong_host:
            seen = _misnamed(seen, faults.wrong_host, self._count)
        if reliable:
            return seen, Copies((faults.sip_delay,))
        return seen, self._copies(
            faults.sip_loss, faults.sip_duplicate, faults.sip_delay, faults.sip_reorder
        )

    def incoming(self, message: Message) -> Message | Kept:
        """What the switch sees of a message of the exchange; what is malformed is the switch's."""
        try:
            if isinstance(message, Request):
                check_request(message)
        except SipError:
            return message
        if self.faults.unavailable and isinstance(message, Request) and message.method in _REFUSED:
            return Kept("", Response.reply(message, 503, to_tag="unavailable"))
        seen = self._hops.incoming(message)
        if isinstance(seen, OffRoute):
            return Kept(seen.route, seen.response)
        return seen

    def packet(self) -> Copies:
        """What becomes of a packet of sound."""
        faults = self.faults
        if faults.one_way:
            return _LOST
        return self._copies(
            faults.rtp_loss, faults.rtp_duplicate, faults.rtp_delay, faults.rtp_reorder
        )

    def _copies(self, loss: float, duplicate: float, delay: float, reorder: float) -> Copies:
        if not (loss or duplicate or delay or reorder):
            return ON_TIME
        if loss and self._chance() < loss:
            return _LOST
        number = 2 if duplicate and self._chance() < duplicate else 1
        overtaken = bool(reorder) and self._chance() < reorder
        return Copies((delay,) * number, overtaken)


def _elsewhere(message: Message, address: str) -> Message:
    """With another address for the sound."""
    family = 6 if ":" in address else 4
    body = _CONNECTION.sub(f"c=IN IP{family} {address}".encode(), message.body)
    return _written(message, message.headers.raw(), body)


def _misnamed(message: Message, host: str, hops: int) -> Message:
    """With another host for whoever comes back to the carrier: in the Record-Routes of its
    proxies, of which there are so many, or in its Contact."""
    name, most = ("record-route", hops) if hops else ("contact", 1)
    items: list[tuple[str, str]] = []
    for header, value in message.headers.raw():
        if most and header.lower() == name:
            told = NameAddr.parse(value)
            items.append((header, str(told._replace(uri=told.uri._replace(host=host)))))
            most -= 1
        else:
            items.append((header, value))
    return _written(message, items, message.body)


def _written(message: Message, items: list[tuple[str, str]], body: bytes) -> Message:
    if isinstance(message, Request):
        return Request(message.method, message.uri_text, items, body)
    return Response(message.status, message.reason, items, body)
