"""Calls of the rig, one of which is to take the place of another (RFC 3891)."""

from __future__ import annotations

from tests.support.carrier_rig import LINE, SECOND_LINE, TARGET, Rig

from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.leg import Leg


def talks(rig: Rig, number: str = TARGET, caller: str = LINE) -> Leg:
    """The exchange calls a telephone, which answers."""
    leg = rig.dial(number, caller)
    rig.advance(2.1)
    assert leg.state is Phase.CONFIRMED
    return leg


def replaces(leg: Leg) -> str:
    """A Replaces of the dialog of the exchange's leg, as the carrier has its tags."""
    dialog = leg.dialog
    assert dialog is not None
    return f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"


def byes(rig: Rig, leg: Leg) -> int:
    """How often the carrier has hung up on a leg of the exchange."""
    assert leg.dialog is not None
    return [one.call_id for one in rig.sent("BYE")].count(leg.dialog.call_id)


def over(rig: Rig) -> bool:
    rig.advance(40)
    switch = rig.switch
    return not (switch.conversations or switch.ends or rig.joined or rig.open or len(switch.board))


def taking(rig: Rig, named: str, caller: str = SECOND_LINE) -> Leg:
    """The exchange makes a call that is to take the place of another one."""
    return rig.dial("+1999", caller, ("Replaces", named))
