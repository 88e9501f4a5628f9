"""A leg alone: placed with no room and no API request, to telephones on loopback (calls.md §4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from livekit import api
from tests.support.lab import Lab, run

from hookflash.calls.dial_outcome import DialOutcome
from hookflash.calls.legs.invitation import DialOrder
from hookflash.calls.legs.settings import HeaderItems
from hookflash.carrier.phone import Behaviour, Phone
from hookflash.exchange.call import Call, LegOwner
from hookflash.exchange.leg_settings import placed_settings
from hookflash.sip.fields import NameAddr
from hookflash.sip.location import Target
from hookflash.sip.uri import Uri

NUMBER, CALLEE = "+15550000009", "+14150000001"
TONE, OURS = 330.0, 425.0


class Owner(LegOwner):
    """Writes down what it hears of its leg."""

    def __init__(self) -> None:
        self.outcomes: list[DialOutcome] = []
        self._heard: asyncio.Queue[str] = asyncio.Queue()

    async def hears(self, *wanted: str) -> None:
        """Wait for these, and nothing else before them."""
        async with asyncio.timeout(10):
            assert tuple([await self._heard.get() for _ in wanted]) == wanted

    def ringing(self, call: Call) -> None:
        self._heard.put_nowait("ringing")

    def answered(self, call: Call) -> None:
        self._heard.put_nowait("answered")

    def failed(self, call: Call, outcome: DialOutcome) -> None:
        self.outcomes.append(outcome)
        self._heard.put_nowait("failed")

    def ended(self, call: Call) -> None:
        self._heard.put_nowait("ended")


class Curious(Owner):
    """Hears everything, and holds its call back until it is told to go."""

    def __init__(self) -> None:
        super().__init__()
        self.go: Callable[[], None] | None = None
        self.responses: list[int] = []
        self.opened = 0

    def before_call(self, call: Call, go: Callable[[], None]) -> None:
        self.go = go
        self._heard.put_nowait("before call")

    def media_opened(self, call: Call) -> None:
        assert call.stream is not None
        self.opened += 1

    def responded(self, call: Call, status: int, headers: HeaderItems) -> None:
        assert ("Server", "Hookflash-Carrier") in headers
        self.responses.append(status)

    def early_media(self, call: Call) -> None:
        self._heard.put_nowait("early media")

    def early_sound(self, call: Call) -> None:
        self._heard.put_nowait("early sound")

    def active(self, call: Call) -> None:
        self._heard.put_nowait("active")


def order_for(phone: Phone, number: str = CALLEE) -> DialOrder:
    uri = Uri.sip(number, *phone.address)
    return DialOrder(uri, uri, NameAddr("", Uri("sip", NUMBER)), "leg@us")


def place(lab: Lab, phone: Phone, owner: LegOwner, *, ringing_timeout: float = 180.0) -> Call:
    exchange = lab.server.exchange
    settings = placed_settings(exchange.parts, exchange.settings)
    settings = replace(settings, ringing_timeout=ringing_timeout)
    return exchange.placing.place(order_for(phone), settings, owner)


def test_a_leg_rings_is_answered_is_heard_and_hung_up() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=TONE, behaviour=Behaviour(answer=None))
        owner = Owner()
        call = place(lab, phone, owner)
        await owner.hears("ringing")
        phone.calls[0].answer(200)
        await owner.hears("answered")
        assert call.stream is not None
        call.stream.play("ringing", "ETSI")
        await phone.calls[0].hears(OURS)
        lab.server.exchange.drive(call, lambda now: call.leg.hangup(now, "enough"))
        await owner.hears("ended")
        await phone.calls[0].ended()
        assert phone.calls[0].ended_by == "peer"
        assert owner.outcomes == []
        await lab.events.wait_for("call ended")
        (record,) = lab.events.calls
        assert (record.direction, record.caller, record.called) == ("outbound", NUMBER, CALLEE)
        assert (record.room, record.identity, record.trunk_id) == ("", "", "")
        assert (record.answer_status, record.end_reason) == (200, "enough")
        assert set(lab.events.names) == {"call ended"}  # no room heard of it
        assert not (await lab.api.room.list_rooms(api.ListRoomsRequest())).rooms

    run(check)


def test_a_leg_that_is_refused() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=486))
        owner = Owner()
        place(lab, phone, owner)
        await owner.hears("failed", "ended")
        (outcome,) = owner.outcomes
        assert (outcome.status, outcome.reason) == (486, "refused with 486")

    run(check)


def test_a_leg_that_nobody_answers_and_one_that_is_given_up() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=None))
        owner = Owner()
        place(lab, phone, owner, ringing_timeout=0.3)
        await owner.hears("ringing", "failed", "ended")
        await phone.calls[0].ended()
        call = place(lab, phone, owner)
        await owner.hears("ringing")
        lab.server.exchange.drive(call, lambda now: call.leg.hangup(now, "not wanted"))
        await owner.hears("failed", "ended")
        await phone.calls[1].ended()
        reasons = [outcome.reason for outcome in owner.outcomes]
        assert reasons == ["no answer", "not wanted"]
        assert [outcome.status for outcome in owner.outcomes] == [None, None]

    run(check)


def test_an_owner_may_hold_its_leg_back_and_hears_of_its_media() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=TONE)
        owner = Curious()
        call = place(lab, phone, owner)
        await owner.hears("before call")
        assert call.flow is None
        assert owner.go is not None
        owner.go()
        await owner.hears("ringing", "answered", "active")
        assert call.flow is not None
        assert call.flow.remote == phone.address
        assert owner.opened == 1
        assert owner.responses == [180, 200]
        assert ("Server", "Hookflash-Carrier") in call.remote_headers

    run(check)


def test_audio_before_the_answer() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=TONE, behaviour=Behaviour(answer=None))
        owner = Curious()
        place(lab, phone, owner)
        await owner.hears("before call")
        assert owner.go is not None
        owner.go()
        await owner.hears("ringing")
        answering = phone.calls[0]
        assert answering._incoming is not None
        key, invite = answering._incoming
        body, plan = answering.negotiator.answer(invite.body)
        answering._reply(key, invite, 183, body)
        await owner.hears("early media")
        answering.sound.apply(plan)
        await owner.hears("early sound")
        answering.answer(200)
        await owner.hears("answered")
        assert owner.responses == [180, 183, 200]

    run(check)


def test_a_leg_that_is_only_made_is_nobodys_call() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        exchange = lab.server.exchange
        settings = placed_settings(exchange.parts, exchange.settings)
        call = exchange.placing.make(order_for(phone), settings)
        assert call.call_id.startswith("SCL_")
        assert not exchange.calls
        assert exchange.parts.admission.load.calls == 0
        owner = Owner()
        exchange.placing.start(call, order_for(phone), owner)
        assert exchange.parts.admission.load.calls == 1
        await owner.hears("ringing", "answered")

    run(check)


def test_an_owner_need_not_care_about_audio_before_the_answer_nor_about_keys() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=TONE, behaviour=Behaviour(answer=None))
        owner = Owner()
        call = place(lab, phone, owner)
        await owner.hears("ringing")
        answering = phone.calls[0]
        assert answering._incoming is not None
        key, invite = answering._incoming
        body, plan = answering.negotiator.answer(invite.body)
        answering._reply(key, invite, 183, body)
        answering.sound.apply(plan)
        answering.answer(200)
        await owner.hears("answered")
        lab.server.exchange.digit(call, "1", 120)
        lab.server.exchange.drive(call, lambda now: call.leg.hangup(now, "enough"))
        await owner.hears("ended")
        assert set(lab.events.names) == {"call ended"}  # no room heard of a digit

    run(check)


def test_a_place_that_is_found_after_the_call_was_given_up_is_not_called() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        stack = lab.server.stack
        asked: list[Callable[[list[Target]], None]] = []
        stack.locate = lambda uri, then: asked.append(then)  # type: ignore[method-assign]
        owner = Owner()
        call = place(lab, phone, owner)
        (found,) = asked
        lab.server.exchange.drive(call, lambda now: call.leg.hangup(now, "not wanted"))
        await owner.hears("failed", "ended")
        assert not lab.server.exchange.calls
        found([Target("udp", *phone.address)])
        assert call.flow is None
        assert not lab.server.exchange.calls
        assert not phone.calls

    run(check)
