"""We offer, the client answers."""

from __future__ import annotations

import re

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.webrtc import clients
from tests.webrtc.clients import out_track, section_of, shape

from hookflash.base.errors import SdpError
from hookflash.webrtc.description import read
from hookflash.webrtc.formats import RtpCodec
from hookflash.webrtc.offered_sections import (
    MAX_SLOTS,
    PAYLOAD_TYPES,
    OfferedSections,
    RemoteAnswer,
)
from hookflash.webrtc.sections import DataSection

H264 = "packetization-mode={};profile-level-id={}"


def sections() -> OfferedSections:
    return OfferedSections(clients.ids())


def client(offered: str, *, stopped: tuple[str, ...] = (), without: str = "") -> str:
    """What a client answers: it takes all that is sent but codecs of that name."""
    out = []
    for section in re.split(r"\r\n(?=m=)", offered.strip()):
        if section.startswith("m="):
            mid = re.findall(r"a=mid:(\S+)", section)[0]
            for line in (*clients.CANDIDATES, "end-of-candidates"):
                section = section.replace(f"\r\na={line}", "")
            section = section.replace("a=setup:actpass", "a=setup:active")
            section = section.replace("a=sendonly", "a=recvonly").replace(
                "ufrag:ours", "ufrag:thei"
            )
            if without:
                section = section.replace(f" {without}/", " other/")
            if mid in stopped:
                section = re.sub(r"^(m=\S+) 9", r"\1 0", section)
        out.append(section)
    return "\r\n".join(out) + "\r\n"


def exchange(
    these: OfferedSections, *, stopped: tuple[str, ...] = (), without: str = ""
) -> tuple[str, RemoteAnswer]:
    offered = these.offer(clients.LOCAL)
    assert these.offering
    taken = these.answered(read(client(offered, stopped=stopped, without=without)))
    assert not these.offering
    return offered, taken


def test_at_first_there_are_the_data_channels_alone() -> None:
    offered, taken = exchange(sections())
    assert shape(offered) == [("0", "application", "")]
    lines = section_of(offered, "0")
    assert "a=setup:actpass" in lines
    assert f"a={clients.CANDIDATES[0]}" in lines
    assert taken.data == DataSection(5000, 65535)
    assert taken.setup == "passive"
    assert taken.remote.ufrag == "thei"
    assert (taken.outgoing, taken.no_codec) == ((), ())


def test_a_track_has_a_section() -> None:
    these = sections()
    assert these.attach(out_track("TR_a"))
    assert these.attach(out_track("TR_v", "video"))
    assert these.changed
    offered, taken = exchange(these)
    assert not these.changed
    assert shape(offered) == [
        ("0", "application", ""),
        ("1", "audio", "sendonly"),
        ("2", "video", "sendonly"),
    ]
    sound, pictures = taken.outgoing
    assert (sound.mid, sound.track_sid, sound.payload_types) == ("1", "TR_a", {111: 111})
    assert (pictures.mid, pictures.payload_types) == ("2", {120: 96})
    assert sound.rtx_ssrc is None
    lines = section_of(offered, "2")
    assert lines[0] == "m=video 9 UDP/TLS/RTP/SAVPF 96 97"
    assert "a=msid:PA_b|TR_v TR_v" in lines
    assert f"a=ssrc-group:FID {pictures.ssrc} {pictures.rtx_ssrc}" in lines
    assert "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid" in lines
    assert "a=rtcp-fb:96 nack pli" in lines


def test_the_clients_payload_types_count() -> None:
    """RFC 3264 §6.1: an answer may have numbers of its own."""
    these = sections()
    these.attach(out_track("TR_a"))
    said = client(these.offer(clients.LOCAL)).replace("SAVPF 111", "SAVPF 109")
    said = said.replace("rtpmap:111", "rtpmap:109")
    (sound,) = these.answered(read(said)).outgoing
    assert sound.payload_types == {111: 109}


def test_a_gone_track_is_inactive_and_its_section_used_again() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    _, before = exchange(these)
    these.detach("TR_a")
    assert these.changed
    assert not these.attach(out_track("TR_b"))
    offered, taken = exchange(these)
    assert shape(offered)[1:] == [("1", "audio", "inactive")]
    assert "msid:" not in offered.replace("msid-semantic:", "")
    assert taken.outgoing == ()
    assert these.changed
    offered, after = exchange(these)
    assert shape(offered)[1:] == [("1", "audio", "sendonly")]
    assert after.outgoing[0].track_sid == "TR_b"
    assert after.outgoing[0].ssrc != before.outgoing[0].ssrc


def test_a_section_of_the_other_kind_is_not_waited_for() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    exchange(these)
    these.detach("TR_a")
    assert these.attach(out_track("TR_v", "video"))
    assert not these.attach(out_track("TR_b"))
    assert these.attach(out_track("TR_c"))
    assert [track.track_sid for track in these.waiting] == ["TR_b"]


def test_what_changes_while_an_offer_is_out_stands_in_the_next() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    these.attach(out_track("TR_b"))
    offered = these.offer(clients.LOCAL)
    these.detach("TR_a")
    these.attach(out_track("TR_v", "video"))
    taken = these.answered(read(client(offered)))
    assert [sent.track_sid for sent in taken.outgoing] == ["TR_b"]
    assert these.changed
    offered, _ = exchange(these)
    assert shape(offered)[1:] == [
        ("1", "audio", "inactive"),
        ("2", "audio", "sendonly"),
        ("3", "video", "sendonly"),
    ]


def test_an_offer_that_was_never_answered_told_nothing() -> None:
    """A client that resumes has perhaps not read it: the freed section stays inactive."""
    these = sections()
    these.attach(out_track("TR_a"))
    exchange(these)
    these.detach("TR_a")
    these.offer(clients.LOCAL)
    assert not these.attach(out_track("TR_b"))
    offered, _ = exchange(these)
    assert shape(offered)[1:] == [("1", "audio", "inactive")]
    assert not these.waiting


def test_a_track_that_went_before_it_was_offered_leaves_nothing() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    these.detach("TR_a")
    assert not these.changed
    assert shape(exchange(these)[0]) == [("0", "application", "")]


def test_a_track_that_is_not_taken_is_told() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    these.attach(out_track("TR_v", "video"))
    _, taken = exchange(these, without="VP8")
    assert taken.no_codec == ("TR_v",)
    assert [sent.track_sid for sent in taken.outgoing] == ["TR_a"]


def test_a_rejected_section_becomes_another() -> None:
    """RFC 8829 §5.2.2: with another mid in the same place."""
    these = sections()
    these.attach(out_track("TR_a"))
    these.attach(out_track("TR_v", "video"))
    _, taken = exchange(these, stopped=("1",))
    assert taken.no_codec == ("TR_a",)
    assert not these.changed
    assert section_of(these.offer(clients.LOCAL), "1")[0].startswith("m=audio 0 ")
    these.detach("TR_a")
    assert not these.changed
    assert these.attach(out_track("TR_w", "video"))
    offered, taken = exchange(these)
    assert [(mid, kind) for mid, kind, _ in shape(offered)] == [
        ("0", "application"),
        ("3", "video"),
        ("2", "video"),
    ]
    assert [sent.track_sid for sent in taken.outgoing] == ["TR_w", "TR_v"]


def test_a_section_that_becomes_another_and_loses_its_track_keeps_its_place() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    these.attach(out_track("TR_v", "video"))
    exchange(these, stopped=("1",))
    these.detach("TR_a")
    offered = these.offer(clients.LOCAL)
    these.attach(out_track("TR_w", "video"))
    these.answered(read(client(offered, stopped=("1",))))
    these.detach("TR_w")
    offered, _ = exchange(these, stopped=("3",))
    assert section_of(offered, "3")[0] == "m=video 0 UDP/TLS/RTP/SAVPF 0"
    assert shape(offered)[2] == ("2", "video", "sendonly")


def test_who_waits_for_a_section_that_is_rejected_gets_a_new_one() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    exchange(these)
    these.detach("TR_a")
    these.attach(out_track("TR_b"))
    _, taken = exchange(these, stopped=("1",))
    assert taken.outgoing == ()
    offered, taken = exchange(these)
    assert [sent.mid for sent in taken.outgoing] == ["2"]
    assert len(shape(offered)) == 2


def test_there_are_only_so_many_sections() -> None:
    these = sections()
    placed = [these.attach(out_track(f"TR_{n}")) for n in range(MAX_SLOTS + 2)]
    assert placed == [True] * MAX_SLOTS + [False] * 2
    exchange(these)
    assert len(these.waiting) == 2
    assert not these.changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=mid:1\r\n", "a=mid:2\r\n"),
        ("a=mid:0\r\n", "a=mid:x\r\n"),
        ("a=setup:active", "a=setup:actpass"),
        ("a=ice-pwd", "a=ice-nothing"),
        ("m=audio", "m=audio 9 X 0\r\nm=audio"),
    ],
)
def test_another_answer_is_refused_and_the_offer_stays_out(old: str, new: str) -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    said = client(these.offer(clients.LOCAL))
    with pytest.raises(SdpError):
        these.answered(read(said.replace(old, new)))
    assert these.offering
    assert len(these.answered(read(said)).outgoing) == 1


def test_an_answer_to_nothing_is_our_own_mistake() -> None:
    with pytest.raises(RuntimeError):
        sections().answered(read(clients.offer(clients.data("0"))))


def test_a_passive_client_and_one_without_data_channels() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    said = client(these.offer(clients.LOCAL), stopped=("0",)).replace("active", "passive", 1)
    said = said.replace("setup:active", "setup:passive")
    taken = these.answered(read(said))
    assert taken.setup == "active"
    assert taken.data is None


def test_a_payload_type_means_one_codec_and_there_are_enough_for_all() -> None:
    these = sections()
    levels = ("42001f", "42e01f", "4d001f", "64001f", "640c1f", "f4001f")
    every = [RtpCodec("VP8", 96, 90000)]
    every += [RtpCodec("VP9", 96, 90000, fmtp=f"profile-id={n}") for n in range(4)]
    every += [RtpCodec("AV1", 96, 90000, fmtp=f"profile={n}") for n in range(3)]
    every += [
        RtpCodec("H264", 96, 90000, fmtp=H264.format(m, level)) for m in (0, 1) for level in levels
    ]
    these.attach(out_track("TR_v", "video", tuple(every)))
    these.attach(out_track("TR_w", "video", (RtpCodec("VP9", 35, 90000, fmtp="profile-id=2"),)))
    these.attach(out_track("TR_a"))
    offered, taken = exchange(these)
    numbers = section_of(offered, "1")[0].split()[3:]
    assert len(set(numbers)) == 2 * len(every)
    assert set(map(int, numbers)) <= set(PAYLOAD_TYPES)
    vp9 = next(c for c in taken.outgoing[0].codecs if c.fmtp == "profile-id=2")
    assert taken.outgoing[1].payload_types == {35: vp9.payload_type}


def test_two_channels_are_told() -> None:
    these = sections()
    these.attach(out_track("TR_a", codecs=(RtpCodec("opus", 96, 48000, 2, "stereo=1"),)))
    these.attach(out_track("TR_b"))
    offered = these.offer(clients.LOCAL)
    plain = "a=fmtp:111 minptime=10;useinbandfec=1"
    assert f"{plain};sprop-stereo=1" in section_of(offered, "1")
    assert plain in section_of(offered, "2")


def test_each_offer_is_a_version_of_one_session() -> None:
    these = sections()
    origins = [these.offer(clients.LOCAL).split("\r\n")[1].split() for _ in range(3)]
    assert len({session for _, session, *_ in origins}) == 1
    assert [version for _, _, version, *_ in origins] == ["1", "2", "3"]


class AnyOrder(RuleBasedStateMachine):
    """Tracks come and go, offers are answered or not, sections rejected: the rules hold."""

    def __init__(self) -> None:
        super().__init__()
        self.these = sections()
        self.attached: set[str] = set()
        self.subscription: dict[str, int] = {}
        """How often each was attached, and `offered`: when our last offer was made."""
        self.offered: dict[str, int] = {}
        self.ssrcs: dict[str, str] = {}
        """Each with the track, its subscription and the section that had it."""
        self.known: dict[str, str] = {}
        """What the client knows of each section that it has not rejected: its track or ""."""
        self.mids: list[str] = ["0"]
        self.out = ""

    @rule(kind=st.sampled_from(["audio", "video"]), n=st.integers(0, 5))
    def attach(self, kind: str, n: int) -> None:
        sid = f"TR_{kind}{n}"
        if sid not in self.attached:
            self.attached.add(sid)
            self.subscription[sid] = self.subscription.get(sid, 0) + 1
            placed = self.these.attach(out_track(sid, kind))
            assert placed == (sid not in [track.track_sid for track in self.these.waiting])

    @rule(kind=st.sampled_from(["audio", "video"]), n=st.integers(0, 5))
    def detach(self, kind: str, n: int) -> None:
        self.attached.discard(f"TR_{kind}{n}")
        self.these.detach(f"TR_{kind}{n}")

    @rule()
    def offer(self) -> None:
        self.out = self.these.offer(clients.LOCAL)
        self.offered = dict(self.subscription)
        mids = [mid for mid, _, _ in shape(self.out)]
        assert len(mids) >= len(self.mids)
        for before, now in zip(self.mids, mids, strict=False):
            assert before == now or before not in self.known
        assert len(set(mids)) == len(mids)
        tracks = [track for track in map(self._track, mids) if track]
        assert len(set(tracks)) == len(tracks)
        assert set(tracks) <= self.attached
        self.mids = mids

    def _track(self, mid: str) -> str:
        lines = section_of(self.out, mid)
        for line in lines:
            if line.startswith("a=ssrc:") and "cname" in line:
                sid = line.rpartition("|")[2]
                owner = f"{sid} {self.offered[sid]} {mid}"
                assert self.ssrcs.setdefault(line.split()[0], owner) == owner
        return next((line.split()[-1] for line in lines if line.startswith("a=msid:")), "")

    @rule(rejected=st.sets(st.integers(1, 6), max_size=2))
    def answer(self, rejected: set[int]) -> None:
        if not self.out:
            return
        stopped = tuple(self.mids[n] for n in rejected if n < len(self.mids))
        dead = {
            mid
            for mid in self.mids
            if mid in stopped or section_of(self.out, mid)[0].split()[1] == "0"
        }
        taken = self.these.answered(read(client(self.out, stopped=stopped)))
        now = {mid: self._track(mid) for mid in self.mids[1:] if mid not in dead}
        for mid, track in now.items():
            before = self.known.get(mid, "")
            assert track in ("", before) or not before, "another track without a break"
        self.known = now
        for sent in taken.outgoing:
            assert now[sent.mid] == sent.track_sid
            assert sent.track_sid in self.attached
        assert set(taken.no_codec) <= self.attached
        self.out = ""

    @invariant()
    def each_track_is_somewhere(self) -> None:
        waiting = {track.track_sid for track in self.these.waiting}
        assert waiting <= self.attached
        assert self.these.offering == bool(self.out)

    def teardown(self) -> None:
        """With nothing new, two offers bring all that is attached to the client."""
        for _ in range(2):
            self.offer()
            self.answer(set())
        assert not self.these.waiting
        described = set(self.known.values()) - {""}
        assert described <= self.attached


AnyOrder.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestAnyOrder = AnyOrder.TestCase
