"""Calls that customers make by their trunks: let through, or refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..base.errors import SipError
from ..calls.legs.core import unsupported
from ..calls.switchboard import BoardEffect, Incoming, Switchboard
from ..sip.digest import DigestServer
from ..sip.fields import Replaces
from ..sip.flow import Flow
from ..sip.message import Request, Response
from .admission import Admitted, CustomerAdmission, NotAdmitted
from .config import TrunkConfig
from .conversation import Conversation, End, PhoneEnd, SipEnd, SwitchHost
from .handsets import Handsets
from .manners import CarrierManners, refusal
from .replaces import NotReplaced, Replacements
from .routing import Numbers

BUSY = 486


class CustomerHost(SwitchHost, Protocol):
    """What a customer's call needs of the switch (`switch.Switch`)."""

    manners: CarrierManners
    numbers: Numbers
    board: Switchboard
    ends: dict[str, End]
    handsets: Handsets
    replacements: Replacements

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
        replaced = self._replaced(now, request, judged.trunk)
        if isinstance(replaced, NotAdmitted):
            self._refuse(now, incoming, replaced)
            return
        if self._full(judged.trunk, replaced):
            self._refuse(now, incoming, self._one_too_many())
            return
        if replaced is not None:
            self._replace(now, incoming, judged, replaced)
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

    def _replaced(
        self, now: float, request: Request, trunk: TrunkConfig | None
    ) -> SipEnd | NotAdmitted | None:
        """Whose place it is to take (RFC 3891 §3), or why it cannot; None: nobody's."""
        host, text = self._host, request.header("Replaces")
        manners = host.manners
        if manners.replaces != "supported":
            if "replaces" in request.require:
                lacking = (("Unsupported", unsupported(request)),)
                return NotAdmitted(*refusal(420, ""), "it requires Replaces", lacking)
            if text is not None and manners.replaces == "refused":
                answer = refusal(manners.replaces_status, manners.replaces_phrase)
                return NotAdmitted(*answer, "no call takes the place of another (Replaces)")
            return None
        if text is None:
            return None
        try:
            found = host.replacements.find(now, Replaces.parse(text), trunk)
        except SipError as error:
            return NotAdmitted(*refusal(error.status, ""), error.text)
        if isinstance(found, NotReplaced):
            return NotAdmitted(*refusal(found.status, ""), found.why)
        return found

    def _replace(self, now: float, incoming: Incoming, judged: Admitted, replaced: SipEnd) -> None:
        """Answer it; then it takes the other one's place, which it leaves alone until then."""
        host, flow = self._host, incoming.flow
        caller = host.customer_end(flow, judged.caller_id, judged.trunk)
        caller.replaces = replaced
        host.board.add(caller.leg, incoming)
        host.ask(
            now, caller, lambda leg: leg.start_inbound(now, incoming.key, incoming.request, flow)
        )
        host.ask(now, caller, lambda leg: leg.answer(now))

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

    def _full(self, trunk: TrunkConfig | None, replaced: SipEnd | None) -> bool:
        """Whether the customer of this trunk has as many calls as it may make, without the one
        that is replaced."""
        host = self._host
        made = sum(
            isinstance(end, SipEnd) and end.inbound and end.trunk is trunk
            for end in host.ends.values()
            if end is not replaced
        )
        return host.manners.max_calls is not None and made >= host.manners.max_calls
