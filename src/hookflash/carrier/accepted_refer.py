"""A REFER that a phone carries out itself, as the transferee (RFC 3515 §2.4).

It answers, calls the target, and tells by NOTIFY how that goes; then it waits for the BYE of who
asked. The phone's `Behaviour` may have it do something else.
"""

from __future__ import annotations

import asyncio
from typing import Final

from ..base.errors import SipError
from ..sip.fields import NameAddr
from ..sip.message import Request, reason_phrase
from ..sip.uri import Uri
from .agent import CarrierError
from .call import CarrierCall

ACTIVE: Final = "active;expires=60"
OVER: Final = "terminated;reason=noresource"


class AcceptedRefer:
    """One REFER and its subscription. `run` does it all."""

    def __init__(self, call: CarrierCall, key: str, request: Request, *, first: bool) -> None:
        self.request = request
        self.notified: list[tuple[int, int]] = []
        """(status told, how the NOTIFY was answered), in order."""
        self.new_call: CarrierCall | None = None
        """The call to the target."""
        self._call = call
        self._key = key
        # Later ones must name the REFER by its CSeq (RFC 3515 §2.4.6).
        self._event = "refer" if first else f"refer;id={request.cseq.number}"

    @property
    def refer_to(self) -> str:
        """The Refer-To header as it came, "" if there is none."""
        return self.request.header("Refer-To") or ""

    async def run(self) -> None:
        """Answer, call the target, notify."""
        behaviour = self._call.phone.behaviour
        try:
            target = NameAddr.parse(self.refer_to).uri
        except SipError:
            self._answer(400)
            return
        if behaviour.notify_early:
            await self._notify(100)
        if behaviour.refer is None:
            return
        self._answer(behaviour.refer)
        if behaviour.refer >= 300:
            return
        if behaviour.hang_up:
            await self._call.hang_up()
        if behaviour.notify is not None:
            for status in behaviour.notify:
                await self._notify(status)
            return
        if not behaviour.notify_early:
            await self._notify(100)
        await self._carry_out(target)

    async def _carry_out(self, target: Uri) -> None:
        """Call the target and pass on how it answers."""
        statuses: asyncio.Queue[int] = asyncio.Queue()
        headers = [
            (name, value)
            for name in ("Referred-By",)
            if (value := self.request.header(name)) is not None
        ]
        try:
            self.new_call = self._call.phone.place(
                target, headers=headers, on_status=statuses.put_nowait
            )
        except CarrierError:
            await self._notify(404)
            return
        status = 100
        while status < 200:
            status = await statuses.get()
            if status > 100:
                await self._notify(status)

    def _answer(self, status: int) -> None:
        self._call.reply(self._key, self.request, status)

    async def _notify(self, status: int) -> None:
        body = f"SIP/2.0 {status} {reason_phrase(status)}\r\n".encode()
        state = OVER if status >= 200 else ACTIVE
        response = await self._call.notify(self._event, state, body)
        self.notified.append((status, response.status))
