"""Requests of Twilio's REST, and what is answered."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.carrier.twilio.test_account import LINE, SPARE, account

from hookflash.carrier.config import NetworkConfig, PhoneConfig
from hookflash.carrier.rest.messages import RestAnswer, RestRequest
from hookflash.carrier.twilio.rest import TwilioRest

TRUNKS = "/v1/Trunks"


class Client:
    """Asks, with the right credentials."""

    def __init__(self, rest: TwilioRest | None = None) -> None:
        self.rest = rest or TwilioRest(account())
        kept = self.rest.account
        self.old = f"/2010-04-01/Accounts/{kept.sid}"
        self.basic = basic(f"{kept.sid}:{kept.token}")

    def ask(self, method: str, path: str, query: Any = None, **form: str) -> RestAnswer:
        where = (method, path, "https://trunking.twilio.com")
        request = RestRequest(*where, query=query or {}, form=form, authorization=self.basic)
        return self.rest.answer(1.0, request)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self.ask("GET", path, query)
        assert answer.status == 200, answer.body
        assert answer.body is not None
        return answer.body

    def post(self, path: str, **form: str) -> dict[str, Any]:
        answer = self.ask("POST", path, **form)
        assert answer.status in {200, 201}, answer.body
        assert answer.body is not None
        return answer.body

    def refused(self, method: str, path: str, query: Any = None, **form: str) -> tuple[Any, ...]:
        """Status, code and text."""
        answer = self.ask(method, path, query, **form)
        body = answer.body or {}
        assert answer.status == body["status"]
        assert body["more_info"].endswith(f"/{body['code']}")
        return answer.status, body["code"], body["message"]


def basic(pair: str) -> str:
    return "Basic " + b64encode(pair.encode()).decode()


def test_a_trunk_is_made_changed_and_deleted() -> None:
    client = Client()
    made = client.ask("POST", TRUNKS, FriendlyName="mine", DomainName="Acme.pstn.twilio.com")
    assert made.status == 201
    assert made.body is not None
    sid = made.body["sid"]
    assert made.body["domain_name"] == "acme.pstn.twilio.com"
    assert made.body["url"] == f"https://trunking.twilio.com{TRUNKS}/{sid}"
    changed = client.ask("POST", f"{TRUNKS}/{sid}", TransferMode="enable-all")
    assert changed.status == 200
    assert client.get(f"{TRUNKS}/{sid}")["transfer_mode"] == "enable-all"
    assert [one["friendly_name"] for one in client.get(TRUNKS)["trunks"]] == ["support", "mine"]
    assert client.ask("DELETE", f"{TRUNKS}/{sid}") == RestAnswer(204)
    assert client.refused("GET", f"{TRUNKS}/{sid}")[:2] == (404, 20404)


def test_what_is_on_a_trunk() -> None:
    client = Client()
    trunk = client.post(TRUNKS)
    at = f"{TRUNKS}/{trunk['sid']}"
    url = {"SipUrl": "sip:a.test", "Weight": "1", "Priority": "1", "Enabled": "true"}
    made = client.post(f"{at}/OriginationUrls", FriendlyName="x", **url)
    assert client.post(f"{at}/OriginationUrls/{made['sid']}", Enabled="false")["enabled"] is False
    assert made["trunk_sid"] == trunk["sid"]
    spare = client.get(f"{client.old}/IncomingPhoneNumbers.json", PhoneNumber=SPARE)
    (number,) = spare["incoming_phone_numbers"]
    client.post(f"{at}/PhoneNumbers", PhoneNumberSid=number["sid"])
    assert client.get(f"{at}/PhoneNumbers")["phone_numbers"][0]["phone_number"] == SPARE
    kinds = (
        ("IpAccessControlList", "ip_access_control_lists"),
        ("CredentialList", "credential_lists"),
    )
    for name, key in kinds:
        listed = client.post(f"{client.old}/SIP/{name}s.json", FriendlyName="ours")
        client.post(f"{at}/{name}s", **{f"{name}Sid": listed["sid"]})
        assert client.get(f"{at}/{name}s")[key][0]["sid"] == listed["sid"]
        assert client.get(at)["auth_type"] != ""
        assert client.refused("POST", f"{at}/{name}s/{listed['sid']}")[0] == 405
        assert client.ask("DELETE", f"{at}/{name}s/{listed['sid']}").status == 204
        assert client.get(f"{at}/{name}s")[key] == []
        assert client.get(f"{client.old}/SIP/{name}s/{listed['sid']}.json")["sid"] == listed["sid"]
    assert client.ask("DELETE", f"{at}/PhoneNumbers/{number['sid']}").status == 204
    held = client.get(f"{client.old}/IncomingPhoneNumbers/{number['sid']}.json")
    assert held["trunk_sid"] is None, "it is on no trunk, and the account's still"
    assert client.ask("DELETE", f"{at}/OriginationUrls/{made['sid']}").status == 204


def test_lists_of_the_account() -> None:
    client = Client()
    for name, part, key, form in (
        (
            "IpAccessControlLists",
            "IpAddresses",
            "ip_addresses",
            {"FriendlyName": "a", "IpAddress": "192.0.2.1"},
        ),
        (
            "CredentialLists",
            "Credentials",
            "credentials",
            {"Username": "me", "Password": "Of-12-letters"},
        ),
    ):
        sid = client.post(f"{client.old}/SIP/{name}.json", FriendlyName="ours")["sid"]
        at = f"{client.old}/SIP/{name}/{sid}/{part}"
        one = client.post(f"{at}.json", **form)
        assert [held["sid"] for held in client.get(f"{at}.json")[key]] == [one["sid"]]
        assert client.get(f"{at}/{one['sid']}.json") == one
        assert client.ask("DELETE", f"{at}/{one['sid']}.json").status == 204
        assert client.ask("DELETE", f"{client.old}/SIP/{name}/{sid}.json").status == 204
        assert client.refused("GET", f"{at}.json")[0] == 404


def test_a_number_is_bought_and_put_on_a_trunk() -> None:
    client = Client()
    trunk = client.get(TRUNKS)["trunks"][0]["sid"]
    at = f"{client.old}/IncomingPhoneNumbers"
    sid = client.post(f"{at}.json", PhoneNumber="+15550000123")["sid"]
    client.post(f"{at}/{sid}.json", TrunkSid=trunk)
    assert client.rest.account.trunks()[0].numbers == (LINE, "+15550000123")
    client.post(f"{at}/{sid}.json", TrunkSid="")
    assert client.rest.account.trunks()[0].numbers == (LINE,)
    assert client.ask("DELETE", f"{at}/{sid}.json").status == 204


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", 2), (LINE, 1), ("+1555*000009", 1), ("0000", 2), ("+1999", 0), ("x" * 50, 0)],
)
def test_numbers_by_a_part_of_them(wanted: str, found: int) -> None:
    client = Client()
    page = client.get(f"{client.old}/IncomingPhoneNumbers.json", PhoneNumber=wanted)
    assert len(page["incoming_phone_numbers"]) == found


def test_pages_follow_one_another() -> None:
    client = Client()
    for _ in range(60):
        client.post(TRUNKS)
    first = client.get(TRUNKS)
    assert len(first["trunks"]) == first["meta"]["page_size"] == 50
    at = f"https://trunking.twilio.com{TRUNKS}"
    assert first["meta"]["next_page_url"] == f"{at}?PageSize=50&Page=1"
    second = client.get(TRUNKS, PageSize="50", Page="1")
    assert len(second["trunks"]) == 11
    assert second["meta"]["next_page_url"] is None
    assert len(client.get(TRUNKS, PageSize="1000")["trunks"]) == 61
    old = client.get(f"{client.old}/IncomingPhoneNumbers.json", PageSize="1", PhoneNumber="+1555")
    uri = f"{client.old}/IncomingPhoneNumbers.json?PhoneNumber=%2B1555&PageSize=1&Page=1"
    assert old["next_page_uri"] == uri
    for wrong in ("0", "1001", "x"):
        status, code, text = client.refused("GET", TRUNKS, {"PageSize": wrong})
        assert (status, code) == (400, 20001)
        assert text == (
            f"Invalid PageSize: '{wrong}' is not allowed; allowed: an integer from 1 to 1000"
        )


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !", basic("AC:x"), "Bearer x", basic(f"{account().sid}:guess"), "Basic é"],
)
def test_nobody_else_is_let_in(authorization: str) -> None:
    client = Client()
    client.basic = authorization
    assert client.refused("GET", TRUNKS) == (401, 20003, "Authenticate")
    assert client.refused("POST", TRUNKS)[0] == 401
    assert len(client.rest.account.trunks()) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/Trunk",
        "/v1/Trunks/TK1",
        "/v1/Trunks/TK1/PhoneNumbers",
        "/v1/Trunks/TK1/Recording",
        "/v1/Trunks/TK1/PhoneNumbers/PN1/x",
        "/v2/Trunks",
        "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json",
        "{old}",
        "{old}/IncomingPhoneNumbers",
        "{old}/Calls.json",
        "{old}/SIP/Domains.json",
        "{old}/SIP/CredentialLists/CL1/Credentials.json",
        "{old}/IncomingPhoneNumbers/PN1/x.json",
    ],
)
def test_what_is_not_there(path: str) -> None:
    client = Client()
    path = path.format(old=client.old)
    text = f"The requested resource {path} was not found"
    assert client.refused("GET", path) == (404, 20404, text)


@pytest.mark.parametrize(
    ("form", "code", "text"),
    [
        (
            {"TransferMode": "on"},
            21245,
            "Invalid TransferMode: 'on' is not allowed; allowed: "
            "one of disable-all, enable-all, sip-only",
        ),
        (
            {"TransferCallerId": "fixed"},
            21245,
            "Invalid TransferCallerId: 'fixed' is not allowed; allowed: "
            "one of from-transferee, from-transferor",
        ),
    ],
)
def test_a_wrong_parameter(form: dict[str, str], code: int, text: str) -> None:
    client = Client()
    assert client.refused("POST", TRUNKS, **form) == (400, code, text)
    sid = client.get(TRUNKS)["trunks"][0]["sid"]
    assert client.refused("POST", f"{TRUNKS}/{sid}", **form) == (400, code, text)
    assert client.get(f"{TRUNKS}/{sid}")["transfer_mode"] == "disable-all"


def test_what_cannot_be_put_on_a_trunk() -> None:
    client = Client()
    at = f"{TRUNKS}/{client.get(TRUNKS)['trunks'][0]['sid']}/PhoneNumbers"
    missing = "Missing required parameter PhoneNumberSid"
    assert client.refused("POST", at) == (400, 20001, missing)
    for sid, allowed in (("x", "PN and 32 hex"), ("PN" + "0" * 32, "one of the account's")):
        assert allowed in client.refused("POST", at, PhoneNumberSid=sid)[2]


def test_other_methods() -> None:
    client = Client()
    sid = client.get(TRUNKS)["trunks"][0]["sid"]
    text = f"Method PUT is not allowed at {TRUNKS}; allowed: GET, POST"
    assert client.refused("PUT", TRUNKS) == (405, 20004, text)
    assert client.refused("PATCH", f"{TRUNKS}/{sid}")[2].endswith("allowed: GET, POST, DELETE")


NAMES = (
    *("v1", "2010-04-01", "Accounts", account().sid, "Trunks", "SIP", "CredentialLists.json"),
    *("PhoneNumbers", "IncomingPhoneNumbers.json", "IpAccessControlLists", "TK1", ""),
)
PARTS = st.lists(st.sampled_from(NAMES) | st.text(max_size=5), max_size=8)
TEXTS = st.dictionaries(
    st.sampled_from(["PageSize", "Page", "PhoneNumber", "FriendlyName", "TransferMode", "TrunkSid"])
    | st.text(max_size=4),
    st.text(max_size=12),
)


@given(st.sampled_from(["GET", "POST", "DELETE", "PUT"]), PARTS, TEXTS, TEXTS, st.booleans())
def test_whatever_is_asked_has_an_answer(
    method: str, parts: list[str], query: dict[str, str], form: dict[str, str], known: bool
) -> None:
    rest = TwilioRest(account(NetworkConfig((), (PhoneConfig(LINE),))))
    client = Client(rest)
    authorization = client.basic if known else "Basic " + "".join(parts)
    path = "/" + "/".join(parts)
    answer = rest.answer(
        0.0, RestRequest(method, path, query=query, form=form, authorization=authorization)
    )
    assert answer.status in {200, 201, 400, 401, 404, 405}
    json.dumps(answer.body)
    rest.account.trunks()
