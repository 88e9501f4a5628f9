"""The account: what is in it, and what of it the switch obeys."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hookflash.base.ids import Ids
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.telnyx.account import (
    CONNECTION,
    FQDN,
    NUMBER,
    PROFILE,
    TelnyxHoldings,
    TelnyxKind,
    TelnyxThing,
)
from hookflash.carrier.telnyx.errors import DUPLICATE, IN_USE, NO_ASSOCIATION, TelnyxFaceError
from hookflash.sip.uri import Uri

LINE, SPARE, PHONE = "+15550000001", "+15550000009", "+15105550123"
AT = Uri.parse("sip:192.0.2.1:5060")
TRUNK = TrunkConfig("support", (LINE,), AT, username="me", password="secret")
NETWORK = NetworkConfig((TRUNK,), (PhoneConfig(PHONE),), numbers=(SPARE,))
EMPTY = NetworkConfig((), (PhoneConfig(PHONE),), numbers=(SPARE,))


def account(network: NetworkConfig = NETWORK) -> TelnyxHoldings:
    return TelnyxHoldings(0.0, network, CarrierManners(), Ids(random.Random(1)))


def only(kept: TelnyxHoldings, kind: TelnyxKind) -> TelnyxThing:
    (found,) = kept.all(kind)
    return found


def connection(kept: TelnyxHoldings, name: str = "new", **given: Any) -> TelnyxThing:
    return kept.make(1.0, CONNECTION, {"connection_name": name, **given})


def fqdn(kept: TelnyxHoldings, of: TelnyxThing, name: str = "a.test", **given: Any) -> TelnyxThing:
    values = {"connection_id": of.sid, "fqdn": name, "dns_record_type": "a", **given}
    return kept.make(1.0, FQDN, values)


def refused(code: int, pointer: str = "") -> Any:
    def right(error: TelnyxFaceError) -> bool:
        return (error.status, error.code, error.pointer) == (422, code, pointer)

    return pytest.RaisesExc(TelnyxFaceError, check=right)


def test_it_begins_as_the_carrier_is_configured() -> None:
    kept = account()
    begun = only(kept, CONNECTION)
    assert begun.sid.isdecimal()
    assert len(begun.sid) == 19
    assert begun.values["connection_name"] == "support"
    assert begun.values["outbound"]["outbound_voice_profile_id"] == only(kept, PROFILE).sid
    assert begun.values["inbound"]["dnis_number_format"] == "+e164"
    assert only(kept, FQDN).values == {
        "connection_id": begun.sid,
        "fqdn": "192.0.2.1",
        "port": 5060,
        "dns_record_type": "a",
    }
    numbers = {one.values["phone_number"]: one.values["connection_id"] for one in kept.all(NUMBER)}
    assert numbers == {LINE: begun.sid, SPARE: None}
    assert kept.trunks() == [TRUNK]


@pytest.mark.parametrize(
    ("at", "transport", "served"),
    [
        ("sip:a.test", "UDP", "sip:a.test"),
        ("sip:a.test;transport=tcp", "TCP", "sip:a.test;transport=tcp"),
        ("sips:a.test:5061", "TLS", "sip:a.test:5061;transport=tls"),
    ],
)
def test_where_the_configuration_sends_calls_is_kept(at: str, transport: str, served: str) -> None:
    kept = account(NetworkConfig((TrunkConfig("a", (), Uri.parse(at)),), ()))
    assert only(kept, CONNECTION).values["transport_protocol"] == transport
    assert str(kept.trunks()[0].origination) == served


def test_a_trunk_that_leads_nowhere_is_a_connection_without_an_fqdn() -> None:
    network = NetworkConfig((TrunkConfig("a", (), None),), ())
    manners = CarrierManners(number_format="national")
    kept = TelnyxHoldings(0.0, network, manners, Ids(random.Random(1)))
    assert only(kept, CONNECTION).values["inbound"]["dnis_number_format"] == "e164"
    assert kept.all(FQDN) == []
    assert kept.trunks() == list(network.trunks)


def test_a_number_takes_its_calls_to_its_connection() -> None:
    kept = account(EMPTY)
    made = connection(kept, transport_protocol="TCP")
    assert made.values["outbound"] == {"outbound_voice_profile_id": None}
    kept.change(2.0, only(kept, NUMBER), {"connection_id": made.sid})
    assert kept.trunks() == [TrunkConfig(made.sid, (SPARE,), None, "disable-all")]
    first, second = fqdn(kept, made), fqdn(kept, made, "b.test", port=5070)
    (served,) = kept.trunks()
    assert str(served.origination) == "sip:a.test:5060;transport=tcp"
    kept.change(2.0, made, {"inbound": {"default_primary_fqdn_id": second.sid}})
    assert str(kept.trunks()[0].origination) == "sip:b.test:5070;transport=tcp"
    kept.change(2.0, made, {"transport_protocol": "UDP", "inbound": {}})
    kept.remove(second)
    assert str(kept.trunks()[0].origination) == "sip:a.test:5060"
    kept.change(2.0, first, {"dns_record_type": "srv", "port": None})
    assert str(kept.trunks()[0].origination) == "sip:a.test"
    kept.change(2.0, made, {"active": False})
    assert kept.trunks()[0].origination is None
    kept.change(2.0, only(kept, NUMBER), {"connection_id": None})
    assert kept.trunks()[0].numbers == ()


def test_a_transfer_needs_an_outbound_voice_profile() -> None:
    kept = account(EMPTY)
    profile = kept.make(1.0, PROFILE, {"name": "ours"})
    made = connection(kept)
    assert kept.trunks()[0].transfer_mode == "disable-all"
    kept.change(2.0, made, {"outbound": {"outbound_voice_profile_id": profile.sid}})
    assert kept.trunks()[0].transfer_mode is None  # as the carrier has it
    kept.change(2.0, profile, {"enabled": False})
    assert kept.trunks()[0].transfer_mode == "disable-all"
    with refused(IN_USE):
        kept.remove(profile)
    kept.change(2.0, made, {"outbound": {"outbound_voice_profile_id": None}})
    kept.remove(profile)
    assert kept.all(PROFILE) == []


def test_a_user_and_its_password_are_those_of_the_trunk() -> None:
    kept = account(EMPTY)
    made = connection(kept, user_name="somebody", password="12345678")
    assert "12345678" not in str(made.values)
    (served,) = kept.trunks()
    assert (served.username, served.password) == ("somebody", "12345678")
    kept.change(2.0, made, {"connection_name": "other"})
    assert kept.trunks()[0].password == "12345678"
    kept.change(2.0, made, {"password": "87654321"})
    assert kept.trunks()[0].password == "87654321"
    assert (made.created, made.updated) == (1.0, 2.0)


def test_what_only_one_may_have_and_what_is_to_be_there() -> None:
    kept = account(EMPTY)
    made = connection(kept, user_name="somebody")
    with refused(DUPLICATE, "/user_name"):
        connection(kept, user_name="SomeBody")
    kept.change(2.0, made, {"user_name": "somebody"})
    nobody = {"outbound_voice_profile_id": "7"}
    with refused(NO_ASSOCIATION, "/outbound/outbound_voice_profile_id"):
        connection(kept, outbound=nobody)
    with refused(NO_ASSOCIATION, "/connection_id"):
        kept.change(2.0, only(kept, NUMBER), {"connection_id": "7"})
    with refused(10015, "/port"):
        fqdn(kept, made, dns_record_type="srv", port=5060)
    assert len(kept.all(CONNECTION)) == 1
    assert kept.all(FQDN) == []


def test_what_is_refused_changes_nothing() -> None:
    kept = account(EMPTY)
    made = connection(kept)
    with refused(NO_ASSOCIATION, "/outbound/outbound_voice_profile_id"):
        given = {"active": False, "outbound": {"outbound_voice_profile_id": "7"}}
        kept.change(2.0, made, given)
    assert made.values["active"] is True


def test_a_connection_goes_with_its_fqdns_and_leaves_its_numbers() -> None:
    kept = account()
    other = connection(kept)
    fqdn(kept, other)
    kept.remove(kept.all(CONNECTION)[0])
    assert kept.all(CONNECTION) == [other]
    assert only(kept, FQDN).values["connection_id"] == other.sid
    assert {one.values["connection_id"] for one in kept.all(NUMBER)} == {None}


def test_all_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = account(EMPTY)
    for count in range(CONNECTION.most):
        connection(kept, str(count))
    with pytest.raises(TelnyxFaceError, match="There are 1000 fqdn_connections already"):
        connection(kept)
    monkeypatch.setattr("hookflash.carrier.rest.resources.ALL", 1001)
    with pytest.raises(TelnyxFaceError, match="There are 1001 resources already"):
        kept.make(1.0, PROFILE, {"name": "x"})
