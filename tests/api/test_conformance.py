"""The recorded answers of LiveKit, replayed in order (conformance/api-answers.json).

All agree but the differences that are wanted; each is named in `DIFFERENT` with our answer, and
`CONSEQUENCES` names the answers that follow from them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api.support import Answer, Client, all_grants, api, sign

from hookflash.twirp.errors import PREFIX

RECORDS = json.loads(
    (Path(__file__).parents[1] / "data/conformance/api-answers.json").read_text("utf-8")
)
TEXT = "text/plain; charset=utf-8"
RESERVED = "invalid header name: header name Via not supported"
UNAUTHORISED = "invalid authorization token: "

DIFFERENT: dict[str, tuple[int, str, object]] = {
    "wrong_secret": (
        401,
        TEXT,
        UNAUTHORISED + "token signature is invalid: signature is invalid",
    ),
    "expired": (401, TEXT, UNAUTHORISED + "token has invalid claims: token is expired"),
    "unknown_key": (401, TEXT, "invalid API key"),
    "in_user_only": (
        400,
        "application/json",
        {
            "code": "invalid_argument",
            "msg": "auth_username and auth_password must be set together",
        },
    ),
    "in_bad_header": (400, "application/json", {"code": "invalid_argument", "msg": RESERVED}),
    "t_reserved_header": (400, "application/json", {"code": "invalid_argument", "msg": RESERVED}),
    "out_upd_bad": (
        400,
        "application/json",
        {"code": "invalid_argument", "msg": "no outbound address specified"},
    ),
}
"""HTTP status, content type and answer where ours is the better or the newer one."""


def without_refused_trunks(answer: Any) -> Any:
    """Trunks `u` and `h` are recorded, but refused here."""
    return {"items": [item for item in answer["items"] if item["name"] not in ("u", "h")]}


CONSEQUENCES: dict[str, Callable[[Any], Any]] = {
    "in_list": without_refused_trunks,
    "old_list": without_refused_trunks,
    "clean_uonly": lambda answer: {**answer, "sip_trunk_id": "ST_neverMade123"},
}
"""Follow from a refusal above."""

FILLED = ("created_at", "updated_at")
"""Times of trunks and rules: LiveKit leaves them empty, ours are filled."""
DEFAULTS = ("", 0, False, None, "SIP_STATUS_UNKNOWN")
NEVER_MADE = {"uonly": "ST_neverMade123"}


def send(client: Client, record: dict[str, Any], saved: dict[str, str]) -> Answer:
    """Replay one request."""
    room = ""
    request = record["request"]
    if isinstance(request, dict):
        request = json.loads(substituted(json.dumps(request), saved))
        room = (
            request.get("room_name")
            or request.get("roomName")
            or request.get("room")
            or request.get("name")
            or ""
        )
    headers = {"content-type": record.get("content_type", "application/json")}
    token = authorization(record, room)
    if token is not None:
        headers["authorization"] = token
    path = record.get("path") or f"/twirp/livekit.{record['service']}/{record['method']}"
    body = record.get("raw", "").encode("latin-1") if request is None else b""
    if request is not None:
        body = json.dumps(request).encode()
    return client.http(record.get("http_method", "POST"), path, body, headers)


def authorization(record: dict[str, Any], room: str) -> str | None:
    broken = record.get("auth")
    grants = all_grants(room)
    if broken == "WRONG_SECRET":
        head, body, _ = sign(grants).split(".")
        return f"Bearer {head}.{body}.{sign(grants, jti='x').split('.')[2]}"
    if broken == "UNKNOWN_KEY":
        return "Bearer " + sign(grants, iss="nokey")
    if broken == "EXPIRED":
        return "Bearer " + sign(grants, exp=int(time.time()) - 3600)
    if broken is not None:
        return str(broken)
    if record["token"] is None:
        return None
    return "Bearer " + sign(grants if record["token"] == "all" else record["token"])


def substituted(text: str, saved: dict[str, str]) -> str:
    for name, value in sorted(saved.items(), key=lambda item: -len(item[0])):
        text = text.replace(f"${name}", value)
    return text


def text_of(message: str, saved: dict[str, str]) -> str:
    """Without the prefix, identifiers by name, two names in alphabetical order."""
    message = message.removeprefix(PREFIX)
    for name, value in saved.items():
        message = message.replace(value, f"${name}")
    head, quote, tail = message.partition('" and "')
    if quote and '"' in head and '"' in tail:
        before, _, one = head.rpartition('"')
        other, _, after = tail.partition('"')
        first, second = sorted((one, other))
        return f'{before}"{first}" and "{second}"{after}'
    return message


def agree(wanted: Any, got: Any, where: str, saved: dict[str, str]) -> None:
    """Raise AssertionError where an answer is not the recorded one."""
    key = where.rpartition(".")[2]
    if isinstance(wanted, dict):
        assert isinstance(got, dict), where
        if wanted.keys() >= {"code", "msg"} and "meta" not in wanted:
            assert "meta" not in got, where
        for name, value in wanted.items():
            assert name in got, f"{where}.{name} is missing"
            agree(value, got[name], f"{where}.{name}", saved)
        for name in got.keys() - wanted.keys():
            assert got[name] in DEFAULTS, f"{where}.{name} is new: {got[name]!r}"
    elif isinstance(wanted, list):
        assert isinstance(got, list), where
        assert len(got) == len(wanted), f"{where}: {len(got)} instead of {len(wanted)}"
        for index, value in enumerate(wanted):
            agree(value, got[index], f"{where}[{index}]", saved)
    elif key in FILLED and ".state." not in where:
        assert isinstance(got, str), f"{where} is not filled"
        assert got.startswith("20"), where
    elif wanted == "*":
        return
    elif isinstance(wanted, str) and wanted.endswith("_*"):
        assert got.startswith(wanted[:-1]), f"{where}: {got!r}"
    elif isinstance(wanted, str):
        assert isinstance(got, str), f"{where}: {got!r}"
        expected = text_of(substituted(wanted, saved), saved)
        assert text_of(got, saved) == expected, where
    else:
        assert got == wanted, f"{where}: {got!r} instead of {wanted!r}"


@pytest.fixture(scope="module")
def replay() -> dict[str, Any]:
    """All requests in order, once; the outcome of each by its name."""
    outcomes: dict[str, Any] = {}
    saved: dict[str, str] = {}
    with api() as client:
        for record in RECORDS:
            answer = send(client, record, {**NEVER_MADE, **saved})
            body: Any = answer.body.decode()
            if answer.content_type == "application/json":
                body = answer.json
            for name, field in record.get("save", {}).items():
                if answer.status == 200:
                    saved[name] = body[field]
            outcomes[record["name"]] = (answer, body, dict(saved))
    return outcomes


@pytest.mark.parametrize("record", RECORDS, ids=[r["name"] for r in RECORDS])
def test_recorded_answer(record: dict[str, Any], replay: dict[str, Any]) -> None:
    name = record["name"]
    answer, body, saved = replay[name]
    status, content_type, wanted = DIFFERENT.get(
        name, (record["http"], record["content_type_out"], record["answer"])
    )
    if name in CONSEQUENCES:
        wanted = CONSEQUENCES[name](wanted)
    if "sort" in record:
        (items,) = (value for value in body.values() if isinstance(value, list))
        items.sort(key=lambda item: item[record["sort"]])
    assert answer.status == status, body
    assert answer.content_type == content_type
    agree(wanted, body, name, saved)


def test_all_are_there() -> None:
    names = {record["name"] for record in RECORDS}
    assert len(names) == len(RECORDS) == 143
    assert names >= DIFFERENT.keys() | CONSEQUENCES.keys()
