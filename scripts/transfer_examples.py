"""What docs/transfers.md shows of transfers, made by the code that makes the real thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast, get_args

from google.protobuf.json_format import MessageToDict
from livekit.protocol.sip import SIPStatusCode
from tests.simulation.transfers import START, TransferBench

from hookflash.adapters.store.records import transfer_dict
from hookflash.calls.effects import TransferChanged
from hookflash.calls.records import CallRecord, MediaStats, TransferRecord, Verdict
from hookflash.calls.status import twirp_code
from hookflash.calls.transfers import answers
from hookflash.calls.transfers.transfer import REASONS
from hookflash.twirp.errors import bare, body, http_status
from hookflash.webhooks.payload import call_body, transfer_body

IDENTITY = "sip_+14155550100"
TRANSFER = "STR_Qh3nVx8kT2mB"
CALL = "SCL_8yPdLw4sRk9Z"
TARGET = "tel:+15105550123"


def _bench(steps: Callable[[TransferBench], object]) -> list[TransferChanged]:
    """One transfer, and what everybody is told of it."""
    bench = TransferBench()
    bench.request(target=TARGET)
    steps(bench)
    return [replace(told, record=_named(told.record)) for told in bench.news()]


def _named(record: TransferRecord) -> TransferRecord:
    return replace(record, transfer_id=TRANSFER, call_id=CALL, identity=IDENTITY, api_key="devkey")


def _answered(bench: TransferBench) -> None:
    bench.at(0.02).answer(202, "Accepted")
    bench.at(0.03).notify("SIP/2.0 100 Trying")
    bench.at(0.4).notify("SIP/2.0 180 Ringing")
    bench.at(6.0).notify("SIP/2.0 200 OK", "terminated;reason=noresource")


def _busy(bench: TransferBench) -> None:
    bench.at(0.02).answer(202, "Accepted")
    bench.at(1.5).notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource")


def _declined(bench: TransferBench) -> None:
    bench.at(0.02).answer(603, "Decline")


def _silence(bench: TransferBench) -> None:
    bench.at(0.02).answer(202, "Accepted")
    bench.at(31.0)


def _hung_up(bench: TransferBench) -> None:
    bench.at(0.02).answer(202, "Accepted")
    bench.at(3.0).bye()
    bench.at(5.0)


def _subscription_lost(bench: TransferBench) -> None:
    bench.at(0.02).answer(202, "Accepted")
    bench.at(0.5).notify("SIP/2.0 100 Trying", "terminated;reason=noresource")
    bench.at(5.0)


_STORIES: dict[Verdict, Callable[[TransferBench], object]] = {
    "succeeded": _answered,
    "refused": _declined,
    "rejected": _busy,
    "timed out": _silence,
    "call ended": _hung_up,
    "subscription ended": _subscription_lost,
    "canceled": lambda bench: bench.run(bench.transferor.cancel(bench.now, "STR_1")),
    "unreachable": lambda bench: bench.fail(),
    "interrupted": lambda bench: bench.run(bench.transferor.shutdown(bench.now)),
}


def ended(verdict: Verdict) -> TransferRecord:
    """The record of a transfer with that verdict."""
    record = _bench(_STORIES[verdict])[-1].record
    assert record.verdict == verdict, record
    return record


def answers_table() -> str:
    """Verdict → what the API answers, for every verdict there is."""
    rows = [
        "| verdict | HTTP | Twirp code | text (an example where a SIP answer decided) "
        "| `sip_transfer_reason` |",
        "|---|---|---|---|---|",
    ]
    for verdict in cast("tuple[Verdict, ...]", get_args(Verdict)):
        error = answers.failure(ended(verdict))
        if error is None:
            rows.append(f"| {verdict} | 200 | | | `{REASONS[verdict]}` in the answer's `reason` |")
            continue
        status = ", by the table below" if verdict in {"refused", "rejected"} else ""
        rows.append(
            f"| {verdict} | {http_status(error.code)}{status} | `{error.code}` "
            f"| `{bare(error.msg)}` | `{error.meta['sip_transfer_reason']}` |"
        )
    return "\n".join(rows) + "\n"


def status_table() -> str:
    """Twirp code → the SIP statuses that become it."""
    by_code: dict[str, list[str]] = {}
    for number in sorted(SIPStatusCode.values()):
        if number >= 300:
            by_code.setdefault(twirp_code(number), []).append(str(number))
    rows = ["| Twirp code | HTTP | SIP status |", "|---|---|---|"]
    rows += [
        f"| `{code}` | {http_status(code)} | {' '.join(numbers)} |"
        for code, numbers in by_code.items()
    ]
    return "\n".join(rows) + "\n"


def answer_bodies() -> str:
    """A success and a failure as they go over the wire."""
    success = MessageToDict(answers.success(ended("succeeded")), preserving_proto_field_name=True)
    error = answers.failure(ended("rejected"))
    assert error is not None
    return (
        "The new party answered (HTTP 200):\n\n"
        + _json(success)
        + f"\nThe new party is busy (HTTP {http_status(error.code)}):\n\n"
        + _json(json.loads(body(error)))
    )


def webhooks() -> str:
    """The transfer events of a good and a bad transfer, and the end of the call."""
    good = _bench(_answered)
    told = [("It was asked for:", good[0])]
    told.append(("The new party's phone rings (there is one event for each new stage):", good[-2]))
    told += [("The new party answered:", good[-1]), ("Or it is busy:", _bench(_busy)[-1])]
    parts = [
        f"{text}\n\n{_json(json.loads(_event(each, f'EV_example{number}')))}"
        for number, (text, each) in enumerate(told, 1)
    ]
    ending = json.loads(call_body(_call(), None, "PA_1", "EV_example5", START + 6))
    return "\n".join([*parts, f"The caller's call is over:\n\n{_json(ending)}"])


def _event(told: TransferChanged, event_id: str) -> bytes:
    record = told.record
    at = record.ended_at or record.stages[-1].at
    assert told.kind is not None
    return transfer_body(record, told.kind, None, event_id, at)


def _call() -> CallRecord:
    return CallRecord(
        call_id=CALL,
        sip_call_id="a84b4c76e66710@192.0.2.7",
        direction="inbound",
        room="lobby",
        identity=IDENTITY,
        trunk_id="ST_Wn5cJd3gHq7X",
        rule_id="SDR_Fv6tYb2zMs4K",
        caller="+14155550100",
        called="+15550100",
        created_at=START - 30,
        answered_at=START - 29,
        ended_at=START + 6,
        answer_status=200,
        end_reason="transferred",
        ended_by="local",
        stats=MediaStats(1750, 1748, 2, 1.25, "PCMU"),
    )


def stored_record() -> str:
    """As GET /hookflash/transfers/{id} shows it."""
    return _json(transfer_dict(ended("rejected")))


def _json(value: dict[str, Any]) -> str:
    return "```json\n" + json.dumps(value, indent=2) + "\n```\n"
