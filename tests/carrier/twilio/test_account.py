"""The account: what is in it, and what of it the switch obeys."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hookflash.base.ids import Ids
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig, TrunkUser
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.twilio.account import (
    ACCESS_LIST,
    ADDRESS,
    CREDENTIAL,
    CREDENTIAL_LIST,
    NUMBER,
    ORIGINATION,
    TRUNK,
    Account,
    Kind,
    Thing,
)
from hookflash.carrier.twilio.errors import RestError
from hookflash.sip.uri import Uri

LINE, SPARE, PHONE = "+15550000001", "+15550000009", "+15105550123"
AT = Uri.parse("sip:192.0.2.1:5060")
NETWORK = NetworkConfig(
    (TrunkConfig("support", (LINE,), AT, username="me", password="secret"),),
    (PhoneConfig(PHONE),),
    numbers=(SPARE,),
)
URL = {"FriendlyName": "x", "Weight": "10", "Enabled": "true"}


def account(network: NetworkConfig = NETWORK, mode: str = "disable-all") -> Account:
    manners = CarrierManners(transfer_mode=mode)  # type: ignore[arg-type]
    return Account(0.0, network, manners, Ids(random.Random(1)))


def only(kept: Account, kind: Kind, parent: str = "") -> Thing:
    (found,) = kept.below(kind, parent)
    return found


def test_it_begins_as_the_carrier_is_configured() -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    assert trunk.sid.startswith("TK")
    assert len(trunk.sid) == 34
    assert trunk.values["friendly_name"] == "support"
    assert trunk.values["transfer_mode"] == "disable-all"
    assert trunk.values["transfer_caller_id"] == "from-transferee"
    assert only(kept, ORIGINATION, trunk.sid).values["sip_url"] == str(AT)
    numbers = {
        one.values["phone_number"]: one.values["trunk_sid"] for one in kept.below(NUMBER, "")
    }
    assert numbers == {LINE: trunk.sid, SPARE: None}
    (served,) = kept.trunks()
    assert (served.name, served.numbers, served.origination) == ("support", (LINE,), AT)
    assert (served.username, served.password) == ("me", "secret")


def test_it_begins_with_who_may_call_as_configured() -> None:
    (line,) = NETWORK.trunks
    addresses = ("192.0.2.1", "198.51.100.0/24")
    kept = account(replace(NETWORK, trunks=(replace(line, allowed_addresses=addresses),)))
    (trunk,) = kept.below(TRUNK, "")
    (listed,) = kept.lists_on(trunk, ACCESS_LIST)
    assert [one.values["ip_address"] for one in kept.below(ADDRESS, listed.sid)] == [
        *("192.0.2.1", "198.51.100.0"),
    ]
    (users,) = kept.lists_on(trunk, CREDENTIAL_LIST)
    assert [one.values for one in kept.below(CREDENTIAL, users.sid)] == [{"username": "me"}]
    (served,) = kept.trunks()
    assert served.allowed_addresses == ("192.0.2.1/32", "198.51.100.0/24")
    assert served.callers == (TrunkUser("me", "secret"),)


def test_the_lists_on_a_trunk_are_who_may_call_by_it() -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    access = kept.make(1.0, ACCESS_LIST, "", {"FriendlyName": "ours"})
    form = {"FriendlyName": "a", "IpAddress": "192.0.2.0", "CidrPrefixLength": "24"}
    kept.make(1.0, ADDRESS, access.sid, form)
    users = kept.make(1.0, CREDENTIAL_LIST, "", {"FriendlyName": "users"})
    you = {"Username": "you", "Password": "Of-12-letters"}
    one = kept.make(1.0, CREDENTIAL, users.sid, you)
    assert kept.trunks()[0].allowed_addresses == ()
    kept.put_list(2.0, trunk, access)
    kept.put_list(2.0, trunk, users)
    (served,) = kept.trunks()
    assert served.allowed_addresses == ("192.0.2.0/24",)
    assert served.callers == (TrunkUser("me", "secret"), TrunkUser("you", "Of-12-letters"))
    kept.change(3.0, one, {"Password": "Of-13-letters"})
    assert TrunkUser("you", "Of-13-letters") in kept.trunks()[0].callers
    trunk.lists.remove(kept.lists_on(trunk, CREDENTIAL_LIST)[0].sid)
    (served,) = kept.trunks()
    assert served.callers == (TrunkUser("you", "Of-13-letters"),)
    assert served.username == ""


def test_a_secure_trunk_wants_tls_and_srtp() -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    assert (kept.trunks()[0].transport, kept.trunks()[0].srtp) == (None, None)
    kept.change(1.0, trunk, {"Secure": "true"})
    assert (kept.trunks()[0].transport, kept.trunks()[0].srtp) == ("tls", "required")
    (line,) = NETWORK.trunks
    begun = account(replace(NETWORK, trunks=(replace(line, srtp="required"),)))
    assert only(begun, TRUNK).values["secure"]
    begun.change(1.0, only(begun, TRUNK), {"Secure": "false"})
    assert (begun.trunks()[0].transport, begun.trunks()[0].srtp) == (None, None)
    free = account(replace(NETWORK, trunks=(replace(line, srtp="allowed", transport="tls"),)))
    assert (free.trunks()[0].transport, free.trunks()[0].srtp) == ("tls", "allowed")


def test_a_trunk_that_leads_nowhere_has_no_url() -> None:
    kept = account(NetworkConfig((TrunkConfig("new", (), None),), (PhoneConfig(PHONE),)))
    assert kept.below(ORIGINATION, only(kept, TRUNK).sid) == []
    assert kept.trunks()[0].origination is None


def test_what_a_trunk_is_set_to_is_what_the_switch_gets() -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    kept.change(1.0, trunk, {"TransferMode": "sip-only", "TransferCallerId": "from-transferor"})
    (served,) = kept.trunks()
    assert (served.transfer_mode, served.transfer_caller_id) == ("sip-only", "from-transferor")
    kept.change(2.0, trunk, {"TransferMode": ""})
    assert kept.trunks()[0].transfer_mode == "disable-all"
    assert (trunk.created, trunk.updated) == (0.0, 2.0)


def test_calls_go_to_the_first_url_that_is_enabled() -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    for url, priority, enabled in (("b", "20", "true"), ("c", "5", "true"), ("d", "1", "false")):
        more = {"SipUrl": f"sip:{url}.test", "Priority": priority, "Enabled": enabled}
        kept.make(1.0, ORIGINATION, trunk.sid, {**URL, **more})
    assert str(kept.trunks()[0].origination) == "sip:c.test"
    for one in kept.below(ORIGINATION, trunk.sid):
        kept.remove(one)
    assert kept.trunks()[0].origination is None


def test_a_number_is_on_one_trunk() -> None:
    kept = account()
    first = only(kept, TRUNK)
    second = kept.make(1.0, TRUNK, "", {"TransferMode": "enable-all"})
    (number,) = kept.numbers_on(first.sid)
    kept.put_number(2.0, second, number)
    assert [served.numbers for served in kept.trunks()] == [(), (LINE,)]
    assert kept.trunks()[1].name == second.sid
    kept.remove(second)
    assert number.values["trunk_sid"] is None
    assert [served.name for served in kept.trunks()] == ["support"]


def test_what_is_in_a_thing_goes_with_it() -> None:
    kept = account()
    listed = kept.make(1.0, CREDENTIAL_LIST, "", {"FriendlyName": "users"})
    form = {"Username": "me", "Password": "Of-12-letters"}
    one = kept.make(1.0, CREDENTIAL, listed.sid, form)
    assert one.values == {"username": "me"}
    assert "12-letters" not in repr(one)
    kept.change(2.0, one, {"Username": "you", "Password": "Of-13-letters"})
    assert one.values == {"username": "me"}
    kept.remove(listed)
    assert kept.find(CREDENTIAL, one.sid, listed.sid) is None
    assert kept.find(CREDENTIAL_LIST, listed.sid) is None


@pytest.mark.parametrize(("kind", "code"), [(ACCESS_LIST, 21236), (CREDENTIAL_LIST, 21241)])
def test_a_list_that_is_on_a_trunk_stays(kind: Kind, code: int) -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    listed = kept.make(1.0, kind, "", {"FriendlyName": "ours"})
    kept.put_list(2.0, trunk, listed)
    kept.put_list(3.0, trunk, listed)
    assert kept.lists_on(trunk, kind)[-1] is listed
    assert trunk.lists.count(listed.sid) == 1
    assert trunk.updated == 2.0
    with pytest.raises(RestError) as caught:
        kept.remove(listed)
    assert (caught.value.code, caught.value.text) == (code, f"{listed.sid} is on a trunk")
    assert kept.find(kind, listed.sid) is listed


def test_what_only_one_may_have() -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    domain = {"DomainName": "acme.pstn.twilio.com"}
    kept.change(1.0, trunk, domain)
    kept.change(2.0, trunk, domain)
    with pytest.raises(RestError, match=r"DomainName acme\.pstn\.twilio\.com is already") as caught:
        kept.make(3.0, TRUNK, "", domain)
    assert caught.value.code == 21248
    assert len(kept.below(TRUNK, "")) == 1
    for number in (LINE, SPARE, PHONE):
        with pytest.raises(RestError, match="is not available") as caught:
            kept.make(3.0, NUMBER, "", {"PhoneNumber": number})
        assert caught.value.code == 21422
    made = kept.make(3.0, NUMBER, "", {"PhoneNumber": "+15550000123"})
    kept.change(4.0, made, {"TrunkSid": trunk.sid, "PhoneNumber": "+15550000124"})
    assert kept.trunks()[0].numbers == (LINE, "+15550000123")
    with pytest.raises(RestError, match="allowed: a trunk of the account"):
        kept.change(5.0, made, {"TrunkSid": "TK" + "0" * 32})


def test_there_is_an_end_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = account()
    trunk = only(kept, TRUNK)
    form = {**URL, "SipUrl": "sip:a.test", "Priority": "1"}
    for _ in range(9):
        kept.make(1.0, ORIGINATION, trunk.sid, form)
    with pytest.raises(RestError, match="There are 10 origination_urls already") as caught:
        kept.make(1.0, ORIGINATION, trunk.sid, form)
    assert caught.value.code == 21249
    listed = kept.make(1.0, ACCESS_LIST, "", {"FriendlyName": "ours"})
    address = {"FriendlyName": "a", "IpAddress": "192.0.2.1"}
    assert kept.make(1.0, ADDRESS, listed.sid, address)
    monkeypatch.setattr("hookflash.carrier.rest.resources.ALL", 10)
    with pytest.raises(RestError, match="There are 10 resources already") as caught:
        kept.make(1.0, ADDRESS, listed.sid, address)
    assert caught.value.code == 21237
