"""Values of the carrier's YAML files."""

from __future__ import annotations

import pytest

from hookflash.base.errors import ConfigError
from hookflash.carrier import reading
from hookflash.carrier.reading import NotAllowed


@pytest.mark.parametrize(
    ("reader", "value", "found"),
    [
        (reading.one_of("a", "b"), "b", "b"),
        (reading.some_of("a", "b"), ["b", "a", "b"], ("b", "a")),
        (reading.boolean, False, False),
        (reading.failure_status, 603, 603),
        (reading.seconds, 2, 2.0),
        (reading.seconds_or_never, None, None),
        (reading.seconds_or_never, 0.5, 0.5),
        (reading.hertz, 440, 440.0),
        (reading.text, "a b", "a b"),
        (reading.names, ["Diversion"], ("Diversion",)),
        (reading.headers, {"X-A": "1"}, (("X-A", "1"),)),
        (reading.domain, "SIP.Example.com", "sip.example.com"),
        (reading.number, "+15105550123", "+15105550123"),
        (reading.numbers, ["+1510"], ("+1510",)),
        (reading.keys, "12#", "12#"),
        (reading.menu, {"1": "+1510"}, (("1", "+1510"),)),
        (reading.keys_or_times, "12#", "12#"),
        (reading.keys_or_times, {5: "23#", 2.5: "1"}, ((2.5, "1"), (5.0, "23#"))),
        (reading.says, "Grüß Gott!", "Grüß Gott!"),
        (reading.says, "hello.wav", "hello.wav"),
        (reading.wave_name, "a b/heard.WAV", "a b/heard.WAV"),
    ],
)
def test_what_is_allowed(reader: reading.Reader, value: object, found: object) -> None:
    assert reading.read("file: key", value, reader) == found


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (reading.mapping, []),
        (reading.keys_or_times, {}),
        (reading.keys_or_times, {2: 1}),
        (reading.keys_or_times, {-1: "1"}),
        (reading.keys_or_times, {"2": "1"}),
        (reading.keys_or_times, 12),
        (reading.says, " "),
        (reading.says, 7),
        (reading.says, "two\nlines"),
        (reading.says, "x" * 1001),
        (reading.wave_name, "heard.mp3"),
        (reading.one_of("a"), 1),
        (reading.some_of("a"), "a"),
        (reading.some_of("a"), [["a"]]),
        (reading.boolean, 1),
        (reading.failure_status, 299),
        (reading.failure_status, 700),
        (reading.seconds, 3601),
        (reading.seconds, float("nan")),
        (reading.seconds, True),
        (reading.seconds_or_never, "never"),
        (reading.hertz, 3401),
        (reading.hertz, True),
        (reading.text, "a\r\nb"),
        (reading.text, "x" * 201),
        (reading.names, [1]),
        (reading.headers, {"a:": "b"}),
        (reading.domain, "a..b"),
        (reading.number, 15105550123),
        (reading.number, "+1-510"),
        (reading.number, "+1"),
        (reading.number, "+१२३"),
        (reading.numbers, "+1510"),
        (reading.account_sid, "AC" + "5" * 31),
        (reading.account_sid, "5" * 34),
        (reading.account_sid, "AC" + "G" * 32),
        (reading.account_sid, 7),
        (reading.keys, 12),
        (reading.keys, "1w"),
        (reading.keys, ""),
        (reading.menu, {1: "+1510"}),
        (reading.menu, {"12": "+1510"}),
        (reading.menu, {"1": "sales"}),
        (reading.menu, ["1"]),
    ],
)
def test_what_is_not(reader: reading.Reader, value: object) -> None:
    with pytest.raises(ConfigError, match=r"file: key: .* is not allowed; allowed: \w"):
        reading.read("file: key", value, reader)


def test_what_nobody_knows() -> None:
    reading.only("file", {"a": 1}, ("a", "b"))
    with pytest.raises(ConfigError, match="file: 'c' is unknown; allowed: a, b"):
        reading.only("file", {"c": 1}, ("a", "b"))


def test_whole_numbers() -> None:
    assert reading.count(5)(5) == 5
    assert reading.count_or_any(5)(0) == 0
    assert reading.count_or_any(5)(None) is None
    for wrong in (6, -1, 1.0, True, "1"):
        with pytest.raises(NotAllowed, match="a whole number from 0 to 5"):
            reading.count_or_any(5)(wrong)
