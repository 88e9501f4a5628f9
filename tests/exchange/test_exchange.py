"""Whole calls through the real server, with telephones on loopback (calls.md §1, §3, §6)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import api
from tests.support.lab import NUMBER, Lab, run
from tests.support.ports import PORTS

import hookflash.exchange.exchange
from hookflash.base.errors import StoreError
from hookflash.calls.legs.leg import Leg
from hookflash.carrier.accepted_refer import OVER
from hookflash.carrier.agent import CarrierError
from hookflash.carrier.call import CallState
from hookflash.carrier.phone import Behaviour
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request
from hookflash.sip.uri import Uri

CALLER, AGENT = "+14150000001", "+14160000001"
LOW, HIGH = 330.0, 550.0


def test_a_caller_rings_until_somebody_is_there_and_then_both_hear_each_other() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        first = caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
        await lab.events.wait_for("TrackPublished")
        (alone,) = await lab.participants()
        assert alone.attributes["sip.callStatus"] == "ringing"
        assert first.state is CallState.RINGING
        second = await agent.call(NUMBER, proxy=lab.sip)
        await first.answered()
        await asyncio.gather(first.hears(HIGH), second.hears(LOW))
        statuses = {p.attributes["sip.callStatus"] for p in await lab.participants()}
        assert statuses == {"active"}

    run(check)


def test_answer_immediately_answers_a_caller_who_is_alone() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await call.hang_up()
        await lab.events.wait_for("call ended")

    run(check, sip__answer="immediately")


def test_the_room_sees_a_participant_as_livekit_shows_it() -> None:
    async def check(lab: Lab) -> None:
        trunk = await lab.trunk(headers_to_attributes={"X-Plan": "plan"})
        rule = await lab.rule(attributes={"line": "sales"}, metadata="m")
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip, headers=(("X-Plan", "gold"),))
        (participant,) = await lab.participants()
        assert participant.identity == f"sip_{CALLER}"
        assert participant.name == f"Phone {CALLER}"
        assert participant.metadata == "m"
        attributes = dict(participant.attributes)
        assert attributes["sip.trunkID"] == trunk
        assert attributes["sip.ruleID"] == rule
        assert attributes["sip.phoneNumber"] == CALLER
        assert attributes["sip.trunkPhoneNumber"] == NUMBER
        assert attributes["plan"] == "gold"
        assert attributes["line"] == "sales"
        assert attributes["hookflash.codec"] == "PCMU"
        assert call.dialog is not None
        assert attributes["sip.callID"] == call.dialog.remote_tag

    run(check, sip__answer="immediately")


def test_a_second_call_of_the_same_number_gets_an_identity_of_its_own() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        first = await caller.call(NUMBER, proxy=lab.sip)
        await caller.call(NUMBER, proxy=lab.sip)
        one, two = sorted(p.identity for p in await lab.participants())
        assert one == f"sip_{CALLER}"
        assert two.startswith(f"sip_{CALLER}_")
        assert len(two) == len(one) + 7
        assert first.state is CallState.UP

    run(check, sip__answer="immediately")


def test_a_key_reaches_the_room_and_the_other_phone_once() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        one, two = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        await two.hears(LOW)
        await one.press("1#")
        await two.pressed("1#")
        await lab.events.wait_for("DtmfReceived", 2)
        assert lab.events.names.count("DtmfReceived") == 2

    run(check)


def test_hold_mutes_the_caller_and_resume_restores() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        one, two = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        await two.hears(LOW)
        await one.hold()
        await asyncio.gather(one.misses(HIGH), two.misses(LOW))
        await one.resume()
        await asyncio.gather(one.hears(HIGH), two.hears(LOW))

    run(check)


def test_deleting_the_room_hangs_up_and_the_history_says_so() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await lab.api.room.delete_room(api.DeleteRoomRequest(room="lobby"))
        await call.ended()
        await lab.events.wait_for("call ended")
        (record,) = lab.events.calls
        assert record.end_reason == "room deleted"
        assert record.ended_by == "local"
        assert record.answer_status == 200
        stored = await lab.server.store.call(record.call_id)
        assert stored == record

    run(check, sip__answer="immediately")


def test_a_call_is_kept_for_a_restart_as_long_as_it_stands() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        store = lab.server.store
        call = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        (call_id,) = lab.server.exchange.calls
        await store.write()
        assert [record.call_id for record in store.load().dialogs] == [call_id]
        await call.hang_up()
        await store.write()
        assert store.load().dialogs == []

    run(check, sip__answer="immediately")


def test_a_removed_participant_gets_bye() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await lab.api.room.remove_participant(
            api.RoomParticipantIdentity(room="lobby", identity=f"sip_{CALLER}")
        )
        await call.ended()
        assert call.ended_by == "peer"

    run(check, sip__answer="immediately")


@pytest.mark.parametrize(("trunk", "rule", "status"), [(False, True, 403), (True, False, 404)])
def test_a_call_without_a_trunk_or_rule_is_refused(trunk: bool, rule: bool, status: int) -> None:
    async def check(lab: Lab) -> None:
        if trunk:
            await lab.trunk()
        if rule:
            await lab.rule()
        caller = await lab.carrier.phone(CALLER)
        with pytest.raises(CarrierError, match=str(status)):
            await caller.call(NUMBER, proxy=lab.sip)

    run(check)


def test_a_full_room_is_480() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        other = await lab.carrier.phone(AGENT)
        await caller.call(NUMBER, proxy=lab.sip)
        with pytest.raises(CarrierError, match="480"):
            await other.call(NUMBER, proxy=lab.sip)

    run(check, sip__answer="immediately", room__max_participants=1)


def test_a_caller_who_cancels_leaves_no_trace() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
        await lab.events.wait_for("TrackPublished")
        await call.hang_up()
        await lab.events.wait_for("call ended")
        assert await lab.participants() == []
        assert lab.events.calls[0].end_reason == "cancel"

    run(check)


def test_a_call_over_tcp() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        one, _ = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip, transport="tcp"), agent.call(NUMBER, proxy=lab.sip)
        )
        await one.hears(HIGH)

    run(check)


def test_different_codecs_are_mixed() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW, codecs=("PCMA",))
        agent = await lab.carrier.phone(AGENT, tone=HIGH, codecs=("PCMU",))
        one, two = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        await asyncio.gather(one.hears(HIGH), two.hears(LOW))

    run(check)


# --- transfers ------------------------------------------------------------------------------


def test_a_transferred_caller_leaves_the_room_and_talks_to_the_new_party() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        target = await lab.carrier.phone("+15105550100", tone=770.0)
        one, two = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        await two.hears(LOW)
        await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        await one.ended()
        assert [p.identity for p in await lab.participants()] == [f"sip_{AGENT}"]
        new = await target.called()
        await asyncio.gather(new.hears(LOW), two.misses(LOW))
        kinds = [kind for kind, _ in lab.events.transfers]
        assert kinds[0] == "started"
        assert kinds[-1] == "ended"
        assert lab.events.transfers[-1][1].verdict == "succeeded"
        left = lab.events.names.index("ParticipantLeft")
        assert lab.events.names.index("TrackUnpublished") < left

    run(check)


def test_a_refused_transfer_gives_the_caller_back_to_the_room() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        behaviour = Behaviour(notify=(100, 486))
        caller = await lab.carrier.phone(CALLER, tone=LOW, behaviour=behaviour)
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        one, two = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        await two.hears(LOW)
        with pytest.raises(api.SipCallError) as caught:
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100", play_dialtone=True)
        assert caught.value.sip_status_code == 486
        assert caught.value.metadata["sip_transfer_reason"] == "STR_REJECTED"
        assert one.state is CallState.UP
        await asyncio.gather(one.hears(HIGH), two.hears(LOW))

    run(check)


def test_a_dial_tone_is_heard_until_the_verdict_while_the_room_hears_the_caller() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW, behaviour=Behaviour(notify=()))
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        one, two = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        await one.hears(HIGH)
        pending = asyncio.create_task(
            lab.transfer(f"sip_{CALLER}", "tel:+15105550100", play_dialtone=True)
        )
        await one.hears(425.0, within=3.0)
        await asyncio.gather(one.misses(HIGH), two.hears(LOW))
        await one.hang_up()
        with pytest.raises(api.SipCallError) as caught:
            await pending
        assert caught.value.sip_transfer_reason == "STR_CALL_ENDED"
        assert caught.value.status == 409

    run(check)


def test_the_caller_hears_the_room_again_after_the_dial_tone() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=()))
        agent = await lab.carrier.phone(AGENT, tone=HIGH)
        one, _ = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        pending = asyncio.create_task(
            lab.transfer(f"sip_{CALLER}", "tel:+15105550100", play_dialtone=True)
        )
        await one.hears(425.0, within=3.0)
        await one.notify("refer", OVER, b"SIP/2.0 486 Busy Here\r\n")
        with pytest.raises(api.SipCallError):
            await pending
        await asyncio.gather(one.hears(HIGH), one.misses(425.0))

    run(check)


def test_a_call_with_audio_is_not_probed_after_a_refer_that_timed_out() -> None:
    """transfer.md §3: RTP within 2 s is life."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW, behaviour=Behaviour(refer=408))
        agent = await lab.carrier.phone(AGENT)
        one, two = await asyncio.gather(
            caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
        )
        await two.hears(LOW)
        with pytest.raises(api.SipCallError):
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        await lab.api.room.remove_participant(
            api.RoomParticipantIdentity(room="lobby", identity=f"sip_{CALLER}")
        )
        await one.ended()
        assert [request.method for request in one.requests] == ["REFER", "BYE"]

    run(check)


def test_a_notify_that_cannot_be_read_is_in_the_log() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(486,)))
        one = await caller.call(NUMBER, proxy=lab.sip)
        with pytest.raises(api.SipCallError):
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        (refer,) = (request for request in one.requests if request.method == "REFER")
        number = str(refer.cseq.number)
        answer = await one.notify(f"refer;id={number}", OVER, b"no sipfrag\r\n")
        assert answer.status == 200
        (call_id,) = lab.server.exchange.calls
        (line,) = lab.logged("notify_unreadable")
        assert (line["call_id"], line["event_id"]) == (call_id, number)

    run(check, sip__answer="immediately")


def test_requests_for_the_same_target_share_one_refer() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await lab.carrier.phone("+15105550100", behaviour=Behaviour(ring=0.5))
        call = await caller.call(NUMBER, proxy=lab.sip)
        results = await asyncio.gather(
            *(lab.transfer(f"sip_{CALLER}", "tel:+15105550100") for _ in range(5))
        )
        assert len({result.transfer_id for result in results}) == 1
        assert [request.method for request in call.requests].count("REFER") == 1

    run(check, sip__answer="immediately")


def test_a_transfer_before_the_answer_is_refused_at_once() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
        await lab.events.wait_for("TrackPublished")
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        assert caught.value.code == "failed_precondition"

    run(check)


def test_attributes_become_headers_of_refer_and_bye() -> None:
    async def check(lab: Lab) -> None:
        await lab.trunk(attributes_to_headers={"case": "X-Case"})
        await lab.rule(attributes={"case": "42"})
        caller = await lab.carrier.phone(CALLER)
        await lab.carrier.phone("+15105550100")
        call = await caller.call(NUMBER, proxy=lab.sip)
        await lab.transfer(f"sip_{CALLER}", "tel:+15105550100", headers={"X-Why": "test"})
        refer, bye = await call.received("REFER"), await call.received("BYE")
        assert refer.header("X-Case") == "42"
        assert refer.header("X-Why") == "test"
        assert refer.header("Referred-By")
        assert bye.header("X-Case") == "42"

    run(check, sip__answer="immediately")


def test_an_invite_without_a_to_is_no_surprise_to_the_shield() -> None:
    async def check(lab: Lab) -> None:
        flow = Flow("udp", lab.sip, ("192.0.2.9", 5060))
        assert not lab.server.exchange.drops(Request("INVITE", "sip:x@192.0.2.1"), flow)

    run(check)


def test_a_full_process_says_so_to_those_who_ask_by_options() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        board = lab.server.exchange.parts.board
        call = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        assert board.full
        await call.hang_up()
        await lab.events.wait_for("call ended")
        assert not board.full

    run(check, sip__answer="immediately", sip__max_calls=1)


# --- mistakes of our own --------------------------------------------------------------------------


MISTAKE = ("internal_error",)


def fails(*_: object, **__: object) -> Any:
    raise KeyError("a mistake")


@pytest.mark.parametrize("where", ["admission", "record", "settings", "count", "media", "join"])
def test_no_caller_is_left_waiting_when_something_of_ours_fails(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        exchange = lab.server.exchange
        owner, name = {
            "admission": (exchange.parts.admission, "consider"),
            "record": (exchange, "_record"),
            "settings": (hookflash.exchange.exchange, "leg_settings"),
            "count": (exchange.parts.call_metrics, "call_started"),
            "media": (exchange.parts.engine, "open"),
            "join": (exchange.phones, "join"),
        }[where]
        caller = await lab.carrier.phone(CALLER)
        with monkeypatch.context() as broken:
            broken.setattr(owner, name, fails)
            with pytest.raises(CarrierError, match=r"\b500\b"):
                await caller.call(NUMBER, proxy=lab.sip)
        assert not await lab.participants()
        assert exchange.parts.admission.load.calls == 0
        call = await caller.call(NUMBER, proxy=lab.sip)  # all is well again
        await call.hang_up()

    run(check, errors=MISTAKE, sip__answer="immediately")


def test_a_leg_that_cannot_say_its_end_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        exchange = lab.server.exchange
        caller = await lab.carrier.phone(CALLER)
        caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
        await lab.events.wait_for("TrackPublished")
        (call,) = exchange.calls.values()
        monkeypatch.setattr(Leg, "broken", fails)
        exchange.perform(exchange.parts.board.broken(0.0, call.leg))
        await lab.events.wait_for("call ended")
        assert lab.events.calls[0].end_reason == "internal error"
        assert not await lab.participants()
        assert not exchange.calls
        assert exchange.parts.admission.load.calls == 0
        assert call.stream is None

    run(check, errors=MISTAKE)


def test_a_leg_that_fails_keeps_no_other_one_up_when_the_room_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hang_up = Leg.hangup

    async def check(lab: Lab) -> None:
        await lab.ready()
        first = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        second = await (await lab.carrier.phone(AGENT)).call(NUMBER, proxy=lab.sip)
        one, _ = lab.server.exchange.calls.values()

        def some_fail(leg: Leg, *given: Any) -> Any:
            return fails() if leg is one.leg else hang_up(leg, *given)

        with monkeypatch.context() as broken:
            broken.setattr(Leg, "hangup", some_fail)
            await lab.api.room.delete_room(api.DeleteRoomRequest(room="lobby"))
        await second.ended()
        await first.hang_up()

    run(check, errors=MISTAKE, sip__answer="immediately")


def test_a_webhook_that_cannot_be_made_keeps_nothing_else_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        with monkeypatch.context() as broken:
            broken.setattr(lab.events, "call_ended", fails)
            await call.hang_up()
            await lab.events.wait_for("ParticipantLeft")
        assert not lab.server.exchange.calls

    run(check, errors=MISTAKE, sip__answer="immediately")


def test_calls_that_ring_hold_a_quarter_of_the_ports() -> None:
    """Nobody waits for them; whoever sends the INVITEs may have forged his address."""

    async def check(lab: Lab) -> None:
        await lab.trunk()
        own = api.SIPDispatchRuleIndividual(room_prefix="call-")
        rule = api.SIPDispatchRule(dispatch_rule_individual=own)
        await lab.api.sip.create_dispatch_rule(api.CreateSIPDispatchRuleRequest(rule=rule))
        caller = await lab.carrier.phone(CALLER)
        first, _ = (caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip) for _ in range(2))
        await lab.events.wait_for("TrackPublished", 2)
        for _ in range(3):
            with pytest.raises(CarrierError, match="486"):
                await caller.call(NUMBER, proxy=lab.sip)
        assert len(lab.logged("trunk_ringing")) == 1
        page = lab.server.metrics.page().decode()
        assert 'hookflash_calls_refused_total{reason="trunk_ringing"} 3.0' in page
        await first.hang_up()
        await lab.events.wait_for("call ended")
        caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
        await lab.events.wait_for("TrackPublished", 3)

    run(check, sip__rtp_port=PORTS.range(16))


def test_a_call_that_is_answered_and_acknowledged_does_not_ring() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        calls = [await caller.call(NUMBER, proxy=lab.sip)]
        await lab.events.wait_for("ParticipantJoined")
        calls.append(await caller.call(NUMBER, proxy=lab.sip))
        for call in calls:
            await call.hang_up()

    run(check, sip__rtp_port=PORTS.range(8), sip__answer="immediately")


def test_a_host_name_lets_in_who_is_there_and_not_who_writes_it_into_from() -> None:
    async def check(lab: Lab) -> None:
        named = {"allowed_addresses": ["localhost"]}
        await lab.trunk(**named)
        await lab.trunk(numbers=["+15550000002"], allowed_addresses=["127.0.0.1.invalid"])
        await lab.rule()
        hosts = lab.server.trunks.hosts
        async with asyncio.timeout(30):
            while hosts.unknown(["localhost"]):
                await asyncio.wait(lab.server._trunk_hosts._tasks)
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await call.hang_up()
        with pytest.raises(CarrierError, match="403"):
            await caller.call("+15550000002", proxy=lab.sip)
        (line,) = lab.logged("trunk_unmatched")
        assert 'no address of "127.0.0.1.invalid" is known' in line["why"]

    run(check, sip__answer="immediately")


def test_a_trunk_that_trusts_from_is_warned_of_when_it_is_made() -> None:
    async def check(lab: Lab) -> None:
        caller = await lab.carrier.phone(CALLER)
        trunk = await lab.trunk(allowed_addresses=["carrier.invalid"])
        await lab.rule()
        (line,) = lab.logged("allowed_hosts_from_header")
        assert line["trunk_id"] == trunk
        with pytest.raises(CarrierError, match="403"):
            await caller.call(NUMBER, proxy=lab.sip)

    run(check, sip__allowed_hosts="from_header")


def test_a_transfer_that_cannot_be_stored_is_503_and_the_call_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk, say."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(200,)))
        call = await caller.call(NUMBER, proxy=lab.sip)

        async def full(*_: object) -> None:
            raise StoreError("no space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(lab.server.store, "write", full)
            with pytest.raises(api.TwirpError) as caught:
                await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        assert (caught.value.code, caught.value.status) == ("unavailable", 503)
        assert "could not be stored" in caught.value.message
        assert not call.referrals
        await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")

    run(check, errors=("transfer_not_stored", "not_stored"), sip__answer="immediately")
