"""The carrier over HTTP, without a socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.conversation import Conversation, PhoneEnd
from hookflash.carrier.http_face import LONGEST, LONGEST_CALL, http_app
from hookflash.carrier.recordings import Recordings
from hookflash.carrier.speaking import Speaker
from hookflash.carrier.speech import Speech, word_tones
from hookflash.carrier.telephone import Telephone
from hookflash.carrier.wave_files import read_wave, wave_bytes

CALLER, CALLED = "+14155550100", "+15105550123"


def nothing(name: str, **fields: object) -> None:
    """Nobody is told."""


class Book:
    """One telephone and one call."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.said: list[object] = []
        """What telephones were told to do."""
        end = PhoneEnd("PH_1", Telephone(PhoneConfig(CALLER)))
        self.recordings = Recordings({"PH_1": end}, lambda: 100.0, nothing)
        self.recordings.want(end)
        self.speaker = Speaker(lambda _: None)

    def listing(self) -> list[dict[str, object]]:
        return [{"id": "CA_1"}]

    def call(
        self, number: str, dialled: str, speech: Speech | None = None, *, records: bool = False
    ) -> Conversation:
        if number != CALLER:
            raise CarrierError(f"no telephone has the number {number}")
        self.said.append((None if speech is None else speech.samples.tolist(), records))
        end = PhoneEnd("PH_1", Telephone(PhoneConfig(number)))
        return Conversation("CA_1", end, end, number, dialled, 0.0)

    def end_call(self, call_id: str) -> None:
        if call_id != "CA_1":
            raise CarrierError(f"there is no call {call_id}")
        self.ended.append(call_id)

    def telephone(self, number: str) -> PhoneConfig:
        if number != "1 (415) 555-0100":
            raise CarrierError(f"no telephone has the number {number}")
        return PhoneConfig(CALLER)

    def press(self, number: str, keys: str) -> None:
        if number != CALLER:
            raise CarrierError(f"{number} is in no call")
        self.said.append(keys)

    def hold(self, number: str, *, held: bool) -> None:
        self.press(number, f"hold {held}")


def ask(
    method: str,
    path: str,
    body: bytes = b"",
    kind: str = "application/json",
    book: Book | None = None,
) -> tuple[int, Any]:
    """Status, and the body as JSON."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": headers}
    scope["query_string"] = b""
    asyncio.run(http_app(book or Book())(scope, receive, send))
    answer = b"".join(one.get("body", b"") for one in sent[1:])
    return sent[0]["status"], json.loads(answer) if answer[:1] == b"{" else answer


def test_the_calls_as_json() -> None:
    assert ask("GET", "/calls") == (200, {"calls": [{"id": "CA_1"}]})
    assert ask("GET", "/call")[0] == 404
    assert ask("PUT", "/calls")[0] == 405


def test_a_telephone_calls() -> None:
    body = json.dumps({"caller": CALLER, "called": CALLED}).encode()
    assert ask("POST", "/calls", body) == (201, {"id": "CA_1"})
    status, answer = ask("POST", "/calls", body, "text/plain")
    assert status == 415, "a page in a browser may send that anywhere"
    assert answer == {"error": "the body is to be application/json"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "Expecting value"),
        (b"[]", "body: [] is not allowed; allowed: a mapping"),
        (b"{}", "caller: None is not allowed; allowed: a number such as"),
        (b'{"caller": "+1415", "called": 7}', "called: 7 is not allowed"),
        (b'{"caller": "+1415", "called": "+1415", "x": 1}', "body: 'x' is unknown"),
        (b'{"caller": "+1415", "called": "+1415"}', "no telephone has the number +1415"),
        (b" " * (LONGEST_CALL + 1), "the body is too long"),
        (b'{"caller": "+1415", "called": "+1415", "says": "a.WAV"}', "a file goes into `wave`"),
        (b'{"caller": "+1415", "called": "+1415", "says": 7}', "says: 7 is not allowed"),
        (b'{"caller": "+1415", "called": "+1415", "wave": "%"}', "Only base64 data is allowed"),
        (b'{"caller": "+1415", "called": "+1415", "wave": 7}', "wave: 'no WAV file of PCM"),
        (b'{"caller": "+1415", "called": "+1415", "records": 1}', "allowed: true or false"),
    ],
)
def test_what_cannot_be_done(body: bytes, fault: str) -> None:
    status, answer = ask("POST", "/calls", body)
    assert status == 400
    assert fault in answer["error"]


def test_a_call_is_ended() -> None:
    book = Book()
    assert ask("DELETE", "/calls/CA_1", book=book) == (204, b"")
    assert book.ended == ["CA_1"]
    assert ask("DELETE", "/calls/CA_2") == (404, {"error": "there is no call CA_2"})


def test_what_a_telephone_says_in_a_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    book = Book()
    samples = np.arange(160, dtype=np.int16)
    for order in (
        {"says": "Hello"},
        {"wave": base64.b64encode(wave_bytes(samples)).decode(), "records": True},
    ):
        body = json.dumps({"caller": CALLER, "called": CALLED, **order}).encode()
        assert ask("POST", "/calls", body, book=book)[0] == 201
    assert book.said == [(word_tones("Hello").tolist(), False), (samples.tolist(), True)]


def test_what_a_telephone_does_in_a_call() -> None:
    book = Book()
    path = f"/telephones/{CALLER}"
    assert ask("POST", f"{path}/keys", b'{"keys": "1#"}', book=book) == (204, b"")
    assert ask("POST", f"{path}/hold", b'{"held": true}', book=book) == (204, b"")
    assert book.said == ["1#", "hold True"]
    for kind, body, status in (
        ("keys", b'{"keys": "x"}', 400),
        ("keys", b'{"key": "1"}', 400),
        ("keys", b" " * (LONGEST + 1), 400),
        ("hold", b'{"held": 1}', 400),
    ):
        assert ask("POST", f"{path}/{kind}", body, book=book)[0] == status, body
    assert ask("POST", f"{path}/keys", b'{"keys": "1"}', "text/plain", book)[0] == 415
    assert ask("POST", "/telephones/+1999/keys", b'{"keys": "1"}', book=book) == (
        404,
        {"error": "+1999 is in no call"},
    )
    assert len(book.said) == 2


def test_which_telephone_has_a_number() -> None:
    assert ask("GET", "/telephones/1 (415) 555-0100") == (200, {"number": CALLER})
    assert ask("GET", "/telephones/+1999") == (
        404,
        {"error": "no telephone has the number +1999"},
    )


def test_what_a_telephone_has_heard() -> None:
    book = Book()
    path = f"/telephones/{CALLER}/recording"
    assert ask("GET", path, book=book) == (404, {"error": f"{CALLER} has recorded nothing"})
    found = book.recordings.begin("PH_1")
    assert found is not None
    found.heard(100.0, 7, 0, np.full(160, 5, np.int16))
    status, answer = ask("GET", path, book=book)
    assert status == 200
    assert read_wave("", answer).tolist() == [5] * 160
