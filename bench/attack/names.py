"""A name server that answers too much, in circles, too late or wrong, and somebody who asks it.

The exchange asks it for what a trunk names (`CreateSIPParticipant`) and for the Contact of a call
that was let in, when that call is hung up.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
from tests.wire.kit.call import Call
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import background

from .scene import CARRIER, NAMES, PROBED, Scene
from .verdict import Report

PORT = 53
MANY = 900
"""SRV records of one answer: some 45 kB."""
MANY_ADDRESSES = 200
LARGEST = 512
"""Octets of an answer by UDP (RFC 1035 §4.2.1); more is asked for again by TCP."""
ASKED_EVERY = 0.5
DOMAIN = "evil.example"


def answer_to(query: bytes, chance: random.Random) -> bytes | None:
    """What the server says; the label before `DOMAIN` is the kind of lie. None: nothing."""
    try:
        asked = dns.message.from_wire(query)
    except dns.exception.DNSException:
        return None
    if not asked.question:
        return None
    name, kind = asked.question[0].name, asked.question[0].rdtype
    labels = name.to_text().lower().rstrip(".").split(".")
    reply = dns.message.make_response(asked, recursion_available=True)
    which = labels[-3] if len(labels) > 2 else ""
    if which == "many":
        _many(reply, name, kind, chance)
    elif which == "loop":
        _loop(reply, name, kind)
    elif which == "lies":
        return _lie(reply, chance)
    elif which == "slow":
        return None
    return reply.to_wire(max_size=65535)


def _many(
    reply: dns.message.Message, name: dns.name.Name, kind: int, chance: random.Random
) -> None:
    if kind == dns.rdatatype.SRV:
        texts = [f"1 {chance.randrange(2)} 5060 h{n}.many.{DOMAIN}." for n in range(MANY)]
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "SRV", *texts))
    elif kind == dns.rdatatype.A:
        texts = [f"10.77.1.{n}" for n in range(MANY_ADDRESSES)]
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *texts))
    elif kind == dns.rdatatype.NAPTR:
        texts = [f'1 {n} "s" "SIP+D2U" "" _sip._udp.n{n}.many.{DOMAIN}.' for n in range(MANY)]
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "NAPTR", *texts))


def _loop(reply: dns.message.Message, name: dns.name.Name, kind: int) -> None:
    if kind == dns.rdatatype.SRV:
        texts = [f"1 1 5060 {name}", f"1 1 5060 a.loop.{DOMAIN}."]
        reply.answer.append(dns.rrset.from_text(name, 1, "IN", "SRV", *texts))
        return
    if kind == dns.rdatatype.NAPTR:
        text = f'1 1 "" "SIP+D2U" "" {name}'
        reply.answer.append(dns.rrset.from_text(name, 1, "IN", "NAPTR", text))
        return
    one, other = f"a.loop.{DOMAIN}.", f"b.loop.{DOMAIN}."
    reply.answer.append(dns.rrset.from_text(name, 1, "IN", "CNAME", one))
    reply.answer.append(dns.rrset.from_text(one, 1, "IN", "CNAME", other))
    reply.answer.append(dns.rrset.from_text(other, 1, "IN", "CNAME", one))


def _lie(reply: dns.message.Message, chance: random.Random) -> bytes:
    name = reply.question[0].name
    match chance.randrange(5):
        case 0:  # of another question
            reply.id ^= 1
        case 1:  # of another name
            reply.answer.append(dns.rrset.from_text("other.example.", 60, "IN", "A", "10.77.1.1"))
        case 2:  # of another kind
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", '"no"'))
        case 3:  # a broken one
            data = bytearray(reply.to_wire())
            data[4:12] = b"\xff" * 8
            return bytes(data)
        case _:  # targets that are none
            texts = ["0 0 0 .", f"1 1 65535 {'x' * 60}.lies.{DOMAIN}."]
            srv = dns.rrset.from_text(name, 60, "IN", "SRV", *texts)
            if reply.question[0].rdtype == dns.rdatatype.SRV:
                reply.answer.append(srv)
    return reply.to_wire()


def serve(scene: Scene, seconds: float) -> Report:
    """The name server, over UDP and TCP."""
    del scene
    chance, end, answered = random.Random(1), time.monotonic() + seconds, 0
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as streams,
    ):
        datagrams.bind((NAMES, PORT))
        streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        streams.bind((NAMES, PORT))
        streams.listen(100)
        clients: list[socket.socket] = []
        while (now := time.monotonic()) < end:
            ready, _, _ = select.select([datagrams, streams, *clients], [], [], min(0.2, end - now))
            for sock in ready:
                if sock is datagrams:
                    answered += _datagram(datagrams, chance)
                elif sock is streams:
                    clients.append(streams.accept()[0])
                else:
                    answered += _stream(sock, chance)
                    clients.remove(sock)
                    sock.close()
        for sock in clients:
            sock.close()
    return Report(f"{answered} questions answered")


def _datagram(sock: socket.socket, chance: random.Random) -> bool:
    query, client = sock.recvfrom(4096)
    answer = answer_to(query, chance)
    if answer is None:
        return False
    if len(answer) > LARGEST:
        cut = dns.message.make_response(dns.message.from_wire(query))
        cut.flags |= dns.flags.TC
        answer = cut.to_wire()
    sock.sendto(answer, client)
    return True


def _stream(sock: socket.socket, chance: random.Random) -> bool:
    sock.settimeout(1)
    try:
        data = sock.recv(4096)
        answer = answer_to(data[2:], chance)
        if answer is not None:
            sock.sendall(struct.pack("!H", len(answer)) + answer)
            return True
    except OSError:
        pass
    return False


def ask(which: str) -> Callable[..., Report]:
    """Have the exchange look such names up, again and again."""

    def asker(scene: Scene, seconds: float) -> Report:
        end, number = time.monotonic() + seconds, 0
        _hang_up_one_at(scene, f"contact.{which}.{DOMAIN}")
        while time.monotonic() < end:
            background(partial(_dial, scene, f"t{number}.{which}.{DOMAIN}"))
            number += 1
            time.sleep(ASKED_EVERY)
        return Report(f"{number} names looked up")

    return asker


def _dial(scene: Scene, host: str) -> None:
    body = {
        "trunk": {"hostname": host},
        "sip_number": "+15550199",
        "sip_call_to": "100",
        "room_name": host,
    }
    scene.exchange.rpc("SIP/CreateSIPParticipant", body, within=5)


def _hang_up_one_at(scene: Scene, host: str) -> None:
    """A call whose Contact is there, and is put out of its room."""
    phone = Phone(scene.sip, CARRIER)
    call = Call(phone, PROBED, caller="contact")
    call.contact = f"<sip:x@{host}>"
    try:
        call.connect()
        body = {"room": f"r_{PROBED}", "identity": "sip_contact"}
        scene.exchange.rpc("RoomService/RemoveParticipant", body, f"r_{PROBED}", within=5)
    except (AssertionError, OSError):
        pass  # that calls are answered is the witness's to say
    call.up = False
    phone.close()
