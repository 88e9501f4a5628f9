"""Calls that customers make by their trunks: let through, or refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..calls.switchboard import BoardEffect, Incoming, Switchboard
from ..sip.digest import DigestServer
from ..sip.flow import Flow
from ..sip.message import Response
from .admission import CustomerAdmission, NotAdmitted
from .config import TrunkConfig
from .conversation import Conversation, End, PhoneEnd, SipEnd, SwitchHost
from .handsets import Handsets
from .manners import CarrierManners, refusal
from .routing import Numbers

BUSY = 486


class CustomerHost(SwitchHost, Protocol):
    """What a customer's call needs of the switch (`switch.Switch`)."""

    manners: CarrierManners
    numbers: Numbers
    board: Switchboard
    ends: dict[str, End]
    handsets: Handsets

    def queue(self, effects: Iterable[BoardEffect]) -> None: ...

    def customer_end(self, flow: Flow, caller_id: str, trunk: TrunkConfig | None) -> SipEnd: ...

    def converse(
        self, now: float, caller: End, called: End, caller_id: str, dialled: str
    ) -> Conversation: ...


class CustomerCalls:
    """Every INVITE of a customer that starts a call."""

    def __init__(self, host: CustomerHost, digest: DigestServer) -> None:
        self._host = host
        self._admission = CustomerAdmission(host.manners, host.numbers, digest)

    def incoming(self, now: float, incoming: Incoming) -> None:
        """A customer calls a number."""
        host, request = self._host, incoming.request
        dialled, shown = request.uri.number, request.from_.uri.number
        judged = self._admission.consider(now, request, incoming.flow)
        if isinstance(judged, NotAdmitted):
            self._refuse(now, incoming, judged)
            return
        if self._full(judged.trunk):
            self._refuse(now, incoming, self._one_too_many())
            return
        called = host.end_for(dialled)
        if called is None:
            why = f"nobody has the number {dialled}"
            self._refuse(now, incoming, NotAdmitted(*refusal(404, ""), why))
            return
        status = called.phone.refuses_at_once if isinstance(called, PhoneEnd) else 0
        if isinstance(called, PhoneEnd) and status:
            host.handsets.over(called)
            why = f"the telephone is {'busy' if status == BUSY else 'out of reach'}"
            self._refuse(now, incoming, NotAdmitted(*refusal(status, ""), why))
            return
        caller_id = judged.caller_id
        if caller_id != shown:
            host.tell("caller_id_replaced", caller=shown, shown=caller_id)
        caller = host.customer_end(incoming.flow, caller_id, judged.trunk)
        host.board.add(caller.leg, incoming)
        host.converse(now, caller, called, caller_id, dialled)
        flow = incoming.flow
        host.ask(now, caller, lambda leg: leg.start_inbound(now, incoming.key, request, flow))
        if caller.conversation is not None:
            host.dial(now, called, caller_id, dialled)

    def _one_too_many(self) -> NotAdmitted:
        manners = self._host.manners
        why = f"there are {manners.max_calls} calls, as many as it may make at once"
        return NotAdmitted(*refusal(manners.full_status, manners.full_phrase), why)

    def _refuse(self, now: float, incoming: Incoming, refused: NotAdmitted) -> None:
        host, request = self._host, incoming.request
        caller, called, why = request.from_.uri.number, request.uri.number, refused.why
        if refused.challenge:
            host.tell("call_challenged", caller=caller, called=called, why=why)
        else:
            status = refused.status
            host.tell("call_refused", caller=caller, called=called, status=status, why=why)
        response = Response.reply(
            request,
            refused.status,
            refused.phrase,
            to_tag=host.ids.token(),
            headers=refused.headers,
        )
        host.queue(host.board.respond(now, incoming.key, response))

    def _full(self, trunk: TrunkConfig | None) -> bool:
        """Whether the customer of this trunk has as many calls as it may make."""
        host = self._host
        made = sum(
            isinstance(end, SipEnd) and end.inbound and end.trunk is trunk
            for end in host.ends.values()
        )
        return host.manners.max_calls is not None and made >= host.manners.max_calls
