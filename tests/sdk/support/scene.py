"""One exchange, a carrier's phones, and the session programs of SDKs that use both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.interop.support.exchange import Exchange
from tests.interop.support.lab import Lab
from tests.interop.support.process import Process
from tests.interop.support.waiting import wait_until
from tests.interop.support.webhook_receiver import KEY, SECRET

from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour, Phone

SESSION = 90.0
"""Seconds that a whole session may take."""
Steps = dict[str, dict[str, Any]]
"""What a program printed, by step."""


def environment(url: str) -> dict[str, str]:
    """The variables by which LiveKit's own programs find their server."""
    return {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}


@dataclass
class Scene:
    """`await Scene.open(lab)`; then `play` for each program, several at once if wanted."""

    lab: Lab
    exchange: Exchange
    carrier: Carrier
    _count: int = field(default=0)

    @classmethod
    async def open(cls, lab: Lab) -> Self:
        """Start the exchange and the carrier."""
        exchange = await Exchange.start(lab)
        carrier = await lab.enter(Carrier(seed=7))
        return cls(lab, exchange, carrier)

    async def play(self, release: str, command: Sequence[str | Path]) -> Steps:
        """Run one session against phones of its own; every step that it told of."""
        self._count += 1
        line = f"+1555{self._count:03d}"
        caller = await self._phone(f"{line}1", 330)
        callee = await self._phone(f"{line}2", 440)
        busy_callee = await self._phone(f"{line}3", 0, Behaviour(answer=486))
        free = await self._phone(f"{line}4", 1000)
        silent = await self._phone(f"{line}5", 0, Behaviour(answer=None))
        busy = await self._phone(f"{line}6", 0, Behaviour(answer=486))
        plan = {
            "room": f"room-{release}",
            "number": f"{line}0",
            "callee": callee.number,
            "callee_at": _address(callee),
            "busy_callee": busy_callee.number,
            "busy_callee_at": _address(busy_callee),
            "busy": f"tel:{busy.number}",
            "silent": f"tel:{silent.number}",
            "free": f"tel:{free.number}",
        }
        program = await self.lab.start(
            release, [*command, json.dumps(plan)], env=environment(self.exchange.url)
        )
        await wait_until(lambda: "ready" in told(program), f"{release} is ready", 30)
        call = await caller.call(
            plan["number"], proxy=(self.exchange.ip, self.exchange.port), within=10
        )
        await wait_until(lambda: "transferred" in told(program), f"{release} transfers", 30)
        other = await free.called()
        await other.hears(330)
        await call.ended()
        code = await program.wait(SESSION)
        steps = told(program)
        assert code == 0, f"{release} ended with {code} after {list(steps)}"
        (answered,) = (one for one in callee.calls if one.inbound)
        await answered.ended()
        return steps

    async def _phone(self, number: str, tone: float, how: Behaviour | None = None) -> Phone:
        return await self.carrier.phone(number, tone=tone, behaviour=how)


def told(program: Process) -> Steps:
    """The steps so far."""
    lines = (json.loads(line) for line in program.lines if line.startswith('{"'))
    return {line["step"]: line for line in lines if "step" in line}


def _address(phone: Phone) -> str:
    ip, port = phone.address
    return f"{ip}:{port}"


def check_all(steps: Steps, *, updates: bool = True) -> None:
    """What every release must have seen, whatever its types."""
    trunks, rule = steps["trunks"], steps["rule"]
    assert trunks["inbound"].startswith("ST_")
    assert {trunks["inbound"], trunks["outbound"]} <= set(trunks["listed"])
    assert trunks["name"].startswith("in of room-")
    assert len(trunks["numbers"]) == 1
    assert rule["rule"].startswith("SDR_")
    assert rule["rule"] in rule["listed"]
    assert rule["room"] == steps["dialled"]["room"]
    assert [trunks["updated"], rule["updated"]] == ["renamed" if updates else None] * 2
    deleted = steps["deleted"]
    assert deleted["rule"] == ("renamed" if updates else f"rule of {rule['room']}")
    assert deleted["trunks"][:2] == [trunks["inbound"], trunks["outbound"]]
    assert deleted["left"] is False
    caller, callee = steps["participant"], steps["callee"]
    assert caller["identity"] == f"sip_{caller['attributes']['sip.phoneNumber']}"
    assert caller["attributes"]["sip.trunkID"] == trunks["inbound"]
    assert caller["attributes"]["sip.ruleID"] == rule["rule"]
    assert callee["attributes"]["sip.trunkID"] == trunks["outbound"]
    assert {caller["kind"], callee["kind"]} <= {"SIP", 3}
    assert steps["dialled"]["sip_call_id"].startswith("SCL_")
    assert steps["dialled"]["sip_call_id"] == callee["attributes"]["sip.callID"]
    assert steps["dialled"]["identity"] == "callee"
    assert steps["transferred"]["class"] == ""
