"""Values of a JSON body: read, or refused with a pointer to them."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.carrier import reading
from hookflash.carrier.telnyx import fields
from hookflash.carrier.telnyx.account import KINDS
from hookflash.carrier.telnyx.errors import BAD_REQUEST, MISSING, TelnyxFaceError
from hookflash.carrier.telnyx.fields import Field, merged, read_fields

FIELDS = (
    Field("name", fields.name, needed=True),
    Field("on", reading.boolean, True),
    Field("inner", inner=(Field("port", fields.port), Field("way", reading.one_of("a", "b"), "a"))),
    Field("password", fields.password, secret=True),
)


def refused(given: dict[str, Any], *, making: bool = True) -> TelnyxFaceError:
    with pytest.raises(TelnyxFaceError) as caught:
        read_fields(FIELDS, given, making=making)
    assert caught.value.status == 422
    return caught.value


def test_what_is_made_has_all_and_what_is_changed_what_is_given() -> None:
    inner = {"port": None, "way": "a"}
    whole = {"name": "x", "on": True, "inner": inner, "password": None}
    assert read_fields(FIELDS, {"name": "x", "other": 1}, making=True) == whole
    assert read_fields(FIELDS, {"name": "x", "inner": None, "on": None}, making=True) == whole
    assert read_fields(FIELDS, {}, making=False) == {}
    change = {"on": None, "inner": {"port": 5}}
    assert read_fields(FIELDS, change, making=False) == {"on": True, "inner": {"port": 5}}


def test_a_change_leaves_the_rest_of_an_object() -> None:
    old = {"name": "x", "inner": {"port": 5, "way": "a"}}
    assert merged(old, {"inner": {"way": "b"}, "on": False}) == {
        "name": "x",
        "inner": {"port": 5, "way": "b"},
        "on": False,
    }
    assert old["inner"] == {"port": 5, "way": "a"}


def test_what_is_missing_or_wrong_is_pointed_to() -> None:
    for missing in ({}, {"name": None}):
        error = refused(missing)
        assert (error.code, error.pointer) == (MISSING, "/name")
    refused({"name": None}, making=False)
    error = refused({"name": "x", "inner": {"port": 0}})
    assert (error.code, error.pointer) == (BAD_REQUEST, "/inner/port")
    assert error.text == "port: 0 is not allowed; allowed: an integer from 1 to 65535"
    assert refused({"name": "x", "inner": []}).pointer == "/inner"


def test_no_password_is_shown() -> None:
    assert "weak" not in str(refused({"name": "x", "password": "weak"}).body)


@pytest.mark.parametrize(
    ("reader", "good", "wrong"),
    [
        (fields.name, ["a", "é" * 255], ["", "a" * 256, "a\n", 1, "\ud800"]),
        (fields.port, [1, 65535], [0, 65536, True, "5060", 1.5]),
        (fields.ident, ["1293384261075731499"], ["", "a", 12, "١"]),
        (
            fields.host,
            ["sip.example.com", "localhost", "A-1.example"],
            ["", "192.0.2.1", "::1", "a..b", "-a", "a-", "a b", "x" * 64, "a." * 127 + "a", 7],
        ),
        (fields.countries, [["US", "DE"], []], ["US", ["us"], [1], ["US"] * 301]),
        (fields.user, ["abcd", "A" * 32], ["abc", "a" * 33, "a b c", "aé!!", 7]),
        (fields.password, ["12345678", "x" * 128], ["1234567", "x" * 129, "1234567\n", 7]),
    ],
)
def test_readers(reader: fields.Reader, good: list[Any], wrong: list[Any]) -> None:
    for value in good:
        assert reader(value) == value
    for value in wrong:
        with pytest.raises(reading.NotAllowed):
            reader(value)


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
INNER = sorted({field.name for kind in KINDS for one in kind.fields for field in one.inner})
JSON = (
    SIMPLE
    | st.lists(SIMPLE, max_size=3)
    | st.dictionaries(st.sampled_from(INNER), SIMPLE, max_size=3)
)
NAMES = sorted({field.name for kind in KINDS for field in kind.fields})


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), st.booleans())
def test_whatever_comes_is_read_or_refused(body: dict[str, Any], making: bool) -> None:
    for kind in KINDS:
        with contextlib.suppress(TelnyxFaceError):
            found = read_fields(kind.fields, body, making=making)
            assert set(found) <= {field.name for field in kind.fields}
