"""How the carrier writes an INVITE."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import pytest

from hookflash.base.ids import Ids
from hookflash.carrier.config import TrunkConfig
from hookflash.carrier.invites import dial_order, origination, written
from hookflash.carrier.manners import CarrierManners
from hookflash.sip.uri import Uri


@pytest.mark.parametrize(
    ("manners", "number", "shown"),
    [
        (CarrierManners(), "+15105550123", "+15105550123"),
        (CarrierManners(number_format="e164-without-plus"), "+15105550123", "15105550123"),
        (CarrierManners(number_format="national"), "+15105550123", "5105550123"),
        (CarrierManners(number_format="national"), "sales", "sales"),
    ],
)
def test_numbers(manners: CarrierManners, number: str, shown: str) -> None:
    assert written(manners, number) == shown


def test_headers_that_a_carrier_adds() -> None:
    manners = CarrierManners(added_headers=(("X-Twilio-CallSid", "CA####"),), domain="a.test")
    uri = Uri.parse("sip:+1510@192.0.2.1")
    order = dial_order(manners, Ids(random.Random(1)), uri, "+1415", [("Referred-By", "x")])
    (sid, referred) = order.headers
    assert sid[0] == "X-Twilio-CallSid"
    assert re.fullmatch("CA[0-9a-f]{4}", sid[1])
    assert referred == ("Referred-By", "x")
    assert str(order.from_.uri) == "sip:+1415@a.test"
    assert order.uri == order.to == uri


@pytest.mark.parametrize(
    ("at", "transport", "goes"),
    [
        ("sip:192.0.2.2", "any", "sip:192.0.2.2"),
        ("sip:192.0.2.2;transport=tls", "any", "sip:192.0.2.2;transport=tls"),
        ("sip:192.0.2.2:5061;transport=udp", "tls", "sip:192.0.2.2:5061;transport=tls"),
        ("sips:192.0.2.2", "any", "sip:192.0.2.2;transport=tls"),
    ],
)
def test_where_calls_to_an_exchange_go(at: str, transport: Any, goes: str) -> None:
    trunk = TrunkConfig("main", (), Uri.parse(at))
    assert str(origination(CarrierManners(transport=transport), trunk)) == goes
    own = replace(trunk, transport=transport)
    assert str(origination(CarrierManners(), own)) == goes
    assert origination(CarrierManners(), replace(trunk, origination=None)) is None
