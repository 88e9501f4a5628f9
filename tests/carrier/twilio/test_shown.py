"""Resources as JSON."""

from __future__ import annotations

import pytest
from tests.carrier.twilio.test_account import account, only

from hookflash.carrier.twilio import shown
from hookflash.carrier.twilio.account import (
    ACCESS_LIST,
    ADDRESS,
    CREDENTIAL,
    CREDENTIAL_LIST,
    NUMBER,
    TRUNK,
)

AT = "https://trunking.twilio.com/v1/Trunks"


def test_a_trunk() -> None:
    """The fields of the fixture of Twilio's own library (tests/integration/trunking/v1)."""
    kept = account()
    trunk = only(kept, TRUNK)
    listed = kept.make(1.0, ACCESS_LIST, "", {"FriendlyName": "ours"})
    kept.put_list(86400.5, trunk, listed)
    found = shown.v1(kept, trunk, f"{AT}/{trunk.sid}", None)
    assert found == {
        "sid": trunk.sid,
        "account_sid": kept.sid,
        "domain_name": None,
        "disaster_recovery_method": "POST",
        "disaster_recovery_url": None,
        "friendly_name": "support",
        "secure": False,
        "cnam_lookup_enabled": False,
        "symmetric_rtp_enabled": False,
        "recording": {"mode": "do-not-record", "trim": "do-not-trim"},
        "transfer_mode": "disable-all",
        "transfer_caller_id": "from-transferee",
        "auth_type": "CREDENTIAL_LIST,IP_ACL",
        "auth_type_set": ["CREDENTIAL_LIST", "IP_ACL"],
        "date_created": "1970-01-01T00:00:00Z",
        "date_updated": "1970-01-02T00:00:00Z",
        "url": f"{AT}/{trunk.sid}",
        "links": {
            "origination_urls": f"{AT}/{trunk.sid}/OriginationUrls",
            "credential_lists": f"{AT}/{trunk.sid}/CredentialLists",
            "ip_access_control_lists": f"{AT}/{trunk.sid}/IpAccessControlLists",
            "phone_numbers": f"{AT}/{trunk.sid}/PhoneNumbers",
        },
    }
    (number,) = kept.numbers_on(trunk.sid)
    assert shown.v1(kept, number, "x", trunk)["trunk_sid"] == trunk.sid


def test_what_is_of_2010() -> None:
    kept = account()
    root = f"/2010-04-01/Accounts/{kept.sid}"
    number = shown.v2010(kept, kept.below(NUMBER, "")[1])
    assert number["uri"] == f"{root}/IncomingPhoneNumbers/{number['sid']}.json"
    assert number["trunk_sid"] is None
    assert number["date_created"] == "Thu, 01 Jan 1970 00:00:00 +0000"
    for kind, inner, form, path, part in (
        (
            ACCESS_LIST,
            ADDRESS,
            {"FriendlyName": "a", "IpAddress": "192.0.2.1"},
            "IpAccessControlLists",
            "IpAddresses",
        ),
        (
            CREDENTIAL_LIST,
            CREDENTIAL,
            {"Username": "me", "Password": "Of-12-letters"},
            "CredentialLists",
            "Credentials",
        ),
    ):
        listed = kept.make(0.0, kind, "", {"FriendlyName": "ours"})
        at = f"{root}/SIP/{path}/{listed.sid}"
        found = shown.v2010(kept, listed)
        assert found["uri"] == f"{at}.json"
        assert list(found["subresource_uris"].values()) == [f"{at}/{part}.json"]
        one = shown.v2010(kept, kept.make(0.0, inner, listed.sid, form))
        assert one["uri"] == f"{at}/{part}/{one['sid']}.json"
        assert listed.sid in one.values()
        assert "Of-12-letters" not in str(one)


@pytest.mark.parametrize(
    ("page", "total", "following", "previous"),
    [(0, 2, None, None), (0, 3, 1, None), (1, 4, None, 0), (1, 5, 2, 0), (9, 5, None, 8)],
)
def test_pages(page: int, total: int, following: int | None, previous: int | None) -> None:
    def url(at: str, number: int | None) -> str | None:
        return None if number is None else f"{at}PageSize=2&Page={number}"

    new = shown.v1_page("trunks", AT, [{"sid": "a"}], page, 2, total)
    assert new["trunks"] == [{"sid": "a"}]
    assert new["meta"] == {
        "first_page_url": url(f"{AT}?", 0),
        "key": "trunks",
        "next_page_url": url(f"{AT}?", following),
        "page": page,
        "page_size": 2,
        "previous_page_url": url(f"{AT}?", previous),
        "url": url(f"{AT}?", page),
    }
    old = shown.v2010_page("credentials", "/x.json?a=b", [{"sid": "a"}], page, 2, total)
    assert old["next_page_uri"] == url("/x.json?a=b&", following)
    assert old["previous_page_uri"] == url("/x.json?a=b&", previous)
    assert (old["start"], old["end"], old["page_size"]) == (page * 2, page * 2, 2)
