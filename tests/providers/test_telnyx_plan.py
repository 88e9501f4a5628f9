"""What has to change at Telnyx, by what is there and what is wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hookflash.providers.setup_plan import SetupPlanError
from hookflash.providers.telnyx_plan import (
    NO_USER,
    UNSEEN,
    AddFqdn,
    ChangeConnection,
    EnableProfile,
    MakeConnection,
    MakeProfile,
    PutNumber,
    SetUser,
    TelnyxConnection,
    TelnyxNumber,
    TelnyxPlan,
    TelnyxProfile,
    TelnyxWish,
    UseProfile,
    make_plan,
)

OURS, FQDN = "+15105550100", "sip.example.com:5060"
PROFILE = TelnyxProfile("P1", "hookflash")
CONNECTION = TelnyxConnection(
    "C1",
    "hookflash",
    outbound_voice_profile_id="P1",
    user_name="me",
    fqdns=(FQDN,),
    numbers=(OURS,),
)
NUMBER = TelnyxNumber("N1", OURS, "C1")
WISH = TelnyxWish(fqdn=FQDN, numbers=(OURS,))


def plan(
    wish: TelnyxWish = WISH,
    connection: TelnyxConnection = CONNECTION,
    profile: TelnyxProfile = PROFILE,
    number: TelnyxNumber = NUMBER,
) -> TelnyxPlan:
    return make_plan(wish, [connection], [profile], [number])


def test_where_all_is_there_nothing_is_to_do() -> None:
    found = plan()
    assert (found.connection, found.steps, found.missing) == (CONNECTION, (), ())
    assert found.remarks == UNSEEN


def test_where_nothing_is_all_is_made_in_an_order_that_works() -> None:
    wish = replace(WISH, transport="TCP", user="me", password="hidden")
    found = make_plan(wish, [], [], [replace(NUMBER, connection_id="")])
    assert found.connection is None
    assert found.steps == (
        MakeConnection("hookflash", "TCP"),
        SetUser("me", "hidden"),
        MakeProfile("hookflash"),
        UseProfile("", "hookflash"),
        AddFqdn(FQDN),
        PutNumber(OURS, "N1"),
    )
    assert [str(step) for step in found.steps] == [
        "make an FQDN connection 'hookflash': TCP, numbers as +E.164",
        "let calls in of user me",
        "make an outbound voice profile 'hookflash'",
        "let calls out and transfers go by the outbound voice profile 'hookflash'",
        "send calls that come in to sip.example.com:5060",
        "put +15105550100 on the connection",
    ]
    assert "hidden" not in repr(found)
    assert found.remarks[0].startswith("a new outbound voice profile allows calls")


def test_only_what_differs_is_changed() -> None:
    connection = replace(
        CONNECTION, active="false", transport_protocol="TCP", dnis_number_format="e164"
    )
    (step,) = plan(connection=connection).steps
    changes = (("active", "false", "true"), ("dnis_number_format", "e164", "+e164"))
    assert step == ChangeConnection(changes)
    assert str(step) == (
        "change the connection: active from false to true, dnis_number_format from e164 to +e164"
    )
    (step,) = plan(replace(WISH, transport="UDP"), replace(connection, active="true")).steps
    assert isinstance(step, ChangeConnection)
    assert step.changes[0] == ("transport_protocol", "TCP", "UDP")


def test_the_profile_is_the_connections_or_one_of_the_name() -> None:
    bare = replace(CONNECTION, outbound_voice_profile_id="")
    assert plan(connection=bare).steps == (UseProfile("P1", "hookflash"),)
    other = TelnyxProfile("P2", "other", enabled=False, destinations=("US", "CA"))
    found = plan(connection=replace(CONNECTION, outbound_voice_profile_id="P2"), profile=other)
    assert found.steps == (EnableProfile("P2", "other"),)
    assert str(found.steps[0]) == "enable the outbound voice profile 'other'"
    assert found.remarks[0] == (
        "the outbound voice profile 'other' allows calls, and so transfers, to US, CA"
    )
    wished = plan(replace(WISH, profile="P2"), profile=replace(other, enabled=True))
    assert wished.steps == (UseProfile("P2", "other"),)
    with pytest.raises(SetupPlanError, match="there is no outbound voice profile 'none'"):
        plan(replace(WISH, profile="none"))


def test_the_connection_is_the_numbers() -> None:
    other = replace(CONNECTION, sid="C2", connection_name="other")
    found = make_plan(WISH, [CONNECTION, other], [PROFILE], [replace(NUMBER, connection_id="C2")])
    assert found.connection == other
    with pytest.raises(SetupPlanError, match="there is no connection 'none'"):
        plan(replace(WISH, connection="none"))


def test_what_cannot_be_done_is_said() -> None:
    wish = replace(WISH, connection="C1", numbers=(OURS, "+15105550199"), user="other")
    found = plan(wish, number=replace(NUMBER, connection_id="C9"))
    assert found.steps == ()
    assert found.missing == (
        "calls out are those of user me on this connection, not other: left as it is",
        f"{OURS} is on another connection, C9: left there",
        "+15105550199 is no number of this account",
    )


def test_who_may_call() -> None:
    bare = replace(CONNECTION, user_name="")
    assert plan(connection=bare).remarks[0] == NO_USER
    wish = replace(WISH, user="me")
    assert plan(wish, bare).missing == (
        "user me may not call, and there is no password to make it with",
    )
    assert plan(replace(wish, password="x"), bare).steps == (SetUser("me", "x"),)
    assert plan(replace(wish, user="ME")).missing == ()
    assert NO_USER not in plan(wish, bare).remarks


def test_where_calls_go_besides_is_told() -> None:
    connection = replace(CONNECTION, fqdns=("old.example:5060",))
    found = plan(connection=connection)
    assert found.steps == (AddFqdn(FQDN),)
    assert found.remarks[0] == ("calls that come in go to old.example:5060 as well: left as it is")
