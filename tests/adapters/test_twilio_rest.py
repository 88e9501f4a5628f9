"""What the library is asked for, and what becomes of its errors. The library itself is asked in
tests/interop/test_twilio.py."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hookflash.adapters import twilio_rest
from hookflash.adapters.provider_api import ProviderApiError
from hookflash.adapters.twilio_rest import TwilioAccount
from hookflash.providers.twilio_plan import (
    AddOrigination,
    AllowAddress,
    AllowUser,
    AttachNumber,
    ChangeTrunk,
    MakeTrunk,
    TwilioNumber,
    TwilioStep,
    TwilioTrunk,
)


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    with pytest.raises(ProviderApiError, match=r"pip install 'hookflash\[twilio\]'"):
        TwilioAccount({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"})


class Http:
    """The library's HTTP client as far as it is derived from."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def request(self, method: str, url: str, **named: Any) -> tuple[str, str]:
        return method, url


class RestError(Exception):
    """The library's error with a status."""

    status, msg, code = 404, "gone", 20404


class Resource:
    """A list of the REST: what is in it, and what was created or changed."""

    def __init__(self, *things: Any, **children: Resource) -> None:
        self.things, self.children = list(things), children
        self.asked: list[Any] = []

    def __call__(self, sid: str) -> Resource:
        self.asked.append(sid)
        return self

    def __getattr__(self, name: str) -> Resource:
        return self.children[name]

    def list(self, **query: str) -> list[Any]:
        return [t for t in self.things if all(getattr(t, k) == v for k, v in query.items())]

    def create(self, **fields: Any) -> Any:
        self.asked.append(fields)
        return SimpleNamespace(sid="TKnew")

    def update(self, **fields: Any) -> None:
        self.asked.append(fields)


CREDENTIALS = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}
NUMBER = SimpleNamespace(sid="PN1", phone_number="+15105550100", trunk_sid=None)
TRUNK = SimpleNamespace(
    sid="TK1",
    friendly_name="ours",
    domain_name=None,
    transfer_mode="enable-all",
    transfer_caller_id="from-transferee",
)


class Library:
    """What stands where the library would be: its Client is asked for resources alone."""

    def __init__(self) -> None:
        self.urls = Resource(
            SimpleNamespace(sip_url="sip:a", enabled=True),
            SimpleNamespace(sip_url="sip:off", enabled=False),
        )
        self.held = Resource(NUMBER)
        self.addresses = Resource(SimpleNamespace(ip_address="192.0.2.1"))
        self.users = Resource(SimpleNamespace(username="me"))
        self.access_lists = Resource(ip_addresses=self.addresses)
        self.user_lists = Resource(credentials=self.users)
        self.access = Resource(SimpleNamespace(sid="AL1"))
        self.logins = Resource(SimpleNamespace(sid="CL1"))
        self.trunks = Resource(
            TRUNK,
            origination_urls=self.urls,
            phone_numbers=self.held,
            ip_access_control_lists=self.access,
            credentials_lists=self.logins,
        )
        self.numbers = Resource(NUMBER)
        self.made: tuple[Any, ...] = ()

    def client(self, *credentials: str, http_client: Http) -> Any:
        self.made = credentials
        trunking = SimpleNamespace(v1=SimpleNamespace(trunks=self.trunks))
        sip = SimpleNamespace(
            ip_access_control_lists=self.access_lists, credential_lists=self.user_lists
        )
        return SimpleNamespace(trunking=trunking, incoming_phone_numbers=self.numbers, sip=sip)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """The modules of the library that are imported."""
    made = Library()
    exceptions: dict[str, object] = {
        "TwilioException": ValueError,
        "TwilioRestException": RestError,
    }
    contents: dict[str, dict[str, object]] = {
        "twilio": {},
        "twilio.rest": {"Client": made.client},
        "twilio.http": {},
        "twilio.http.http_client": {"TwilioHttpClient": Http},
        "twilio.base": {},
        "twilio.base.exceptions": exceptions,
        "requests": {"RequestException": OSError},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return made


def test_credentials_of_the_environment(library: Library) -> None:
    TwilioAccount(CREDENTIALS)
    assert library.made == ("AC1", "t", "AC1")
    key = {"TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "s"}
    TwilioAccount({**CREDENTIALS, **key})
    assert library.made == ("SK1", "s", "AC1")
    for missing in ({"TWILIO_ACCOUNT_SID": "AC1"}, {"TWILIO_AUTH_TOKEN": "t"}, {}):
        with pytest.raises(ProviderApiError, match="no credentials: set TWILIO_ACCOUNT_SID"):
            TwilioAccount(missing)


def test_what_is_there(library: Library) -> None:
    account = TwilioAccount(CREDENTIALS)
    (trunk,) = account.trunks()
    assert trunk == TwilioTrunk(
        *("TK1", "ours", "", "enable-all", "from-transferee"),
        *(("sip:a",), ("+15105550100",), ("192.0.2.1",), ("me",)),
    )
    assert account.numbers(("+15105550100", "+1999")) == [TwilioNumber("PN1", "+15105550100", "")]


@pytest.mark.parametrize(
    ("step", "at", "asked"),
    [
        (
            MakeTrunk("ours", "a.pstn.twilio.com", "enable-all", "from-transferor"),
            "trunks",
            {
                "friendly_name": "ours",
                "domain_name": "a.pstn.twilio.com",
                "transfer_mode": "enable-all",
                "transfer_caller_id": "from-transferor",
            },
        ),
        (
            ChangeTrunk((("transfer_mode", "disable-all", "enable-all"),)),
            "trunks",
            {"transfer_mode": "enable-all"},
        ),
        (
            AddOrigination("sip:b"),
            "urls",
            {
                "weight": 10,
                "priority": 10,
                "enabled": True,
                "friendly_name": "hookflash",
                "sip_url": "sip:b",
            },
        ),
        (AttachNumber("+15105550100", "PN1"), "held", {"phone_number_sid": "PN1"}),
    ],
)
def test_each_step(library: Library, step: TwilioStep, at: str, asked: dict[str, Any]) -> None:
    sid = TwilioAccount(CREDENTIALS).carry_out("TK1", step)
    assert sid == ("TKnew" if isinstance(step, MakeTrunk) else "TK1")
    assert getattr(library, at).asked[-1] == asked
    assert isinstance(step, MakeTrunk) or library.trunks.asked[0] == "TK1"


def test_who_may_call_is_put_on_a_list_of_ours_which_is_put_on_the_trunk(library: Library) -> None:
    account = TwilioAccount(CREDENTIALS)
    account.carry_out("TK1", AllowAddress("192.0.2.2"))
    assert library.access_lists.asked == [{"friendly_name": "hookflash"}, "TKnew"]
    assert library.addresses.asked == [{"friendly_name": "192.0.2.2", "ip_address": "192.0.2.2"}]
    assert library.access.asked == [{"ip_access_control_list_sid": "TKnew"}]
    account.carry_out("TK1", AllowUser("other", "hidden"))
    assert library.users.asked == [{"username": "other", "password": "hidden"}]
    assert library.logins.asked == [{"credential_list_sid": "TKnew"}]


def test_what_is_on_a_list_or_the_trunk_already_stays(library: Library) -> None:
    library.access_lists.things.append(SimpleNamespace(sid="AL0", friendly_name="others"))
    library.access_lists.things.append(SimpleNamespace(sid="AL1", friendly_name="hookflash"))
    library.user_lists.things.append(SimpleNamespace(sid="CL1", friendly_name="hookflash"))
    account = TwilioAccount(CREDENTIALS)
    account.carry_out("TK1", AllowAddress("192.0.2.1"))
    account.carry_out("TK1", AllowUser("me", "hidden"))
    asked = (library.addresses, library.users, library.access, library.logins)
    assert [resource.asked for resource in asked] == [[], [], [], []]


def test_a_new_trunk_without_a_domain(library: Library) -> None:
    step = MakeTrunk("ours", "", "enable-all", "from-transferee")
    TwilioAccount(CREDENTIALS).carry_out("", step)
    assert "domain_name" not in library.trunks.asked[-1]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RestError(), "Twilio answered 404: gone (error 20404)"),
        (ValueError("lost"), "Twilio cannot be asked: lost"),
        (OSError("no network"), "Twilio cannot be asked: no network"),
    ],
)
def test_what_fails_is_told(library: Library, error: Exception, words: str) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(ProviderApiError) as caught:
        TwilioAccount(CREDENTIALS)._asked(fail)
    assert str(caught.value) == words


@pytest.mark.usefixtures("library")
def test_a_server_in_twilios_place_gets_the_path_and_the_query() -> None:
    client = twilio_rest._http("https://twilio.example:8443")
    asked = client.request("GET", "https://trunking.twilio.com/v1/Trunks?Page=1")
    assert asked == ("GET", "https://twilio.example:8443/v1/Trunks?Page=1")
    assert type(twilio_rest._http("")) is Http


@pytest.mark.usefixtures("library")
def test_the_secret_goes_nowhere_in_clear() -> None:
    with pytest.raises(ProviderApiError, match="in clear; use https"):
        twilio_rest._http("http://192.0.2.1:8080")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"code": 20003, "message": "Authenticate"}',
            "Twilio answered 401: Authenticate (error 20003)",
        ),
        ('{"message": "no"}', "Twilio answered 401: no"),
        ("<html>", "Twilio answered 401: no error of its API"),
        ("[]", "Twilio answered 401: no error of its API"),
    ],
)
def test_what_is_refused_of_a_list(text: str, words: str) -> None:
    error = Exception("Unable to fetch page", SimpleNamespace(status_code=401, text=text))
    assert str(twilio_rest._unreadable(error)) == words
    assert str(twilio_rest._unreadable(Exception("lost"))) == "Twilio cannot be asked: lost"
