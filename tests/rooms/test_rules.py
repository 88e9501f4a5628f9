"""LiveKit's words and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hookflash.base.errors import ApiError
from hookflash.rooms import rules
from hookflash.rooms.rules import RoomRefused

P = "twirp error unknown: "


@pytest.mark.parametrize(
    ("made", "code", "msg"),
    [
        (rules.room_missing, "not_found", P + "requested room does not exist"),
        (rules.participant_missing, "not_found", P + "participant does not exist"),
        (rules.nobody_answers, "unavailable", P + "no response from servers"),
        (rules.dispatch_missing, "not_found", P + "dispatch ID not found"),
        (rules.unmute_disabled, "failed_precondition", P + "remote unmute not enabled"),
        (
            rules.preset_unknown,
            "invalid_argument",
            P + "unknown room configuration in create room request",
        ),
        (rules.room_full, "resource_exhausted", P + "room has exceeded its max participants"),
        (
            rules.may_not_publish,
            "permission_denied",
            P + "participant is not allowed to publish",
        ),
    ],
)
def test_texts(made: Callable[[], RoomRefused], code: str, msg: str) -> None:
    error = made()
    assert isinstance(error, ApiError)
    assert (error.code, error.msg, error.meta) == (code, msg, {})


def refusal(check: Callable[[], None]) -> RoomRefused:
    with pytest.raises(RoomRefused) as caught:
        check()
    return caught.value


def test_room_names() -> None:
    rules.check_room_name("x" * 256)
    error = refusal(lambda: rules.check_room_name("x" * 257))
    assert error.msg == P + "room name length exceeds limits: max length 256"
    assert error.code == "invalid_argument"
    assert refusal(lambda: rules.check_room_name("")).msg == P + "no room name"


def test_lengths_are_counted_in_bytes() -> None:
    rules.check_room_name("ü" * 128)
    refusal(lambda: rules.check_room_name("ü" * 129))


def test_identities_and_names() -> None:
    rules.check_identity("x" * 256)
    refusal(lambda: rules.check_identity("x" * 257))
    assert "cannot be empty" in refusal(lambda: rules.check_identity("")).msg
    rules.check_name("")
    error = refusal(lambda: rules.check_name("x" * 257))
    assert (error.msg, error.meta) == (
        "name length exceeds limits 256",
        {"argument": "name length exceeds limits"},
    )


def test_metadata() -> None:
    rules.check_metadata("x" * 524288)
    error = refusal(lambda: rules.check_metadata("x" * 524289))
    assert error.code == "invalid_argument"
    assert error.msg == "metadata size exceeds limits 524288"
    assert error.meta == {"argument": "metadata size exceeds limits"}


def test_attributes() -> None:
    rules.check_attributes({"a" * 536: "x" * 65000})
    rules.check_attributes({"a": "ü" * 32767})
    error = refusal(lambda: rules.check_attributes({"a" * 537: "x" * 65000}))
    assert error.msg == "attribute size exceeds limits 65536"
    assert error.meta == {"argument": "attribute size exceeds limits"}
    refusal(lambda: rules.check_attributes({"a": "ü" * 32768}))


class Uncounted(dict[str, str]):
    """Attributes that nobody may walk."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("walked")

    values = items = keys = __iter__  # type: ignore[assignment]


def test_attributes_are_counted_before_they_are_walked() -> None:
    many = Uncounted({f"{number:x}": "" for number in range(32_769)})
    error = refusal(lambda: rules.check_attributes(many))
    assert error.msg == "attribute size exceeds limits 65536"
    few = {f"{number:x}": "" for number in range(14_000)}
    rules.check_attributes(few)


def test_agent_dispatches_have_their_own_words() -> None:
    rules.check_dispatch("", {})
    error = refusal(lambda: rules.check_dispatch("x" * 524289, {}))
    assert error.msg == P + "metadata size exceeds limits"
    error = refusal(lambda: rules.check_dispatch("", {"a": "x" * 65536}))
    assert error.msg == P + "attribute size exceeds limits"
