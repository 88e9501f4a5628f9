"""Resources and pages as Telnyx's JSON has them."""

from __future__ import annotations

from tests.carrier.telnyx.test_account import LINE, NETWORK, account, connection

from hookflash.carrier.telnyx.account import CONNECTION, NUMBER, PROFILE
from hookflash.carrier.telnyx.shown import one, page, resource


def test_a_connection_without_its_password() -> None:
    kept = account()
    made = connection(kept, "ours", user_name="somebody", password="12345678")
    shown = resource(kept, made)
    assert shown["id"] == made.sid
    assert shown["record_type"] == "fqdn_connection"
    assert shown["connection_name"] == "ours"
    assert shown["active"] is True
    assert shown["created_at"] == "1970-01-01T00:00:01.000Z"
    assert (shown["user_name"], shown["password"]) == ("somebody", "********")
    assert resource(kept, connection(kept))["password"] is None
    assert one(kept, made) == {"data": shown}
    assert one(kept, made, "12345678") == {"data": {**shown, "password": "12345678"}}


def test_a_number_names_its_connection() -> None:
    kept = account()
    spare, line = sorted(
        (resource(kept, number) for number in kept.all(NUMBER)),
        key=lambda shown: str(shown["connection_name"]),
    )
    assert (spare["connection_id"], spare["connection_name"]) == (None, None)
    (begun,) = kept.all(CONNECTION)
    assert (line["phone_number"], line["connection_id"]) == (LINE, begun.sid)
    assert (line["connection_name"], line["status"]) == (NETWORK.trunks[0].name, "active")
    assert line["country_iso_alpha2"] == "US"


def test_a_profile_counts_its_connections() -> None:
    kept = account()
    (begun,) = kept.all(PROFILE)
    connection(kept, outbound={"outbound_voice_profile_id": begun.sid})
    shown = resource(kept, begun)
    assert (shown["name"], shown["connections_count"]) == ("Default", 2)
    assert shown["whitelisted_destinations"] == ("US", "CA")


def test_pages() -> None:
    things = [{"id": str(count)} for count in range(5)]
    meta = {"page_number": 3, "page_size": 2, "total_pages": 3, "total_results": 5}
    assert page(things, 3, 2) == {"data": things[4:], "meta": meta}
    assert page(things, 1, 2)["data"] == things[:2]
    assert page(things, 4, 2)["data"] == []
    assert page([], 1, 2)["meta"]["total_pages"] == 0
