"""What a program does with Telnyx's library: URL KEY NUMBER HOST PORT. It sets a connection up for
the number, to that host and port, and goes through each resource on the way; `done` at the end."""

from __future__ import annotations

import sys
from typing import Any

from telnyx import APIStatusError, Telnyx


def main(url: str, key: str, number: str, host: str, port: str) -> None:
    client = Telnyx(api_key=key, base_url=f"{url}/v2", max_retries=0)
    pages(client.outbound_voice_profiles)
    profile = client.outbound_voice_profiles.create(
        name="ours", traffic_type="conversational", service_plan="global"
    ).data
    assert profile.enabled is True
    sid = connection(client.fqdn_connections, profile.id)
    fqdns(client.fqdns, sid, host, int(port))
    numbers = client.phone_numbers
    (held,) = numbers.list(filter={"phone_number": number[1:]})
    assert held.phone_number == number
    put = numbers.update(held.id, connection_id=sid).data
    assert (put.connection_id, put.connection_name) == (sid, "ours")
    assert len(list(numbers.list(filter={"connection_id": sid}))) == 1

    assert refused(lambda: client.fqdn_connections.retrieve("7")) == (404, "10005")
    assert refused(lambda: client.outbound_voice_profiles.delete(profile.id)) == (422, "10021")
    assert refused(lambda: client.fqdn_connections.create(connection_name="")) == (422, "10015")
    assert refused(lambda: numbers.update(held.id, connection_id="7")) == (422, "10013")
    stranger = Telnyx(api_key="guess", base_url=f"{url}/v2", max_retries=0)
    assert refused(stranger.fqdns.list) == (401, "10009")
    sys.stdout.write("done\n")


def pages(profiles: Any) -> None:
    """The library asks for one after another."""
    begun = len(list(profiles.list()))
    for count in range(45):
        profiles.create(name=f"profile {count}")
    first = profiles.list()
    assert (first.meta.page_number, first.meta.total_pages, len(first.data)) == (1, 3, 20)
    assert len({each.id for each in profiles.list()}) == begun + 45
    assert len(list(profiles.list(page_size=250, filter={"name": {"contains": "FILE 4"}}))) == 6
    for each in profiles.list(page_size=250):
        if each.name.startswith("profile "):
            assert profiles.delete(each.id).data.id == each.id
    assert len(list(profiles.list())) == begun


def connection(connections: Any, profile: str) -> str:
    """A new one's id."""
    made = connections.create(
        connection_name="ours",
        transport_protocol="UDP",
        inbound={"ani_number_format": "+E.164", "dnis_number_format": "+e164"},
        extra_body={"user_name": "someone1", "password": "IWasAtSignal2018"},
    ).data
    assert (made.user_name, made.password) == ("someone1", "IWasAtSignal2018")
    found = connections.retrieve(made.id).data
    assert (found.active, found.password) == (True, "********")
    assert found.outbound.outbound_voice_profile_id is None
    changed = connections.update(made.id, outbound={"outbound_voice_profile_id": profile}).data
    assert changed.outbound.outbound_voice_profile_id == profile
    assert changed.inbound.dnis_number_format == "+e164", "the rest stays"
    named = connections.list(filter={"connection_name": {"contains": "our"}})
    assert [each.id for each in named] == [made.id]
    return str(made.id)


def fqdns(resource: Any, sid: str, host: str, port: int) -> None:
    """One, moved to where it is wanted."""
    made = resource.create(connection_id=sid, fqdn="a.example", dns_record_type="srv").data
    assert made.port is None
    moved = resource.update(made.id, fqdn=host, port=port, dns_record_type="a").data
    assert (moved.fqdn, moved.port) == (host, port)
    assert [each.fqdn for each in resource.list(filter={"connection_id": sid})] == [host]


def refused(ask: Any) -> tuple[int, str]:
    """Status and code of the error."""
    try:
        ask()
    except APIStatusError as error:
        (first,) = error.body["errors"]
        return error.status_code, first["code"]
    raise AssertionError("it was not refused")


main(*sys.argv[1:])
