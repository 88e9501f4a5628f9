"""Requests and answers, without a socket. By Telnyx's library: tests/interop/test_telnyx.py."""

from __future__ import annotations

from typing import Any

import pytest
from tests.carrier.telnyx.test_account import LINE, SPARE, account

from hookflash.carrier.rest.messages import RestAnswer, RestRequest
from hookflash.carrier.telnyx.errors import AUTHENTICATE, NOT_FOUND, TelnyxFaceError
from hookflash.carrier.telnyx.rest import TelnyxRest


class Client:
    """Asks, with the right key."""

    def __init__(self) -> None:
        self.rest = TelnyxRest(account())
        self.authorization = f"Bearer {self.rest.account.key}"

    def ask(self, method: str, path: str, query: Any = None, **values: Any) -> RestAnswer:
        request = RestRequest(
            method,
            f"/v2/{path}",
            query=query or {},
            values=values,
            authorization=self.authorization,
        )
        return self.rest.answer(1.0, request)

    def data(self, method: str, path: str, query: Any = None, **values: Any) -> Any:
        answer = self.ask(method, path, query, **values)
        assert answer.body is not None
        return answer.body["data"]

    def refused(self, method: str, path: str, query: Any = None, **values: Any) -> TelnyxFaceError:
        with pytest.raises(TelnyxFaceError) as caught:
            self.ask(method, path, query, **values)
        return caught.value


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_resource_of_each_kind_is_made_changed_and_deleted(client: Client) -> None:
    connection = client.data("POST", "fqdn_connections", connection_name="ours")["id"]
    ours = {"connection_id": connection, "fqdn": "a.test", "dns_record_type": "a"}
    bodies: dict[str, dict[str, Any]] = {"fqdns": ours, "outbound_voice_profiles": {"name": "x"}}
    for path, body in bodies.items():
        answer = client.ask("POST", path, **body)
        assert answer.status == 201
        assert answer.body is not None
        at = f"{path}/{answer.body['data']['id']}"
        name, value = ("port", 5070) if path == "fqdns" else ("enabled", False)
        changed = client.ask("PATCH", at, **{name: value})
        assert changed.status == 200
        assert client.data("GET", at)[name] == value
        deleted = client.ask("DELETE", at)
        assert (deleted.status, deleted.body) == (200, changed.body)
        assert client.refused("GET", at).code == NOT_FOUND
    at = f"fqdn_connections/{connection}"
    client.ask("PATCH", at, inbound={"dnis_number_format": "+e164"})
    inbound = client.data("GET", at)["inbound"]
    assert (inbound["dnis_number_format"], inbound["ani_number_format"]) == (
        "+e164",
        "E.164-national",
    )


def test_a_password_is_shown_to_whoever_sets_it_and_then_no_more(client: Client) -> None:
    given = {"connection_name": "ours", "user_name": "somebody", "password": "12345678"}
    made = client.data("POST", "fqdn_connections", **given)
    assert made["password"] == "12345678"
    at = f"fqdn_connections/{made['id']}"
    assert client.data("GET", at)["password"] == "********"
    assert client.data("PATCH", at, active=False)["password"] == "********"
    assert client.data("PATCH", at, password="87654321")["password"] == "87654321"
    assert "87654321" not in str(client.ask("GET", "fqdn_connections").body)


def test_a_number_is_put_on_a_connection_and_neither_made_nor_deleted(client: Client) -> None:
    connection = client.data("POST", "fqdn_connections", connection_name="ours")["id"]
    (spare,) = client.data("GET", "phone_numbers", {"filter[phone_number]": SPARE[1:]})
    at = f"phone_numbers/{spare['id']}"
    put = client.data("PATCH", at, id=spare["id"], connection_id=connection)
    assert (put["connection_id"], put["connection_name"]) == (connection, "ours")
    assert client.refused("POST", "phone_numbers", phone_number="+1").status == 405
    assert client.refused("DELETE", at).status == 405
    assert client.refused("PUT", "fqdns").text == (
        "PUT is not allowed at /v2/fqdns; allowed: GET, POST"
    )


def test_pages_follow_one_another(client: Client) -> None:
    for count in range(21):
        client.ask("POST", "outbound_voice_profiles", name=str(count))
    body = client.ask("GET", "outbound_voice_profiles").body
    assert body is not None
    assert body["meta"] == {
        "page_number": 1,
        "page_size": 20,
        "total_pages": 2,
        "total_results": 22,
    }
    assert [one["name"] for one in body["data"]][:2] == ["20", "19"]  # newest first
    last = client.data("GET", "outbound_voice_profiles", {"page[number]": "2"})
    assert [one["name"] for one in last] == ["0", "Default"]
    sized = client.data("GET", "outbound_voice_profiles", {"page[size]": "250"})
    assert len(sized) == 22
    for wrong in (
        {"page[size]": "251"},
        {"page[size]": "0"},
        {"page[number]": "x"},
        {"page[number]": "1" * 10},
    ):
        assert client.refused("GET", "fqdns", wrong).status == 400


def test_filters(client: Client) -> None:
    profile = client.data("POST", "outbound_voice_profiles", name="Abc")["id"]
    ours = client.data(
        "POST",
        "fqdn_connections",
        connection_name="Our own",
        outbound={"outbound_voice_profile_id": profile},
    )["id"]
    fqdn = {"connection_id": ours, "fqdn": "a.test", "dns_record_type": "a"}
    made = client.data("POST", "fqdns", **fqdn)["id"]
    asked = {
        "fqdn_connections": (
            ours,
            [
                ("[connection_name][contains]", "OUR"),
                ("[fqdn]", "a.test"),
                ("[outbound_voice_profile_id]", profile),
            ],
        ),
        "fqdns": (
            made,
            [("[connection_id]", ours), ("[fqdn]", "a.test")],
        ),
        "outbound_voice_profiles": (profile, [("[name][contains]", "abc")]),
    }
    for path, (sid, filters) in asked.items():
        for name, value in filters:
            assert [one["id"] for one in client.data("GET", path, {f"filter{name}": value})] == [
                sid
            ]
            assert client.data("GET", path, {f"filter{name}": "none"}) == []
    by_port = client.data("GET", "fqdns", {"filter[port]": "5060", "filter[dns_record_type]": "a"})
    assert len(by_port) == 2


@pytest.mark.parametrize(
    ("wanted", "found"), [("5550000001", 1), ("555", 2), ("55", 0), (LINE, 0), ("+155", 0)]
)
def test_numbers_are_found_by_digits_alone(client: Client, wanted: str, found: int) -> None:
    assert len(client.data("GET", "phone_numbers", {"filter[phone_number]": wanted})) == found


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer guess", "Basic {key}", "{key}"])
def test_nobody_else_is_let_in(client: Client, authorization: str) -> None:
    client.authorization = authorization.format(key=client.rest.account.key)
    for path in ("fqdn_connections", "nothing"):
        error = client.refused("GET", path)
        assert (error.status, error.code) == (401, AUTHENTICATE)


@pytest.mark.parametrize("path", ["", "nothing", "fqdns/7", "fqdns/7/8", "fqdn_connections/"])
def test_what_is_not_there(client: Client, path: str) -> None:
    if path == "fqdn_connections/":
        assert client.ask("GET", path).status == 200
    else:
        error = client.refused("GET", path)
        assert (error.status, error.code) == (404, NOT_FOUND)
