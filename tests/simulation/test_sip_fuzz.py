"""The mutator mutates, and the walk finds what a parser must not do."""

from __future__ import annotations

from random import Random

import pytest
from tests.simulation import sip_fuzz

OPTIONS = (
    b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
    b"From: <sip:b@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: c\r\n"
    b"CSeq: 1 OPTIONS\r\n\r\n"
)


def test_a_seed_gives_the_same_faults_again() -> None:
    first = [sip_fuzz.mutated(Random(seed), OPTIONS, [OPTIONS]) for seed in range(50)]
    again = [sip_fuzz.mutated(Random(seed), OPTIONS, [OPTIONS]) for seed in range(50)]
    assert first == again
    assert len(set(first)) > 40


def test_walking_through_a_good_message_returns_it() -> None:
    message = sip_fuzz.exercise(OPTIONS)
    assert message is not None
    assert message.call_id == "c"


def test_walking_through_a_response() -> None:
    message = sip_fuzz.exercise(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n\r\n")
    assert message is not None


def test_an_unreadable_message_is_none() -> None:
    assert sip_fuzz.exercise(b"GET / HTTP/1.1\r\n\r\n") is None
    assert sip_fuzz.exercise(OPTIONS.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1)) is None


def test_another_error_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> object:
        raise ValueError(text)

    monkeypatch.setattr(sip_fuzz, "PARSERS", (broken,))
    with pytest.raises(ValueError):
        sip_fuzz.exercise(OPTIONS)


def test_a_value_that_does_not_round_trip_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_fuzz, "PARSERS", (lambda text: text + "x",))
    with pytest.raises(AssertionError):
        sip_fuzz.exercise(OPTIONS)
