"""Calls out: what one costs, set up by CreateSIPParticipant."""

from __future__ import annotations

from dataclasses import dataclass, field

from livekit.protocol import sip as proto

from .caller import Call, Caller
from .exchange import Exchange, http_request, token
from .load import Load, Pair, cpu_of_load, cpu_row
from .report import Row


@dataclass(slots=True)
class OutboundLoad(Load):
    """As `Load`, but the exchange calls both phones of a pair into their room."""

    trunk_id: str = ""
    bearer: str = field(default_factory=token)
    _ringing: dict[str, Pair] = field(default_factory=dict)

    def _fill(self) -> None:
        self.caller.on_invited = self._invited
        while self.started < self.limit and self.started - self.done < self.window:
            self.started += 1
            for prefix in ("+1444", "+1555"):
                number = f"{prefix}{self.started:07d}"
                request = proto.CreateSIPParticipantRequest(
                    sip_trunk_id=self.trunk_id,
                    sip_call_to=number,
                    room_name=f"r_{_room(number)}",
                    participant_identity=f"sip_{number}",
                )
                whole = http_request("CreateSIPParticipant", request, self.bearer)
                self.caller.post(whole, self._posted)

    def _invited(self, call: Call) -> None:
        call.called = _room(call.caller)
        pair = self._ringing.pop(call.called, None)
        if pair is None:
            pair = self._ringing[call.called] = Pair(call)
        else:
            pair.second = call
        self._pairs[call.index] = pair


def _room(number: str) -> str:
    """Both phones of a pair have it in common."""
    return f"+1510{number[-7:]}"


def outbound() -> Row:
    """CPU of the server for a call out."""
    with Exchange(open_to_all=False) as exchange:
        caller = Caller(exchange.sip_port, exchange.http_port, connections=16)
        trunk = proto.SIPOutboundTrunkInfo(
            name="bench", address=f"127.0.0.1:{caller.port}", numbers=["+15105550100"]
        )
        made = exchange.call(
            "CreateSIPOutboundTrunk", proto.CreateSIPOutboundTrunkRequest(trunk=trunk)
        )
        load = OutboundLoad.on(caller, window=8)
        load.trunk_id = proto.SIPOutboundTrunkInfo.FromString(made).sip_trunk_id
        used = cpu_of_load(exchange, load)
        caller.close()
    return cpu_row("CPU per call out, half of them transferred, ended", used, load, 3.0)
