"""The status table against facts §3.5 and the recorded answers."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from google.rpc import status_pb2
from livekit.protocol import sip as proto

from hookflash.calls import status as status_table

RECORDED = json.loads(
    (Path(__file__).parents[1] / "data" / "transfer-answers.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("code", "statuses"),
    [
        (
            "invalid_argument",
            "300 305 380 400 405 406 411 413 414 415 417 420 421 422 423 424 425 429 430 439 469 "
            "484 485 488 489 493 505 513 606 306 399 426 499 601 699",
        ),
        ("not_found", "301 302 404 410 481 604"),
        ("permission_denied", "401 402 403 433 470 603 607 608"),
        ("unauthenticated", "407 428 436 437 438 494"),
        ("deadline_exceeded", "408 504"),
        ("failed_precondition", "409 412 482 483 500 501 502 503 506 580 599"),
        ("resource_exhausted", "440 480 486 600"),
        ("out_of_range", "416"),
        ("aborted", "487 491"),
        ("unknown", "100 180 200 202 299"),
    ],
)
def test_every_status_has_its_twirp_code(code: str, statuses: str) -> None:
    assert {status_table.twirp_code(int(status)) for status in statuses.split()} == {code}


def test_no_failure_maps_to_an_http_5xx_code() -> None:
    codes = {status_table.twirp_code(status) for status in range(300, 700)}
    assert not codes & {"unknown", "internal", "unavailable", "unimplemented", "data_loss"}


def test_texts_with_and_without_a_phrase() -> None:
    assert status_table.status_text(486, "Busy Here") == "sip status: 486: Busy Here"
    assert status_table.status_text(486, "") == "sip status: 486 (BUSY_HERE)"
    assert status_table.status_text(499, "") == "sip status: 499 (499)"


def test_names_are_those_of_the_protocol() -> None:
    assert status_table.enum_name(603) == "SIP_STATUS_GLOBAL_DECLINE"
    assert status_table.enum_name(699) == "699"


@pytest.mark.parametrize(
    "record", [r for r in RECORDED if "meta" in r["answer"]], ids=lambda r: str(r["name"])
)
def test_meta_is_byte_for_byte_as_recorded(record: dict[str, Any]) -> None:
    wanted = record["answer"]["meta"]
    details = status_pb2.Status.FromString(b64decode(wanted["error_details"]))
    sip_status = proto.SIPStatus.FromString(details.details[0].value)
    code = status_table.twirp_code(sip_status.code)
    got = status_table.status_meta(sip_status.code, sip_status.status, code, details.message)
    assert got == wanted
    assert code == record["answer"]["code"]


def test_a_status_that_the_protocol_does_not_name_is_packed_too() -> None:
    meta = status_table.status_meta(499, "", "invalid_argument", "x")
    details = status_pb2.Status.FromString(b64decode(meta["error_details"]))
    assert proto.SIPStatus.FromString(details.details[0].value).code == 499
    assert meta["sip_status"] == "499"
