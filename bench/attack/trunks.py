"""Strangers who pretend to be a carrier: by guessing a password, or by its address."""

from __future__ import annotations

import select
import socket

from tests.wire.kit.call import Call
from tests.wire.kit.digest import Client
from tests.wire.kit.message import Message
from tests.wire.kit.phone import Phone

from .floods import paced
from .scene import GUARDED, GUESSER, OTHER_CARRIER, Scene
from .verdict import Report

GUESSES_PER_SECOND = 1000
MOST_JUDGED = 40
"""Guesses of one address that are looked at, before it is heard no more."""
FORGED_PER_SECOND = 1000


def passwords(scene: Scene, seconds: float) -> Report:
    """One INVITE a guess, each a call of its own, all with the nonce of one challenge."""
    phone = Phone(scene.sip, GUESSER)
    try:
        first = Call(phone, GUARDED)
        first.invite()
        challenge = next(v for v in first.refuse().all("Proxy-Authenticate") if "MD5" in v)
        client = Client("guarded")
        judged: set[str] = set()
        for number in paced(GUESSES_PER_SECOND, seconds):
            client.password = f"guess-{number}"
            call = Call(phone, GUARDED, sound=first.sound)
            fields = [("Proxy-Authorization", client.answer(challenge, call.target))]
            phone.send(call.message("INVITE", fields, call.sdp()))
            judged |= _judged(phone)
        judged |= _judged(phone)
    finally:
        phone.calls.clear()
        phone.close()
    note = f"{client.count - 1:,} guesses, {len(judged):,} judged"
    fault = (f"{len(judged):,} guesses were judged",) if len(judged) > MOST_JUDGED else ()
    return Report(note, fault)


def _judged(phone: Phone) -> set[str]:
    """The calls of which it is said that their guess was wrong."""
    while phone.read(0):
        pass
    found = {m.get("Call-ID") for m in phone.inbox if m.status in {401, 403, 407}}
    phone.inbox.clear()
    phone.log.clear()
    return found


def ringing(scene: Scene, seconds: float) -> Report:
    """INVITEs with a carrier's address as their source, to numbers where nobody waits; what is
    answered goes to the carrier, and is read by nobody."""
    phone, sent = Phone(scene.sip, OTHER_CARRIER), 0
    template = Call(phone, "+15550300")
    body = template.sdp()
    answers: dict[int, int] = {}
    for number in paced(FORGED_PER_SECOND, seconds):
        call = Call(phone, f"+1556{number:07d}", sound=template.sound)
        phone.send(call.message("INVITE", (), body))
        sent += 1
        for status in _statuses(phone.socket):
            answers[status] = answers.get(status, 0) + 1
    phone.calls.clear()
    phone.close()
    told = ", ".join(f"{status}: {count:,}" for status, count in sorted(answers.items()))
    return Report(f"{sent:,} calls; {told}")


def _statuses(sock: socket.socket) -> list[int]:
    found = []
    while select.select([sock], [], [], 0)[0]:
        found.append(Message(sock.recv(65535)).status)
    return found
