"""What a program does with Twilio's library: URL SID TOKEN NUMBER. It sets the number's trunk up
for transfers, and goes through each resource on the way; `done` at the end."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class Elsewhere(TwilioHttpClient):  # type: ignore[misc]  # its package is in an environment of its own
    """Asks one server in place of Twilio's."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._at = urlsplit(url)

    def request(self, method: str, url: str, *given: Any, **named: Any) -> Any:
        moved = urlsplit(url)._replace(scheme=self._at.scheme, netloc=self._at.netloc)
        return super().request(method, moved.geturl(), *given, **named)


def main(url: str, sid: str, token: str, number: str) -> None:
    client = Client(sid, token, http_client=Elsewhere(url))
    trunks = client.trunking.v1.trunks
    (held,) = client.incoming_phone_numbers.list(phone_number=number)
    for count in range(60):
        trunks.create(friendly_name=f"trunk {count}")
    assert len(trunks.list()) == 61, "two pages"
    assert len(trunks.list(limit=55)) == 55
    for trunk in trunks.list()[1:]:
        assert trunk.delete()

    ours = trunks(held.trunk_sid)
    assert ours.fetch().transfer_mode == "disable-all"
    made = ours.origination_urls.create(
        weight=1, priority=99, enabled=False, friendly_name="spare", sip_url="sip:a.example"
    )
    assert ours.origination_urls(made.sid).update(weight=2).weight == 2
    assert made.date_created is not None
    assert len(ours.origination_urls.list()) == 2
    assert made.delete()
    assert [one.phone_number for one in ours.phone_numbers.list()] == [number]
    assert ours.phone_numbers(held.sid).fetch().trunk_sid == held.trunk_sid
    assert ours.phone_numbers(held.sid).delete()
    assert client.incoming_phone_numbers(held.sid).fetch().trunk_sid is None
    assert ours.phone_numbers.create(phone_number_sid=held.sid).sid == held.sid

    listed = client.sip.ip_access_control_lists.create(friendly_name="ours")
    address = listed.ip_addresses.create(friendly_name="a", ip_address="192.0.2.1")
    assert address.cidr_prefix_length == 32
    ours.ip_access_control_lists.create(ip_access_control_list_sid=listed.sid)
    users = client.sip.credential_lists.create(friendly_name="ours")
    users.credentials.create(username="me", password="IWasAtSignal2018")
    ours.credentials_lists.create(credential_list_sid=users.sid)
    assert ours.fetch().auth_type_set == ["CREDENTIAL_LIST", "IP_ACL"]
    assert refused(listed.delete) == (400, 21236)
    assert ours.ip_access_control_lists(listed.sid).delete()
    assert listed.delete()

    assert refused(lambda: trunks("TK" + "0" * 32).fetch()) == (404, 20404)
    assert refused(lambda: ours.update(transfer_mode="on")) == (400, 21245)
    ours.update(domain_name="acme.pstn.twilio.com")
    assert refused(lambda: trunks.create(domain_name="acme.pstn.twilio.com")) == (400, 21248)
    changed = ours.update(transfer_mode="enable-all", transfer_caller_id="from-transferor")
    assert (changed.transfer_mode, changed.transfer_caller_id) == ("enable-all", "from-transferor")
    sys.stdout.write("done\n")


def refused(ask: Any) -> tuple[int, int]:
    """Status and code of the error."""
    try:
        ask()
    except TwilioRestException as error:
        return error.status, error.code
    raise AssertionError("it was not refused")


main(*sys.argv[1:])
