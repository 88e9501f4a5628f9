"""The recorded conversations (conformance/signalling), replayed: what clients offered the real
server is answered as it answered, section by section, as far as ours is to be the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.webrtc import clients

from hookflash.webrtc.description import read
from hookflash.webrtc.offered_sections import OfferedSections
from hookflash.webrtc.sections import LocalAnswer, Sections

Shape = tuple[str, str, str]
SECTION = re.compile(
    r"mid (?P<mid>\S+) (?P<kind>\w+)(?: (?P<way>sendrecv|sendonly|recvonly|inactive))?"
    r"(?: msid (?P<msid>\S+ \S+))?"
)


@dataclass
class Peer:
    """One client's connection in which it offers."""

    sections: Sections = field(default_factory=lambda: Sections(clients.ids()))
    cids: set[str] = field(default_factory=set)
    attached: set[str] = field(default_factory=set)
    whole: dict[str, str] = field(default_factory=dict)
    """By kind, a section of its first offer."""
    offered: str = ""

    def take(self, offer: dict[str, Any]) -> None:
        """An offer, whole or as a list of what stands in its sections."""
        if "sdp" in offer:
            self.offered = offer["sdp"]
            for section in re.split(r"\r\n(?=m=)", self.offered.strip())[1:]:
                self.whole.setdefault(section[2:].split()[0], section + "\r\n")
        else:
            self.offered = clients.offer(*map(self._section, offer["sections"]))

    def _section(self, said: str) -> str:
        found = SECTION.match(said)
        assert found is not None
        kind = found["kind"]
        text = self.whole.get(kind) or clients.rtp(kind, "0", "sendonly")
        text = re.sub(r"a=mid:\S+", f"a=mid:{found['mid']}", text)
        if found["way"]:
            text = re.sub(r"a=(recvonly|sendonly|inactive)\b", f"a={found['way']}", text)
        text = re.sub(r"a=(msid|ssrc)\S*[^\r]*\r\n", "", text)
        return text + (f"a=msid:{found['msid']}\r\n" if found["msid"] else "")

    def answer(self, tracks: dict[str, str]) -> LocalAnswer:
        """With those tracks by mid, as the real server had them."""
        now = set(tracks.values())
        for sid in self.attached - now:
            self.sections.detach(sid)
        for sid in now - self.attached:
            self.sections.attach(clients.out_track(sid, "video" if sid[3] == "V" else "audio"))
        self.attached = now
        return self.sections.answer(read(self.offered), clients.LOCAL, self.cids)


def recorded_shape(answer: dict[str, Any]) -> list[Shape]:
    if "sdp" in answer:
        found = clients.shape(answer["sdp"])
    else:
        matches = [SECTION.match(said) for said in answer["sections"]]
        found = [(m["mid"], m["kind"], m["way"] or "") for m in matches if m is not None]
    return [(mid, kind, "" if kind == "application" else way) for mid, kind, way in found]


NAMES = [
    ("browser-livekit-client-2.23.0", 5),
    ("python-sdk-1.2.1", 5),
    ("python-sdk-1.2.1-life", 14),
    ("python-sdk-1.2.1-life-two-connections", 4),
    ("python-sdk-1.2.1-resume", 8),
    ("python-sdk-1.2.1-resume-two-connections", 6),
    ("python-sdk-1.2.1-video", 6),
]
"""Each with the offers that the real server answered in it."""


@pytest.mark.parametrize(("name", "count"), NAMES)
def test_offers_are_answered_as_the_real_server_does(name: str, count: int) -> None:
    peers: dict[int, Peer] = {}
    answered = 0
    for line in clients.record(name):
        conn, message = line.get("conn", 0), line.get("msg") or {}
        request = (line.get("join") or {}).get("join_request") or {}
        if "open" in line:
            resumed = request.get("reconnect") or line["query"].get("reconnect")
            peers[conn] = peers[conn - 1] if resumed else Peer()
            if "publisher_offer" in request:
                peers[conn].take(request["publisher_offer"])
        if "track_published" in message:
            peers[conn].cids.add(message["track_published"]["cid"])
        if line.get("from") == "client" and "offer" in message:
            peers[conn].take(message["offer"])
        if line.get("from") == "server" and "answer" in message:
            theirs = message["answer"]
            ours = peers[conn].answer(theirs.get("mid_to_track_id") or {})
            assert clients.shape(ours.sdp) == recorded_shape(theirs)
            assert ours.mid_to_track_id == (theirs.get("mid_to_track_id") or {})
            answered += 1
    assert answered == count


def test_a_recorded_answer_to_an_offer_is_taken() -> None:
    lines = clients.record("python-sdk-1.2.1-resume-two-connections")
    first, second = (lines[at]["msg"]["answer"]["sdp"] for at in (12, 77))
    these = OfferedSections(clients.ids())
    these.offer(clients.LOCAL)
    taken = these.answered(read(first))
    assert taken.setup == "passive"
    assert taken.data is not None
    these.attach(clients.out_track("TR_AMVGkxJYXzpNQp"))
    these.offer(clients.LOCAL)
    taken = these.answered(read(second))
    assert [(sent.mid, sent.payload_types) for sent in taken.outgoing] == [("1", {111: 111})]
