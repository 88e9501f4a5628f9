"""How the carrier writes an INVITE."""

from __future__ import annotations

import random
import re

import pytest

from hookflash.base.ids import Ids
from hookflash.carrier.invites import dial_order, written
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
