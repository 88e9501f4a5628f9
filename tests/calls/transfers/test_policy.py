"""What follows when an attempt has ended (transfer-modes.md §3)."""

from __future__ import annotations

from typing import get_args

import pytest
from tests.simulation.transfers import SendRefer, TransferBench

from hookflash.calls.records import Verdict
from hookflash.calls.transfers import policy
from hookflash.sip.message import Response


@pytest.mark.parametrize("how", get_args(Verdict))
def test_after_a_refer_nothing_follows(how: Verdict) -> None:
    assert policy.FOLLOWS["refer", how] is None


def test_where_something_follows_there_is_one_transfer_with_two_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(policy.FOLLOWS, ("refer", "refused"), "refer")
    bench = TransferBench()
    bench.request()
    bench.answer(405)
    assert (bench.verdict(), bench.answered(), len(bench.all(SendRefer))) == (None, None, 2)
    bench.answer(202)
    bench.notify(486, "terminated")
    first, second = bench.record().attempts
    assert (first.outcome, first.sip_status) == ("refused", 405)
    assert (second.outcome, second.sip_status) == ("rejected", 486)
    assert (bench.verdict(), bench.refused()) == (
        "rejected",
        "resource_exhausted: call transfer failed: sip status: 486: Phrase",
    )
    assert bench.stages() == "requested sent sent accepted"


def test_a_mode_that_has_no_machine_is_a_mistake_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policy.FOLLOWS, ("refer", "refused"), "bridge")
    bench = TransferBench()
    bench.request()
    with pytest.raises(AssertionError, match="no attempt of mode bridge"):
        bench.answer(405)


def test_what_is_answered_to_an_earlier_attempt_is_written_down_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(policy.FOLLOWS, ("refer", "rejected"), "refer")
    bench = TransferBench()
    bench.request()
    bench.notify(486)
    earlier, _ = bench.transferor._refers.made
    refused = earlier.answered(bench.now, Response(603))
    bench.run(bench.transferor._outcomes.hear(bench.now, earlier, refused))
    assert bench.verdict() is None
    assert bench.record().notes[-1] == "late failure: REFER answered 603 Decline"
