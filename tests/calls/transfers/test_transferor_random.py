"""Whatever happens in whatever order: one verdict each, one answer each, and nothing left."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulation.transfers import START, TransferBench

from hookflash.calls.transfers.transferor_effects import HangUp

TARGETS = st.sampled_from(["sip:a@example.com", "tel:+15105550111"])
IDS = st.sampled_from(["STR_1", "STR_2", "STR_3"])
STATUSES = st.sampled_from([100, 180, 200, 202, 302, 401, 408, 481, 486, 491, 603])
STATES = st.sampled_from(
    [None, "active", "terminated", "terminated;reason=timeout", "terminated;reason=noresource"]
)
EVENTS = st.sampled_from([None, "refer", "refer;id=1", "refer;id=2", "refer;id=77", "presence"])
BODIES = st.one_of(st.none(), STATUSES, st.just("garbage"), st.just("SIP/2.0 200"))
CSEQS = st.one_of(st.none(), st.integers(1, 9))

Action = Callable[[TransferBench], object]


def request(target: str, ringing: float, wait: float | None, request_id: str) -> Action:
    return lambda bench: bench.request(
        f"STR_{bench.tickets + 1}",
        target,
        ringing=ringing,
        wait=wait,
        request_id=request_id,
        dialtone=ringing > 5,
    )


def answer(transfer_id: str, status: int, no_subscription: bool) -> Action:
    headers = (("Refer-Sub", "false"),) if no_subscription else ()
    return lambda bench: bench.answer(status, transfer_id=transfer_id, headers=headers)


def notify(
    body: int | str | None, state: str | None, event: str | None, cseq: int | None
) -> Action:
    return lambda bench: bench.notify(body, state, event=event, cseq=cseq)


ACTIONS = st.one_of(
    st.builds(
        request,
        TARGETS,
        st.sampled_from([2.0, 5.0, 30.0]),
        st.sampled_from([None, 1.0]),
        st.sampled_from(["", "r1"]),
    ),
    st.builds(answer, IDS, STATUSES, st.booleans()),
    st.builds(notify, BODIES, STATES, EVENTS, CSEQS),
    st.builds(notify, STATUSES, STATES, st.just("refer"), st.none()),
    st.builds(lambda i: lambda bench: bench.fail(transfer_id=i), IDS),
    st.builds(lambda i: lambda bench: bench.challenge(transfer_id=i), IDS),
    st.builds(lambda i: lambda bench: bench.run(bench.transferor.cancel(bench.now, i)), IDS),
    st.just(lambda bench: bench.bye()),
    st.just(lambda bench: bench.hang_up()),
    st.builds(
        lambda i, s: lambda bench: bench.run(bench.transferor.subscribe_answered(bench.now, i, s)),
        IDS,
        st.sampled_from([200, 481, None]),
    ),
    st.builds(
        lambda s: lambda bench: bench.run(bench.transferor.probe_answered(bench.now, s)),
        st.sampled_from([200, 481, None]),
    ),
    st.builds(
        lambda fresh: lambda bench: setattr(bench, "last_packet_at", bench.now if fresh else None),
        st.booleans(),
    ),
    st.builds(
        lambda gate: lambda bench: bench.run(bench.transferor.gate(bench.now, gate)), st.booleans()
    ),
    st.builds(
        lambda seconds: lambda bench: bench.at(bench.now - START + seconds),
        st.sampled_from([0.1, 0.5, 1.0, 2.0, 5.0, 40.0, 200.0]),
    ),
)


@settings(max_examples=300)
@given(st.lists(ACTIONS, max_size=25))
def test_one_verdict_and_one_answer_each_and_nothing_is_left(actions: list[Action]) -> None:
    bench = TransferBench()
    bench.request("STR_1", "sip:a@example.com")
    for action in actions:
        action(bench)
    bench.run(bench.transferor.gate(bench.now, True))
    bench.at(bench.now - START + 500)

    assert (
        bench.transferor.pending,
        bench.transferor.watching,
        bench.transferor.next_deadline(),
    ) == (
        False,
        False,
        None,
    )
    for ticket in range(1, bench.tickets + 1):
        assert bench.answered(ticket) is not None
    ended: dict[str, str | None] = {}
    for effect in bench.news():
        record = effect.record
        if effect.kind == "ended":
            assert record.transfer_id not in ended
            ended[record.transfer_id] = record.verdict
        elif record.transfer_id in ended:
            assert (record.late_success, record.verdict) == (True, ended[record.transfer_id])
    started = {e.record.transfer_id for e in bench.news() if e.kind == "started"}
    assert started == set(ended)
    assert len(bench.all(HangUp)) <= 1
