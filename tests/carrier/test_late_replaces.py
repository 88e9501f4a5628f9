"""INVITEs with Replaces that are answered late: what they name has changed since."""

from __future__ import annotations

from tests.support.carrier_places import over, replaces, taking, talks
from tests.support.carrier_rig import SILENT, TARGET, Rig

from hookflash.calls.legs.core import OVER, Phase
from hookflash.calls.legs.leg import Leg
from hookflash.carrier import conversation as cv
from hookflash.carrier.manners import CarrierManners


class _LateSound(Rig):
    """The port of the last call is opened by `open_sound`."""

    late: cv.OpenSound | None = None
    waits = False

    def _carrier(self, effect: cv.SwitchEffect) -> None:
        if self.waits and isinstance(effect, cv.OpenSound):
            self.late = effect
        else:
            super()._carrier(effect)

    def open_sound(self) -> None:
        assert self.late is not None
        super()._carrier(self.late)
        self._deliver()


def test_a_call_that_ends_before_it_is_replaced() -> None:
    rig = _LateSound()
    replaced = talks(rig)
    rig.waits = True
    leg = taking(rig, replaces(replaced))
    rig.hangup(replaced)
    rig.open_sound()
    assert leg.state in OVER
    assert rig.left[-1] == "remote"
    assert "place_taken" not in rig.names()
    assert over(rig)


def waiting(rig: _LateSound) -> tuple[Leg, Leg]:
    """A call of the exchange, and one that is to take its place and is not answered; further
    transfers are of the former."""
    replaced = talks(rig)
    rig.waits = True
    leg = taking(rig, replaces(replaced))
    rig.legs.append(replaced)
    return replaced, leg


def test_a_call_that_is_transferred_before_it_is_replaced() -> None:
    rig = _LateSound()
    replaced, leg = waiting(rig)
    rig.transfer(f"tel:{SILENT}")
    rig.open_sound()
    assert leg.state in OVER
    assert replaced.state is Phase.CONFIRMED, "its transfer goes on"
    assert "place_taken" not in rig.names()
    rig.hangup(replaced)
    for end in list(rig.switch.ends.values()):
        rig.carrier(rig.switch.hang_up(rig.now, end))
    assert over(rig)


def test_a_call_whose_other_side_leaves_its_transfer_before_it_is_replaced() -> None:
    """The carrier keeps the transferor for a while."""
    rig = _LateSound(CarrierManners(notify="final", abandoned_for=600))
    replaced, leg = waiting(rig)
    rig.transfer(f"tel:{SILENT}")
    (target,) = (one for one in rig.switch.ends.values() if one.number == TARGET)
    rig.carrier(rig.switch.hang_up(rig.now, target))
    rig.open_sound()
    assert leg.state in OVER
    assert replaced.state is Phase.CONFIRMED
    assert "place_taken" not in rig.names()
    rig.hangup(replaced)
    rig.advance(600)  # until then a NOTIFY may come
    assert over(rig)
