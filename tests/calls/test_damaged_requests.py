"""Requests of a call that are wrong in what nobody needs of them, as bytes through codec, endpoint
and switchboard to the leg: none of them is lost, none raises (calls.md §2, transfer.md §4)."""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Iterable

import pytest
from tests.simulation.endpoints import new_endpoint
from tests.simulation.legs import CALL_ID, CONTACT, LOCAL, TRANSFER, sdp
from tests.simulation.sip_fuzz import mutated
from tests.support.sip_messages import flow_to

from hookflash.base.errors import SipError
from hookflash.base.ids import Ids
from hookflash.calls import effects as fx
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.leg import Leg
from hookflash.calls.legs.settings import LegSettings
from hookflash.calls.switchboard import BoardEffect, Broken, ForOwner, Incoming, Switchboard
from hookflash.sip.codec import parse
from hookflash.sip.effects import SendBytes
from hookflash.sip.message import Request, Response
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri

FLOW = flow_to()
CONTACTS = [
    *("<>", "<sip:@@>", "x y z", "rubbish", "*", "<mailto:a@b>", "<tel:+1>", "<sip:a@h:x>"),
    *("sip:wire@h:5060?x=y", "<sip:wire@h", "<sip:John Doe>", '<sip:a@h;x="a b">', "<sip:a@h>>"),
]
LINES = [
    "X Bad Name: 1",
    "garbage",
    "X: a\0b",
    "Route: <bad",
    "Record-Route: <bad",
    "Max-Forwards: many",
    "Session-Expires: x",
    "Event: ;",
    "Refer-To: <",
    "Referred-By: <",
    "Expires: 1\r\nExpires: 2",
    "Content-Type: a/b\r\nContent-Type: c/d",
    "Event: a\r\nEvent: b",
    "Via: junk",
]
"""Of which a BYE, an ACK, a CANCEL, an OPTIONS and a NOTIFY need nothing."""
ODDITIES = [*(f"Contact: {contact}" for contact in CONTACTS), *LINES]
NEEDED_TO_BEGIN = ("Contact", "Record-Route", "Max-Forwards", "X Bad", "garbage", "X: a")
"""By whatever begins something."""
EVENTS = ["refer;;id=2", "refer id=2", "", ";", "refer;", "REFER ; id", "refer\r\nEvent: refer"]
PARTIES = ["<sip:a b@h>", '"x <sip:a@b>', "<sip:a@b", "sip:"]
"""Of which the tag behind them can be read."""


class Call:
    """A call in an exchange, and a peer that writes what it likes."""

    def __init__(self) -> None:
        self.board = Switchboard(new_endpoint(), lambda _request, _hop: FLOW)
        ids, settings = Ids(random.Random(1)), LegSettings(contact=Uri.parse(CONTACT))
        self.leg = Leg(CALL_ID, settings, ids, Timers())
        self.now = 0.0
        self.cseq = 1
        self.told: list[fx.LegEffect] = []
        self.sent: list[Request | Response] = []

    def text(self, method: str, *lines: str, tag: str = CALL_ID, branch: str = "") -> str:
        """The next request, without its body; `lines` come behind its own."""
        if method in {"ACK", "CANCEL"}:
            cseq = 1
        else:
            self.cseq += 1
            cseq = self.cseq
        return "\r\n".join(
            [
                f"{method} sip:100@192.0.2.10 SIP/2.0",
                f"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{branch or f'{method}{cseq}'}",
                "From: <sip:caller@198.51.100.7>;tag=peer",
                "To: <sip:100@192.0.2.10>" + (f";tag={tag}" if tag else ""),
                "Call-ID: call-1",
                f"CSeq: {cseq} {method}",
                *lines,
                "",
                "",
            ]
        )

    def receive(self, text: str | bytes, body: bytes = b"") -> list[int]:
        """The statuses that come back for it."""
        data = (text if isinstance(text, bytes) else text.encode()) + body
        self.now += 0.01
        before = len(self.sent)
        try:
            message = parse(data)
        except SipError as error:
            self.perform(self.board.bad_message(self.now, error, FLOW))
        else:
            self.perform(self.board.message_received(self.now, message, FLOW))
        return [one.status for one in self.sent[before:] if isinstance(one, Response)]

    def perform(self, effects: Iterable[BoardEffect]) -> None:
        queue = deque(effects)
        while queue:
            effect = queue.popleft()
            if isinstance(effect, SendBytes):
                self.sent.append(parse(effect.data))
            elif isinstance(effect, Broken):
                raise effect.error
            elif isinstance(effect, Incoming):
                self.board.add(self.leg, effect)
                start = self.leg.start_inbound(self.now, effect.key, effect.request, effect.flow)
                queue.extend(self.ask(start))
            elif isinstance(effect, ForOwner):
                self.told.append(effect.effect)
                if isinstance(effect.effect, fx.OpenMedia):
                    queue.extend(self.ask(self.leg.media_opened(self.now, LOCAL, lambda: None)))
                elif isinstance(effect.effect, fx.TransferChanged) and effect.effect.then_send:
                    queue.extend(self.ask(self.leg.transfer_stored(self.now, TRANSFER.transfer_id)))

    def ask(self, effects: list[fx.LegEffect]) -> list[BoardEffect]:
        return self.board.ask(self.now, self.leg, lambda: effects)

    def rings(self) -> Call:
        """The INVITE has come."""
        self.cseq = 0
        head = ("Contact: <sip:caller@198.51.100.7>", "Content-Type: application/sdp")
        assert self.receive(self.text("INVITE", *head, tag="", branch="first"), sdp()) == [100, 180]
        return self

    def answered(self) -> Call:
        """It has its 200."""
        self.rings()
        self.perform(self.ask(self.leg.answer(self.now)))
        return self

    def up(self) -> Call:
        """The ACK has come."""
        self.answered()
        self.receive(self.text("ACK"))
        assert self.leg.state is Phase.CONFIRMED
        return self

    def transferring(self) -> Call:
        """A REFER has its 202."""
        self.up()
        self.perform(self.ask(self.leg.transfer(self.now, 1, TRANSFER)))
        refer = self.sent[-1]
        assert isinstance(refer, Request)
        assert refer.method == "REFER"
        accepted = Response.reply(refer, 202)
        self.perform(self.board.message_received(self.now, accepted, FLOW))
        return self

    @property
    def outcomes(self) -> list[bool]:
        """Of the transfers that were answered: whether they succeeded."""
        return [one.error is None for one in self.told if isinstance(one, fx.TransferAnswered)]

    @property
    def ended(self) -> bool:
        return any(isinstance(one, fx.LegEnded) for one in self.told)


def party(text: str, name: str, value: str) -> str:
    """With another address in From or To, and the right tag."""
    return re.sub(rf"(?m)^{name}: <[^>\r]*>", lambda _: f"{name}: {value}", text, count=1)


parties = pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in ("From", "To") for value in PARTIES]
)


@pytest.mark.parametrize("line", ODDITIES)
def test_a_bye_ends_the_call(line: str) -> None:
    call = Call().up()
    assert call.receive(call.text("BYE", line)) == [200]
    assert call.ended


@parties
@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "OPTIONS"])
def test_the_tags_say_whose_it_is(method: str, name: str, value: str) -> None:
    call = Call().up()
    assert call.receive(party(call.text(method), name, value)) == [200]
    assert call.ended is (method == "BYE")


@pytest.mark.parametrize("line", ODDITIES)
def test_an_ack_confirms_the_call(line: str) -> None:
    call = Call().answered()
    assert call.receive(call.text("ACK", line)) == []
    assert call.leg.state is Phase.CONFIRMED


@parties
def test_so_does_one_that_names_the_parties_badly(name: str, value: str) -> None:
    call = Call().answered()
    call.receive(party(call.text("ACK"), name, value))
    assert call.leg.state is Phase.CONFIRMED


@pytest.mark.parametrize("line", ODDITIES)
def test_an_ack_ends_the_repetition_of_a_refusal(line: str) -> None:
    call = Call().rings()
    call.perform(call.ask(call.leg.reject(call.now, 486)))
    call.receive(call.text("ACK", line, branch="first"))
    before = len(call.sent)
    call.perform(call.board.handle_deadline(call.now + 1))
    assert len(call.sent) == before


@pytest.mark.parametrize("line", ODDITIES)
@pytest.mark.parametrize("tag", ["", CALL_ID])
def test_a_cancel_ends_the_invite(line: str, tag: str) -> None:
    call = Call().rings()
    assert call.receive(call.text("CANCEL", line, tag=tag, branch="first")) == [200, 487]


@parties
def test_so_does_one_whose_parties_cannot_be_read(name: str, value: str) -> None:
    call = Call().rings()
    text = party(call.text("CANCEL", tag="", branch="first"), name, value)
    assert call.receive(text) == [200, 487]


@pytest.mark.parametrize("line", ODDITIES)
def test_a_notify_counts(line: str) -> None:
    call = Call().transferring()
    lines = ("Event: refer", "Subscription-State: terminated")
    assert call.receive(call.text("NOTIFY", *lines, line), b"SIP/2.0 200 OK") == [200]
    assert call.outcomes == [True]


@parties
def test_so_does_one_of_parties_that_cannot_be_read(name: str, value: str) -> None:
    call = Call().transferring()
    text = party(call.text("NOTIFY", "Event: refer"), name, value)
    assert call.receive(text, b"SIP/2.0 200 OK") == [200]
    assert call.outcomes == [True]


@pytest.mark.parametrize("event", EVENTS)
def test_a_notify_counts_whatever_its_event(event: str) -> None:
    call = Call().transferring()
    state = "Subscription-State: terminated\r\nSubscription-State: terminated"
    assert call.receive(call.text("NOTIFY", f"Event: {event}", state), b"SIP/2.0 200 OK") == [200]
    assert call.outcomes == [True]


@pytest.mark.parametrize("line", ODDITIES)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "OPTIONS"])
def test_the_others_are_refused_only_for_what_they_need(method: str, line: str) -> None:
    call = Call().up()
    dialog = call.leg.dialog
    assert dialog is not None
    before = dialog.remote_target
    contact = () if line.startswith("Contact") else ("Contact: <sip:caller@198.51.100.7>",)
    refused = line.startswith("Content-Type") and method != "OPTIONS"
    answers = call.receive(call.text(method, *contact, line))
    assert answers[-1] == (400 if refused else 200)
    assert dialog.remote_target == before
    assert call.receive(call.text("BYE")) == [200]
    assert call.ended


def test_a_hold_and_a_key_beside_an_unreadable_contact_do_what_they_say() -> None:
    call = Call().up()
    lines = ("Contact: rubbish", "Content-Type: application/sdp")
    assert call.receive(call.text("INVITE", *lines), sdp("sendonly", version=2)) == [100, 200]
    assert fx.LegHeld(True) in call.told
    lines = ("Contact: rubbish", "Content-Type: application/dtmf-relay")
    assert call.receive(call.text("INFO", *lines), b"Signal=5") == [200]
    assert any(isinstance(one, fx.LegDtmf) for one in call.told)


def test_what_begins_something_needs_its_addresses_as_well() -> None:
    """RFC 3261 §8.2.2: malformed headers that are not necessary are ignored."""
    for line in ODDITIES:
        call = Call()
        contact = () if line.startswith("Contact") else ("Contact: <sip:caller@198.51.100.7>",)
        for method in ("INVITE", "BYE", "NOTIFY", "OPTIONS"):
            needed = NEEDED_TO_BEGIN if method != "INVITE" else (*NEEDED_TO_BEGIN, "Content-Type")
            refused = line.startswith(needed)
            if line in {"Contact: *", "Contact: <mailto:a@b>", "Contact: <tel:+1>"}:
                refused = method == "INVITE"  # nothing of SIP can be sent there
            statuses = call.receive(call.text(method, *contact, line, tag=""))
            assert (400 in statuses) is refused, (method, line, statuses)


@pytest.mark.parametrize(
    "twice",
    ["From: <sip:a@b>;tag=peer", f"To: <sip:a@b>;tag={CALL_ID}", "Call-ID: x", "CSeq: 2 BYE"],
)
def test_what_says_whose_it_is_stands_once(twice: str) -> None:
    call = Call().up()
    assert call.receive(call.text("BYE", twice)) == [400]
    assert call.receive(call.text("BYE", "Content-Length: 0\r\nl: 1"), b"x") == [400]
    assert not call.ended


METHODS = (
    "NOTIFY",
    "INFO",
    "UPDATE",
    "INVITE",
    "ACK",
    "CANCEL",
    "PRACK",
    "OPTIONS",
    "REFER",
    "BYE",
)


def damaged(pick: random.Random, call: Call, method: str, *more: str) -> str:
    """With some lines and an address that nobody can read, anywhere in its head."""
    lines = call.text(method, *more).split("\r\n")
    for line in pick.sample(ODDITIES, pick.randint(1, 5)):
        lines.insert(pick.randint(1, len(lines) - 2), line)
    text = "\r\n".join(lines)
    for name in ("From", "To"):
        if pick.random() < 0.5:
            text = party(text, name, pick.choice(PARTIES))
    # The first Via is ours.
    return re.sub(r"Via: junk\r\n((?:.*\r\n)*)(Via: SIP.*\r\n)", r"\2\1", text, count=1)


@pytest.mark.parametrize("block", range(10))
def test_whatever_is_damaged_a_notify_counts_and_a_bye_ends_the_call(block: int) -> None:
    for seed in range(block * 20, block * 20 + 20):
        pick = random.Random(seed)
        call = Call().transferring()
        for method in pick.choices(METHODS[:-1], k=6):
            body = pick.choice([b"", sdp(), b"Signal=5", b"rubbish"])
            call.receive(damaged(pick, call, method), b"" if method == "NOTIFY" else body)
        text = damaged(pick, call, "NOTIFY", "Subscription-State: terminated")
        text = re.sub(r"(?m)^Event: .*\r\n", "", text)
        text = text.replace("CSeq", f"Event: {pick.choice(EVENTS)}\r\nCSeq", 1)
        assert call.receive(text, b"SIP/2.0 486 Busy Here") == [200], text
        assert call.outcomes == [False], text
        text = damaged(pick, call, "BYE")
        assert call.receive(text) == [200], text
        assert call.ended, text


@pytest.mark.parametrize("block", range(10))
def test_no_mutation_of_any_request_raises(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        pick = random.Random(seed)
        call = pick.choice([Call().rings, Call().answered, Call().up, Call().transferring])()
        for method in pick.choices(METHODS, (4, 4, 4, 4, 4, 2, 4, 4, 1, 1), k=15):
            body = pick.choice([b"", sdp(), b"SIP/2.0 180 Ringing", b"Signal=5"])
            line = pick.choice([*ODDITIES, "RAck: 1 1 INVITE", "Event: refer", "Content-Length: 0"])
            data = call.text(method, line).encode() + body
            call.receive(mutated(pick, data, [data]))
            call.perform(call.board.handle_deadline(call.now))
        if not call.ended and call.leg.state is Phase.CONFIRMED:
            call.cseq = 2**31 - 2
            assert 200 in call.receive(call.text("BYE")), seed
            assert call.ended, seed
