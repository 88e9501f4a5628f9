"""What the API says of a transfer against what the carrier did."""

from __future__ import annotations

import pytest
from tests.support.sip_messages import request_of

from hookflash.carrier.load_verdicts import LoadVerdict, TransferSeen, TransferTold, judged
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.referral import Referral, ReferralState

DONE = TransferTold(True, reason="STR_COMPLETED")
BUSY = TransferTold(False, "486 Busy Here", "STR_REJECTED", 486)
LATE = TransferTold(False, "not answered", "STR_RINGING_TIMEOUT")
UNKNOWN = TransferTold(False, "it did not say", "STR_SUBSCRIPTION_TERMINATED")
LOST = TransferTold(False, "not_found: no such participant", "not_found")
JOINED, PLACED = TransferSeen(ReferralState.JOINED, 200), TransferSeen(ReferralState.PLACED, 180)
FAILED = TransferSeen(ReferralState.FAILED, 486)
REFUSED = TransferSeen(ReferralState.REFUSED, why="transfers are off")


@pytest.mark.parametrize(
    ("told", "seen", "verdict"),
    [
        (DONE, JOINED, LoadVerdict("completed")),
        (BUSY, FAILED, LoadVerdict("not completed", "486 Busy Here")),
        (BUSY, REFUSED, LoadVerdict("not completed", "486 Busy Here: transfers are off")),
        (LATE, PLACED, LoadVerdict("not completed", "not answered")),
        (UNKNOWN, JOINED, LoadVerdict("not known", "it did not say")),
        (UNKNOWN, PLACED, LoadVerdict("not known", "it did not say")),
        (LOST, None, LoadVerdict("not asked", "no transfer: not_found: no such participant")),
    ],
)
def test_they_agree(told: TransferTold, seen: TransferSeen | None, verdict: LoadVerdict) -> None:
    assert judged(told, seen) == verdict
    assert verdict.failed == (seen is None)


@pytest.mark.parametrize(
    ("told", "seen", "text"),
    [
        (DONE, None, "said transferred, at the carrier it got no REFER"),
        (DONE, PLACED, "said transferred, at the carrier its transfer is placed"),
        (DONE, FAILED, "said transferred, at the carrier its transfer is failed"),
        (DONE, REFUSED, "said transferred, at the carrier its transfer is refused"),
        (BUSY, JOINED, "said 486 Busy Here, at the carrier it connected caller and target"),
        (LATE, JOINED, "said not answered, at the carrier it connected caller and target"),
        (BUSY, PLACED, "said 486 Busy Here, at the carrier the target still rings"),
        (
            BUSY,
            TransferSeen(ReferralState.FAILED, 603),
            "said 486 Busy Here, at the carrier the target gave 603 Decline",
        ),
    ],
)
def test_they_do_not_agree(told: TransferTold, seen: TransferSeen | None, text: str) -> None:
    verdict = judged(told, seen)
    assert verdict == LoadVerdict("wrong", f"the API {text}")
    assert verdict.failed


def test_what_is_seen_of_a_refer() -> None:
    referral = Referral(
        CarrierManners(refer="never"), "enable-all", request_of("REFER"), first=True
    )
    referral.receive(1.0)
    assert TransferSeen.of(referral) == TransferSeen(
        ReferralState.REFUSED, 0, "this carrier carries out no REFER"
    )
