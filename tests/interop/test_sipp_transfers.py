"""SIPp as the caller that is transferred: what a peer may do with a REFER, over UDP and TCP.

All peers of one transport call one exchange at the same time; each row is then its own test.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from livekit import api
from livekit.protocol.sip import SIPOutboundTrunkInfo
from tests.interop.support.client import Outcome
from tests.interop.support.exchange import Exchange
from tests.interop.support.lab import Lab
from tests.interop.support.sipp import (
    ENDED,
    Sipp,
    Step,
    answer,
    dial,
    exchange_hangs_up,
    notify,
    pause,
    step,
)
from tests.interop.support.webhook_receiver import Hooks

pytestmark = pytest.mark.interop

REFER = step("refer")
ACCEPTED = answer("202 Accepted")
TRYING = notify(2, "SIP/2.0 100 Trying")
CHALLENGE = (
    'Proxy-Authenticate: Digest realm="sipp", nonce="5f2a", algorithm=MD5, qop="auth", opaque="7"'
)


def succeeds(sipfrag: str = "SIP/2.0 200 OK", event: str = "refer") -> tuple[Step, ...]:
    """202, then only a final NOTIFY of this form; the exchange hangs up."""
    return (REFER, ACCEPTED, notify(2, sipfrag, state=ENDED, event=event), *exchange_hangs_up())


def hangs_up(cseq: int, after: int = 0) -> tuple[Step, ...]:
    """The call is still up, and the caller ends it."""
    return (pause(after), step("bye_sent", cseq=cseq)) if after else (step("bye_sent", cseq=cseq),)


@dataclass(frozen=True, slots=True)
class Row:
    """What the peer does, and what becomes of the transfer."""

    name: str
    steps: tuple[Step, ...]
    verdict: str
    code: str = ""
    sip_status: int = 0
    reason: str = "STR_COMPLETED"
    ringing_timeout: float = 12
    within: float = 6
    late_success: bool = False
    note: str = ""
    credentials: bool = False


ROWS = (
    Row(
        "succeeds",
        (REFER, ACCEPTED, TRYING, notify(3, "SIP/2.0 200 OK", state=ENDED), *exchange_hangs_up()),
        "succeeded",
        within=3,
    ),
    Row(
        "refer_603",
        (REFER, answer("603 Decline"), *hangs_up(2, 500)),
        "refused",
        "permission_denied",
        603,
        "STR_REJECTED",
    ),
    Row(
        "refer_302",
        (REFER, answer("302 Moved"), *hangs_up(2, 500)),
        "refused",
        "not_found",
        302,
        "STR_REJECTED",
    ),
    Row(
        "notify_486",
        (
            *(REFER, ACCEPTED, TRYING, notify(3, "SIP/2.0 486 Busy Here", state=ENDED)),
            *hangs_up(4, 500),
        ),
        "rejected",
        "resource_exhausted",
        486,
        "STR_REJECTED",
    ),
    Row(
        "no_notify",
        (REFER, ACCEPTED, *hangs_up(2, 3500)),
        "timed out",
        "deadline_exceeded",
        0,
        "STR_RINGING_TIMEOUT",
        ringing_timeout=2,
    ),
    Row(
        "refer_unanswered",
        (REFER, *exchange_hangs_up(linger=500)),  # gone before the REFER comes again at 3.5 s
        "timed out",
        "deadline_exceeded",
        0,
        "STR_RINGING_TIMEOUT",
        ringing_timeout=2,
        note="REFER unanswered",
    ),
    Row(
        "notify_before_202",
        (
            *(step("refer_kept"), TRYING, pause(300), step("answer_kept", status="202 Accepted")),
            *(notify(3, "SIP/2.0 200 OK", state=ENDED), *exchange_hangs_up()),
        ),
        "succeeded",
    ),
    Row(
        "final_notify_before_202",
        (
            *(step("refer_kept"), notify(2, "SIP/2.0 200 OK", state=ENDED)),
            *exchange_hangs_up(before_answer=step("answer_kept", status="202 Accepted")),
        ),
        "succeeded",
        within=3,
    ),
    Row(
        "bye_in_the_middle",
        (REFER, ACCEPTED, TRYING, *hangs_up(3)),
        "call ended",
        "aborted",
        0,
        "STR_CALL_ENDED",
        within=3,
    ),
    Row(
        "bye_instead_of_an_answer",
        (REFER, *hangs_up(2)),
        "call ended",
        "aborted",
        0,
        "STR_CALL_ENDED",
        within=3,
    ),
    Row(
        "notify_after_bye",
        (
            *(REFER, ACCEPTED, TRYING, *hangs_up(3)),
            *(pause(300), notify(4, "SIP/2.0 200 OK", state=ENDED)),
        ),
        "succeeded",
        within=3,
    ),
    Row(
        "trying_terminated_and_bye",
        (REFER, ACCEPTED, notify(2, "SIP/2.0 100 Trying", state=ENDED), *hangs_up(3, 300)),
        "succeeded",
        note="outcome inferred from BYE",
        within=3,
    ),
    Row(
        "terminated_without_final",
        (REFER, ACCEPTED, notify(2, "SIP/2.0 100 Trying", state=ENDED), *hangs_up(3, 4000)),
        "subscription ended",
        "internal",
        0,
        "STR_SUBSCRIPTION_TERMINATED",
    ),
    Row(
        "terminated_by_timeout_subscribe_refused",
        (
            *(REFER, ACCEPTED),
            notify(2, "SIP/2.0 100 Trying", state="terminated;reason=timeout"),
            *(step("subscribe"), answer("403 Forbidden"), *hangs_up(3, 4000)),
        ),
        "subscription ended",
        "internal",
        0,
        "STR_SUBSCRIPTION_TERMINATED",
    ),
    Row(
        "terminated_by_timeout_subscribe_helps",
        (
            *(REFER, ACCEPTED),
            notify(2, "SIP/2.0 100 Trying", state="terminated;reason=timeout"),
            *(step("subscribe"), answer("200 OK", "Expires: 60")),
            *(notify(3, "SIP/2.0 200 OK", state=ENDED), *exchange_hangs_up()),
        ),
        "succeeded",
    ),
    Row(
        "challenged_407",
        (
            *(REFER, answer("407 Proxy Authentication Required", CHALLENGE)),
            *(step("refer_authorized"), ACCEPTED),
            *(notify(2, "SIP/2.0 200 OK", state=ENDED), *exchange_hangs_up()),
        ),
        "succeeded",
        credentials=True,
    ),
    Row(
        "challenged_407_no_credentials",
        (REFER, answer("407 Proxy Authentication Required", CHALLENGE), *hangs_up(2, 500)),
        "refused",
        "unauthenticated",
        407,
        "STR_REJECTED",
    ),
    Row(
        "pending_491_then_202",
        (
            *(REFER, answer("491 Request Pending"), REFER, ACCEPTED),
            *(notify(2, "SIP/2.0 200 OK", state=ENDED), *exchange_hangs_up()),
        ),
        "succeeded",
    ),
    Row(
        "refer_481",
        (REFER, answer("481 Call/Transaction Does Not Exist"), *exchange_hangs_up()),
        "call ended",
        "aborted",
        481,
        "STR_CALL_ENDED",
    ),
    Row(
        "refer_sub_false",
        (REFER, answer("200 OK", "Refer-Sub: false"), *hangs_up(2, 300)),
        "succeeded",
        note="outcome not reported",
    ),
    Row(
        "late_success",
        (
            *(REFER, ACCEPTED, TRYING, pause(3000)),
            *(notify(3, "SIP/2.0 200 OK", state=ENDED), *exchange_hangs_up()),
        ),
        "timed out",
        "deadline_exceeded",
        0,
        "STR_RINGING_TIMEOUT",
        ringing_timeout=1.5,
        late_success=True,
    ),
    Row("sipfrag_lf_only", succeeds(r"SIP/2.0 200 OK\x0aTo: <sip:x@y>\x0a"), "succeeded"),
    Row("sipfrag_no_phrase", succeeds("SIP/2.0 200"), "succeeded"),
    Row("sipfrag_202", succeeds("SIP/2.0 202 Accepted"), "succeeded"),
    Row("event_with_parameter", succeeds(event="refer;x=y"), "succeeded"),
    Row("event_spaced_and_renumbered", succeeds(event="Refer ; id=93809"), "succeeded"),
)


@dataclass(slots=True)
class Result:
    """How one row went."""

    outcome: Outcome
    record: dict[str, object]
    hooks: list[str] = field(default_factory=list)


Results = dict[str, Result | BaseException | None]
EMPTY = "nothing is left"


async def run_row(
    lab: Lab, exchange: Exchange, hooks: Hooks, row: Row, index: int, transport: str
) -> Result:
    """One caller, one transfer."""
    number, client = f"+15550{index:03}", exchange.client
    trunk = await client.create_trunk(number)
    await client.create_rule(trunk, prefix=row.name)
    if row.credentials:
        outbound = SIPOutboundTrunkInfo(
            name=row.name,
            address="carrier.invalid",
            numbers=[number],
            auth_username="exchange",
            auth_password="word",
        )
        request = api.CreateSIPOutboundTrunkRequest(trunk=outbound)
        await client.sdk.sip.create_outbound_trunk(request)
    sipp = await Sipp.call(
        lab,
        exchange.address,
        (dial(), *row.steps),
        name=f"{row.name}-{transport}",
        number=number,
        prefix=f"+1444{index:03}",
        transport=transport,
        within=40,
    )
    room, identity = f"{row.name}_{sipp.caller()}", sipp.identity()
    try:
        await client.wait_active(room, identity)
        outcome = await client.transfer(room, identity, ringing_timeout=row.ringing_timeout)
        if row.name == "refer_unanswered":
            await client.sdk.room.delete_room(api.DeleteRoomRequest(room=room))
        await sipp.succeed(40)
        await client.wait_gone(room, identity)
        await hooks.wait("sip_transfer_ended", room=room)
        await hooks.wait("participant_left", room=room)
        record = await client.record(room, outcome.transfer_id)
    except AssertionError as error:
        error.add_note("\n".join([sipp.process.tail(), sipp.messages()[-6000:]]))
        raise
    return Result(outcome, record, [hook.name for hook in hooks.all if hook.room == room])


async def _look_for_remains(exchange: Exchange, hooks: Hooks) -> AssertionError | None:
    """What is wrong with the exchange after all rows; None if nothing is."""
    try:
        await exchange.wait_calls_ended()
        assert not exchange.complaints(), exchange.complaints()
        assert not hooks.faults, hooks.faults
    except AssertionError as error:
        return error
    return None


async def run_all(folder: Path, transport: str) -> Results:
    """All rows at once, against one exchange that must be empty afterwards."""
    async with Lab(folder) as lab:
        hooks = await Hooks.start(lab)
        exchange = await Exchange.start(lab, hooks=hooks.url)
        results = await asyncio.gather(
            *(
                run_row(lab, exchange, hooks, row, index, transport)
                for index, row in enumerate(ROWS)
            ),
            return_exceptions=True,
        )
        named: Results = dict(zip((row.name for row in ROWS), results, strict=True))
        for name, result in named.items():
            if isinstance(result, BaseException):
                result.add_note(f"row {name} over {transport}\n{exchange.process.tail()}")
        named[EMPTY] = await _look_for_remains(exchange, hooks)
    return named


@pytest.fixture(scope="module", params=["u1", "t1"], ids=["udp", "tcp"])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What became of every row over one transport."""
    transport = str(request.param)
    return asyncio.run(run_all(tmp_path_factory.mktemp(f"rows-{transport}"), transport))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_peer(results: Results, row: Row) -> None:
    result = results[row.name]
    if isinstance(result, BaseException):
        raise result
    assert result is not None
    outcome, record = result.outcome, result.record
    assert (outcome.code, outcome.sip_status, outcome.reason) == (
        row.code,
        row.sip_status,
        row.reason,
    ), outcome
    assert record["verdict"] == row.verdict
    assert record["late_success"] is row.late_success
    assert outcome.seconds < row.within, outcome
    if row.note:
        assert row.note in str(record["notes"])
    assert result.hooks.count("sip_transfer_started") == 1
    assert result.hooks.count("sip_transfer_ended") == 1


def test_nothing_is_left(results: Results) -> None:
    error = results[EMPTY]
    if isinstance(error, BaseException):
        raise error
