"""What the library is asked for, and what becomes of its errors. The library itself is asked in
tests/interop/test_telnyx.py."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hookflash.adapters.provider_api import TIMEOUT, ProviderApiError
from hookflash.adapters.telnyx_rest import TelnyxAccount, TelnyxPlace
from hookflash.providers.telnyx_plan import (
    AddFqdn,
    ChangeConnection,
    EnableProfile,
    MakeConnection,
    MakeProfile,
    PutNumber,
    SetUser,
    TelnyxConnection,
    TelnyxNumber,
    TelnyxProfile,
    TelnyxStep,
    UseProfile,
)

OURS = "+15105550100"
KEY = {"TELNYX_API_KEY": "key"}


class LibraryError(Exception):
    """TelnyxError."""


class AnyApiError(LibraryError):
    """APIError."""


class StatusError(AnyApiError):
    """APIStatusError."""

    def __init__(self, status_code: int, body: object) -> None:
        super().__init__("an answer")
        self.status_code = status_code
        self.body = body


class Resource:
    """A list of the REST: what is in it, and what was asked."""

    def __init__(self, *things: Any) -> None:
        self.things = list(things)
        self.asked: list[Any] = []

    def list(self, **query: Any) -> list[Any]:
        self.asked.append(query)
        return self.things

    def create(self, **fields: Any) -> Any:
        self.asked.append(fields)
        return SimpleNamespace(data=SimpleNamespace(id="new"))

    def update(self, sid: str, **fields: Any) -> None:
        self.asked.append((sid, fields))


class Library:
    """What stands where the library would be: its client is asked for resources alone."""

    def __init__(self) -> None:
        inbound = SimpleNamespace(ani_number_format="+E.164", dnis_number_format=None)
        connection = {
            "id": "C1",
            "connection_name": "ours",
            "active": True,
            "transport_protocol": "TCP",
            "user_name": None,
        }
        outbound = SimpleNamespace(outbound_voice_profile_id="P1")
        self.fqdn_connections = Resource(
            SimpleNamespace(**connection, inbound=inbound, outbound=outbound),
            SimpleNamespace(
                **{**connection, "id": "C2", "active": False}, inbound=None, outbound=None
            ),
        )
        self.fqdns = Resource(
            SimpleNamespace(fqdn="a.test", port=5060, connection_id="C1"),
            SimpleNamespace(fqdn="b.test", port=None, connection_id="C1"),
        )
        self.outbound_voice_profiles = Resource(
            SimpleNamespace(id="P1", name="x", enabled=False, whitelisted_destinations=["US"]),
            SimpleNamespace(id="P2", name="y", enabled=None, whitelisted_destinations=None),
        )
        self.phone_numbers = Resource(
            SimpleNamespace(id="N1", phone_number=OURS, connection_id="C1"),
            SimpleNamespace(id="N2", phone_number=f"{OURS}1", connection_id=None),
        )
        self.made: dict[str, Any] = {}

    def client(self, **settings: Any) -> Library:
        self.made = settings
        return self


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """The module of the library."""
    made, module = Library(), ModuleType("telnyx")
    module.__dict__.update(
        Telnyx=made.client,
        TelnyxError=LibraryError,
        APIError=AnyApiError,
        APIStatusError=StatusError,
    )
    monkeypatch.setitem(sys.modules, "telnyx", module)
    return made


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "telnyx", None)
    with pytest.raises(ProviderApiError, match=r"pip install 'hookflash\[telnyx\]'"):
        TelnyxAccount(KEY)


@pytest.mark.parametrize(
    ("api", "base"),
    [
        ("", "https://api.telnyx.com/v2"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v2"),
        ("https://a.example/v2/", "https://a.example/v2"),
    ],
)
def test_the_key_is_the_environments_and_goes_where_it_is_told(
    library: Library, api: str, base: str
) -> None:
    TelnyxAccount({**KEY, "TELNYX_BASE_URL": "http://192.0.2.1"}, api)
    assert library.made == {
        "api_key": "key",
        "base_url": base,
        "timeout": TIMEOUT,
        "max_retries": 0,
    }


@pytest.mark.usefixtures("library")
def test_what_is_not_to_be_asked() -> None:
    with pytest.raises(ProviderApiError, match="no credentials: set TELNYX_API_KEY"):
        TelnyxAccount({})
    with pytest.raises(ProviderApiError, match="in clear; use https"):
        TelnyxAccount(KEY, "http://192.0.2.1")


def test_what_is_there(library: Library) -> None:
    account = TelnyxAccount(KEY)
    assert account.connections() == [
        TelnyxConnection(
            *("C1", "ours", "true", "TCP", "+E.164", "", "P1", ""),
            *(("a.test:5060", "b.test"), (OURS,)),
        ),
        TelnyxConnection("C2", "ours", "false", "TCP", "", "", "", ""),
    ]
    assert account.profiles() == [
        TelnyxProfile("P1", "x", enabled=False, destinations=("US",)),
        TelnyxProfile("P2", "y"),
    ]
    assert account.numbers((OURS,)) == [TelnyxNumber("N1", OURS, "C1")]
    assert library.phone_numbers.asked[-1] == {"filter": {"phone_number": OURS[1:]}}


AT = TelnyxPlace("C1", "P9")
FORMATS = {"ani_number_format": "+E.164", "dnis_number_format": "+e164"}
CHANGES = (
    ("active", "false", "true"),
    ("transport_protocol", "UDP", "TCP"),
    ("dnis_number_format", "e164", "+e164"),
)


@pytest.mark.parametrize(
    ("step", "of", "asked", "then"),
    [
        (
            MakeConnection("ours", "TCP"),
            "fqdn_connections",
            {"connection_name": "ours", "transport_protocol": "TCP", "inbound": FORMATS},
            TelnyxPlace("new", "P9"),
        ),
        (
            MakeProfile("ours"),
            "outbound_voice_profiles",
            {"name": "ours", "traffic_type": "conversational", "service_plan": "global"},
            TelnyxPlace("C1", "new"),
        ),
        (
            EnableProfile("P1", "x"),
            "outbound_voice_profiles",
            ("P1", {"name": "x", "enabled": True}),
            AT,
        ),
        (
            ChangeConnection(CHANGES),
            "fqdn_connections",
            (
                "C1",
                {
                    "active": True,
                    "transport_protocol": "TCP",
                    "inbound": {"dnis_number_format": "+e164"},
                },
            ),
            AT,
        ),
        (
            UseProfile("P1", "x"),
            "fqdn_connections",
            ("C1", {"outbound": {"outbound_voice_profile_id": "P1"}}),
            AT,
        ),
        (
            UseProfile("", "x"),
            "fqdn_connections",
            ("C1", {"outbound": {"outbound_voice_profile_id": "P9"}}),
            AT,
        ),
        (
            SetUser("me", "hidden"),
            "fqdn_connections",
            ("C1", {"extra_body": {"user_name": "me", "password": "hidden"}}),
            AT,
        ),
        (
            AddFqdn("a.test:5070"),
            "fqdns",
            {"connection_id": "C1", "fqdn": "a.test", "dns_record_type": "a", "port": 5070},
            AT,
        ),
        (PutNumber(OURS, "N1"), "phone_numbers", ("N1", {"connection_id": "C1"}), AT),
    ],
)
def test_each_step(
    library: Library, step: TelnyxStep, of: str, asked: object, then: TelnyxPlace
) -> None:
    assert TelnyxAccount(KEY).carry_out(AT, step) == then
    assert getattr(library, of).asked == [asked]


def errors(**first: object) -> dict[str, object]:
    return {"errors": [first, {"code": "7"}]}


def caused() -> AnyApiError:
    error = AnyApiError("Connection error.")
    error.__cause__ = OSError("no network")
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            StatusError(422, errors(code="10015", title="Bad Request", detail="port is wrong")),
            "Telnyx answered 422: port is wrong (error 10015)",
        ),
        (
            StatusError(401, errors(code="10009", title="Authentication failed")),
            "Telnyx answered 401: Authentication failed (error 10009)",
        ),
        (StatusError(400, errors(title="x" * 999)), f"Telnyx answered 400: {'x' * 300}"),
        (StatusError(502, "<html>"), "Telnyx answered 502: no error of its API"),
        (StatusError(502, {"errors": []}), "Telnyx answered 502: no error of its API"),
        (StatusError(502, {"errors": ["no"]}), "Telnyx answered 502: no error of its API"),
        (StatusError(502, None), "Telnyx answered 502: no error of its API"),
        (caused(), "Telnyx cannot be asked: no network"),
        (LibraryError("broken"), "Telnyx cannot be asked: broken"),
    ],
)
def test_what_fails_is_told(
    library: Library, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(library.fqdns, "list", fail)
    with pytest.raises(ProviderApiError) as caught:
        TelnyxAccount(KEY).connections()
    assert str(caught.value) == words
