from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from tests.api.support import Answer, Client, all_grants, api, sign

from hookflash.adapters.store.ops import AddAudit, PutCall, PutTransfer
from hookflash.calls.records import CallRecord, KeptMessages, StageEntry, TransferRecord
from hookflash.sip.flow import Flow
from hookflash.sip.trace import Trace


@pytest.fixture
def client() -> Iterator[Client]:
    with api() as made:
        for number in range(3):
            room = "lobby" if number < 2 else "other"
            made.parts.store.write_soon(
                PutTransfer(
                    TransferRecord(
                        *(f"STR_{number}", "SCL_a", room, "sip_+1", "tel:+2", "<tel:+2>"),
                        *("devkey", "", float(number)),
                        stages=(StageEntry("requested", float(number)),),
                    )
                ),
                PutCall(
                    CallRecord(f"SCL_{number}", "id", "inbound", room, created_at=float(number))
                ),
                AddAudit(10.0 * number, "devkey", "transfer", f"STR_{number % 2}", "who"),
            )
        yield made


def get(client: Client, path: str, grants: dict[str, object] | None = None) -> Answer:
    token = sign(all_grants("lobby") if grants is None else grants)
    return client.http("GET", path, headers={"authorization": f"Bearer {token}"})


def test_one_transfer(client: Client) -> None:
    answer = get(client, "/hookflash/transfers/STR_1")
    assert answer.content_type == "application/json"
    assert answer.json["transfer_id"] == "STR_1"
    assert answer.json["stages"] == [{"stage": "requested", "at": 1.0}]
    assert answer.json["verdict"] is None
    assert get(client, "/hookflash/transfers/STR_x").status == 404
    assert get(client, "/hookflash/transfers/STR_2").status == 401


def test_one_call(client: Client) -> None:
    assert get(client, "/hookflash/calls/SCL_1").json["call_id"] == "SCL_1"
    assert get(client, "/hookflash/calls/SCL_x").status == 404
    assert get(client, "/hookflash/calls/SCL_2").status == 401


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?room=lobby", ["1", "0"]),
        ("?room=lobby&limit=1", ["1"]),
        ("?room=lobby&before=1", ["0"]),
        ("", ["2", "1", "0"]),
        ("?room=&limit=2", ["2", "1"]),
    ],
)
def test_pages(client: Client, query: str, found: list[str]) -> None:
    transfers = get(client, f"/hookflash/transfers{query}").json["transfers"]
    assert [record["transfer_id"][-1] for record in transfers] == found
    calls = get(client, f"/hookflash/calls{query}").json["calls"]
    assert [record["call_id"][-1] for record in calls] == found


def test_before_an_id(client: Client) -> None:
    found = get(client, "/hookflash/transfers?room=lobby&before=STR_1").json["transfers"]
    assert [record["transfer_id"] for record in found] == ["STR_0"]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e3", "9999999999", "٣"])
def test_bad_limits(client: Client, limit: str) -> None:
    answer = get(client, f"/hookflash/transfers?limit={limit}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_argument")


def test_grants(client: Client) -> None:
    sip_only: dict[str, object] = {"sip": {"call": True}}
    admin: dict[str, object] = {"sip": {"admin": True}}
    room: dict[str, object] = {"video": {"roomAdmin": True, "room": "lobby"}}
    both = {**sip_only, **room}
    for path in ("/hookflash/transfers", "/hookflash/calls"):
        assert get(client, f"{path}?room=lobby", both).status == 200
        for grants in (sip_only, admin, room, both):
            assert get(client, f"{path}?room=other", grants).status == 401
            assert get(client, path, grants).status == 401
        assert client.http("GET", path).json["msg"] == "permissions denied"
        assert client.http("POST", path).status == 405


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [3, 2, 1]),
        ("?subject=", [3, 2, 1]),
        ("?subject=STR_0", [3, 1]),
        ("?subject=STR_0&limit=1", [3]),
        ("?subject=STR_0&before=3", [1]),
        ("?before=2", [1]),
        ("?before=15.5", [2, 1]),
        ("?before=10", [1]),
        ("?before=x", []),
    ],
)
def test_the_audit(client: Client, query: str, found: list[int]) -> None:
    lines = get(client, f"/hookflash/audit{query}").json["audit"]
    assert [line["id"] for line in lines] == found
    if found == [1]:
        assert lines == [
            {
                **{"id": 1, "at": 0.0, "api_key": "devkey", "action": "transfer"},
                **{"subject": "STR_0", "detail": "who"},
            }
        ]


def test_the_audit_is_for_who_may_change_trunks(client: Client) -> None:
    path = "/hookflash/audit"
    assert get(client, path, {"sip": {"admin": True}}).status == 200
    call: dict[str, object] = {"sip": {"call": True}}
    for grants in (call, {**call, "video": {"roomAdmin": True, "room": "lobby"}}):
        assert get(client, f"{path}?subject=STR_0", grants).status == 401
    assert client.http("GET", path).json["msg"] == "permissions denied"
    assert get(client, f"{path}?limit=0").status == 400


WAY = Flow("udp", ("0.0.0.0", 5060), ("2001:db8::7", 5060))
TRACE = Trace(
    (
        (1.5, WAY, True, b"INVITE sip:a@b SIP/2.0\r\nX-Token: s3cr3t\r\n\r\n"),
        (2.5, WAY, False, b"SIP/2.0 200 OK\r\n\r\n\xff"),
    ),
    2,
    "2001:db8::1",
)


def test_the_messages_of_a_call_that_is_over_and_of_its_transfer(client: Client) -> None:
    record = CallRecord("SCL_a", "id@h", "inbound", "lobby", created_at=1.0, ended_at=9.0)
    client.parts.store.write_soon(PutCall(record, TRACE))
    answer = get(client, "/hookflash/calls/SCL_a/sip")
    assert answer.status == 200
    between = {"transport": "udp", "local": "[2001:db8::1]:5060", "remote": "[2001:db8::7]:5060"}
    assert answer.json == {
        "call_id": "SCL_a",
        "sip_call_id": "id@h",
        "live": False,
        "dropped": 2,
        "messages": [
            {
                **{"at": 1.5, "direction": "received", **between},
                "text": "INVITE sip:a@b SIP/2.0\r\nX-Token: xxxxxx\r\n\r\n",
            },
            {
                **{"at": 2.5, "direction": "sent", **between},
                "text": "SIP/2.0 200 OK\r\n\r\n\ufffd",
                "data": "U0lQLzIuMCAyMDAgT0sNCg0K/w==",
            },
        ],
    }
    assert get(client, "/hookflash/transfers/STR_1/sip").json == answer.json
    assert get(client, "/hookflash/transfers/STR_2/sip").status == 401
    assert get(client, "/hookflash/transfers/STR_x/sip").json["msg"] == "transfer does not exist"


def test_the_messages_so_far_of_a_call_that_is_up(client: Client) -> None:
    record = CallRecord("SCL_9", "id@h", "inbound", "lobby", created_at=1.0)
    client.sip.up["SCL_9"] = (record, KeptMessages(()))
    answer = get(client, "/hookflash/calls/SCL_9/sip").json
    assert (answer["live"], answer["messages"]) == (True, [])
    client.sip.up["SCL_9"] = (record, None)
    assert get(client, "/hookflash/calls/SCL_9/sip").status == 404


def test_who_may_see_messages(client: Client) -> None:
    call: dict[str, object] = {"sip": {"call": True}}
    room: dict[str, object] = {"video": {"roomAdmin": True, "room": "lobby"}}
    client.sip.up["SCL_9"] = (CallRecord("SCL_9", "i", "inbound", "other"), KeptMessages(()))
    for path in ("/hookflash/calls/SCL_1/sip", "/hookflash/transfers/STR_1/sip"):
        assert get(client, path, {**call, **room}).status == 404
        for grants in (call, room):
            assert get(client, path, grants).status == 401
    for path in ("/hookflash/calls/SCL_2/sip", "/hookflash/calls/SCL_9/sip"):
        assert get(client, path).status == 401


def test_a_call_without_messages_says_why_and_what_to_do(client: Client) -> None:
    answer = get(client, "/hookflash/calls/SCL_1/sip")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert "sip.keep_messages" in answer.json["msg"]
    assert get(client, "/hookflash/calls/SCL_x/sip").json["msg"] == "call does not exist"
    # Its transfer is stored, and it is not.
    said = get(client, "/hookflash/transfers/STR_0/sip").json["msg"]
    assert said == "the transfer's call does not exist"


def test_records_that_cannot_be_read_are_an_error_of_ours(client: Client) -> None:
    async def spoil() -> None:
        await client.parts.store._ask(lambda c: c.execute("DROP TABLE calls"))

    client.runner.run(spoil())
    with capture_logs() as logs:
        answer = get(client, "/hookflash/calls")
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert answer.json["msg"] == "the records could not be read"
    assert [line["path"] for line in logs if line["event"] == "records_unreadable"] == [
        "/hookflash/calls"
    ]
    assert get(client, "/hookflash/transfers").status == 200
