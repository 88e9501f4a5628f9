"""The client offers, we answer."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.webrtc import clients
from tests.webrtc.clients import data, offer, out_track, rtp, section_of, sending, shape

from hookflash.base.errors import SdpError
from hookflash.webrtc.description import read
from hookflash.webrtc.sections import MAX_PUBLISHED, DataSection, LocalAnswer, Sections

RECEIVING = (
    rtp("audio", "0", "recvonly"),
    rtp("audio", "1", "recvonly"),
    rtp("video", "2", "recvonly"),
    data("3"),
)


def sections() -> Sections:
    return Sections(clients.ids())


def answer(these: Sections, *said: str, cids: tuple[str, ...] = ()) -> LocalAnswer:
    return these.answer(read(offer(*said)), clients.LOCAL, cids)


def test_sections_that_nobody_needs_yet_are_answered_sendonly_without_msid() -> None:
    given = answer(sections(), *RECEIVING)
    assert shape(given.sdp) == [
        ("0", "audio", "sendonly"),
        ("1", "audio", "sendonly"),
        ("2", "video", "sendonly"),
        ("3", "application", ""),
    ]
    assert "msid:" not in given.sdp
    assert "a=group:BUNDLE 0 1 2 3\r\n" in given.sdp
    assert (given.incoming, given.outgoing, given.mid_to_track_id) == ((), (), {})
    assert given.data == DataSection(5000, 262144)
    first = section_of(given.sdp, "0")
    assert first[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 111"
    assert "a=fmtp:111 minptime=10;useinbandfec=1" in first
    assert section_of(given.sdp, "2")[0] == "m=video 9 UDP/TLS/RTP/SAVPF 96 102 97"


def test_a_track_goes_into_a_section_with_its_publishers_codecs_only() -> None:
    these = sections()
    answer(these, *RECEIVING)
    assert these.attach(out_track("TR_v", "video"))
    assert these.changed
    given = answer(these, *RECEIVING)
    assert not these.changed
    assert given.mid_to_track_id == {"2": "TR_v"}
    (sent,) = given.outgoing
    assert (sent.mid, sent.track_sid, sent.kind) == ("2", "TR_v", "video")
    assert sent.payload_types == {120: 96}
    assert [codec.name for codec in sent.codecs] == ["VP8"]
    lines = section_of(given.sdp, "2")
    assert lines[0] == "m=video 9 UDP/TLS/RTP/SAVPF 96 97"
    assert "a=msid:PA_b|TR_v TR_v" in lines
    assert f"a=ssrc:{sent.ssrc} cname:PA_b|TR_v" in lines
    assert f"a=ssrc-group:FID {sent.ssrc} {sent.rtx_ssrc}" in lines
    assert "a=sendonly" in lines


def test_before_the_first_offer_a_track_waits_for_it() -> None:
    these = sections()
    assert not these.attach(out_track("TR_a"))
    assert these.wanted == (1, 0)
    assert answer(these, *RECEIVING).mid_to_track_id == {"0": "TR_a"}
    assert these.wanted == (0, 0)


def test_without_a_free_section_the_client_must_be_asked_for_one() -> None:
    these = sections()
    answer(these, *RECEIVING)
    assert [these.attach(out_track(f"TR_{n}")) for n in range(4)] == [True, True, False, False]
    assert these.wanted == (2, 0)
    assert [track.track_sid for track in these.waiting] == ["TR_2", "TR_3"]
    more = (*RECEIVING, rtp("audio", "4", "recvonly"))
    assert answer(these, *more).mid_to_track_id == {"0": "TR_0", "1": "TR_1", "4": "TR_2"}
    assert these.wanted == (1, 0)


def test_what_the_client_cannot_read_is_told() -> None:
    these = sections()
    these.attach(out_track("TR_v", "video", clients.AV1))
    assert these.wanted == (0, 1)
    given = answer(these, *RECEIVING)
    assert given.no_codec == ("TR_v",)
    assert these.wanted == (0, 0)
    assert len(these.waiting) == 1
    these.detach("TR_v")
    assert answer(these, *RECEIVING).no_codec == ()


def test_a_freed_section_is_inactive_once_and_used_again_with_another_ssrc() -> None:
    these = sections()
    one = (rtp("audio", "0", "recvonly"),)
    these.attach(out_track("TR_a"))
    first = answer(these, *one).outgoing[0].ssrc
    these.detach("TR_a")
    these.attach(out_track("TR_b"))
    gone = answer(these, *one)
    assert shape(gone.sdp) == [("0", "audio", "inactive")]
    assert gone.outgoing == ()
    assert these.changed
    again = answer(these, *one)
    assert again.mid_to_track_id == {"0": "TR_b"}
    assert again.outgoing[0].ssrc != first
    these.detach("TR_b")
    for _ in range(2):
        assert shape(answer(these, *one).sdp) == [("0", "audio", "inactive")]


def test_what_the_client_publishes_is_taken_if_its_cid_is_known() -> None:
    given = answer(
        sections(),
        data("0"),
        sending("audio", "1", "mic", "ssrc:7 cname:x"),
        sending("video", "2", "cam", "ssrc-group:FID 8 9", "ssrc:8 cname:x", "ssrc:9 cname:x"),
        sending("audio", "3", "other"),
        rtp("audio", "4", "sendrecv", "msid:- both"),
        cids=("mic", "cam", "both"),
    )
    assert [way for _, _, way in shape(given.sdp)][1:] == [
        "recvonly",
        "recvonly",
        "inactive",
        "recvonly",
    ]
    mic, cam, both = given.incoming
    assert (mic.mid, mic.cid, mic.kind, mic.ssrcs) == ("1", "mic", "audio", (7,))
    assert [(codec.name, codec.payload_type) for codec in mic.codecs] == [("opus", 111)]
    assert mic.extensions[1].endswith("ssrc-audio-level")
    assert (cam.ssrcs, cam.rtx_ssrcs) == ((8,), {8: 9})
    assert both.cid == "both"


def test_a_section_that_names_no_track_has_the_first_of_its_kind_that_is_in_none() -> None:
    these = sections()
    kinds = {"mic": "audio", "camera": "video", "second": "audio", "third": "audio"}
    first = [data("0"), sending("audio", "1", "{a}"), sending("audio", "2", "mic")]
    given = these.answer(read(offer(*first)), clients.LOCAL, tuple(kinds), kinds)
    assert [(one.mid, one.cid) for one in given.incoming] == [("1", "second"), ("2", "mic")]
    more = [data("0"), sending("video", "3", "{c}"), sending("audio", "4", "{b}"), *first[1:]]
    given = these.answer(read(offer(*more)), clients.LOCAL, tuple(kinds), kinds)
    assert [(one.mid, one.cid) for one in given.incoming] == [
        *(("3", "camera"), ("4", "third")),
        *(("1", "second"), ("2", "mic")),
    ]
    del kinds["second"]
    given = these.answer(read(offer(*more)), clients.LOCAL, tuple(kinds), kinds)
    assert [one.cid for one in given.incoming] == ["camera", "third", "mic"]


def test_one_cid_is_one_track() -> None:
    given = answer(
        sections(), sending("audio", "0", "mic"), sending("audio", "1", "mic"), cids=("mic",)
    )
    assert [way for _, _, way in shape(given.sdp)] == ["recvonly", "inactive"]
    assert len(given.incoming) == 1


def test_a_client_publishes_no_more_than_it_may() -> None:
    cids = tuple(f"c{n}" for n in range(MAX_PUBLISHED + 1))
    given = answer(
        sections(), *(sending("audio", str(n), cid) for n, cid in enumerate(cids)), cids=cids
    )
    assert len(given.incoming) == MAX_PUBLISHED
    assert shape(given.sdp)[-1] == (str(MAX_PUBLISHED), "audio", "inactive")


SIMULCAST = ("rid:q send", "rid:h send", "simulcast:send h;q")


def test_simulcast_is_taken_in_the_clients_order() -> None:
    given = answer(sections(), sending("video", "0", "cam", *SIMULCAST), cids=("cam",))
    assert given.incoming[0].rids == ("h", "q")
    lines = section_of(given.sdp, "0")
    assert "a=rid:h recv" in lines
    assert "a=simulcast:recv h;q" in lines


def test_encodings_are_answered_while_nothing_is_sent_too() -> None:
    these = sections()
    answer(these, sending("video", "0", "cam", *SIMULCAST), cids=("cam",))
    given = answer(these, rtp("video", "0", "recvonly", "msid:- cam", *SIMULCAST), cids=("cam",))
    assert shape(given.sdp) == [("0", "video", "inactive")]
    assert "a=simulcast:recv h;q" in section_of(given.sdp, "0")


def test_a_section_in_which_the_client_has_sent_is_not_used_for_others() -> None:
    these = sections()
    answer(these, sending("audio", "0", "mic"), cids=("mic",))
    these.attach(out_track("TR_a"))
    given = answer(these, rtp("audio", "0", "recvonly", "msid:- mic"), cids=("mic",))
    assert shape(given.sdp) == [("0", "audio", "inactive")]
    assert these.wanted == (1, 0)


def test_stopped_sections_are_answered_so_and_their_track_goes_elsewhere() -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    answer(these, *RECEIVING)
    stopped = RECEIVING[0].replace("m=audio 9", "m=audio 0")
    given = answer(these, stopped, *RECEIVING[1:])
    assert section_of(given.sdp, "0")[0] == "m=audio 0 UDP/TLS/RTP/SAVPF 111 63 0 13 110"
    assert "a=group:BUNDLE 1 2 3\r\n" in given.sdp
    assert given.mid_to_track_id == {"1": "TR_a"}
    assert "a=end-of-candidates" in section_of(given.sdp, "1")


@pytest.mark.parametrize("way", ["inactive", "sendonly"])
def test_a_section_that_no_longer_receives_gives_its_track_to_another(way: str) -> None:
    these = sections()
    these.attach(out_track("TR_a"))
    answer(these, *RECEIVING)
    given = answer(these, rtp("audio", "0", way), *RECEIVING[1:])
    assert shape(given.sdp)[0] == ("0", "audio", "inactive")
    assert given.mid_to_track_id == {"1": "TR_a"}


def test_a_section_that_has_lost_the_codec_gives_its_track_to_another() -> None:
    these = sections()
    other = rtp("video", "5", "recvonly")
    these.attach(out_track("TR_v", "video"))
    answer(these, rtp("video", "2", "recvonly"), other)
    h264 = rtp("video", "2", "recvonly").replace("VP8/90000", "VP7/90000")
    given = answer(these, h264, other)
    assert given.mid_to_track_id == {"5": "TR_v"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=rtcp-mux\r\n", ""),
        ("opus/48000/2", "speex/16000"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        ("a=mid:0\r\n", ""),
        ("m=audio", "m=text"),
    ],
)
def test_what_cannot_be_bundled_or_read_is_rejected(old: str, new: str) -> None:
    said = RECEIVING[0].replace(old, new)
    given = answer(sections(), said, RECEIVING[1])
    first = given.sdp.split("\r\nm=")[1]
    assert first.split()[1] == "0"
    assert "a=group:BUNDLE 1\r\n" in given.sdp


def test_sections_outside_of_the_bundle_are_rejected() -> None:
    these = sections()
    described = read(offer(*RECEIVING, bundle=["3", "1"]))
    given = these.answer(described, clients.LOCAL, ())
    assert "a=group:BUNDLE 1 3\r\n" in given.sdp
    assert section_of(given.sdp, "0")[0].startswith("m=audio 0 ")


def test_without_a_bundle_the_first_section_alone_is_answered() -> None:
    given = sections().answer(read(offer(*RECEIVING, bundle=[])), clients.LOCAL, ())
    assert "a=group:BUNDLE 0\r\n" in given.sdp
    assert section_of(given.sdp, "1")[0].startswith("m=audio 0 ")


def test_data_channels_once_and_of_sctp_over_dtls_only() -> None:
    old = data("0").replace("UDP/DTLS/SCTP", "DTLS/SCTP")
    given = answer(sections(), old, data("1"), data("2"))
    assert [section_of(given.sdp, mid)[0].split()[1] for mid in "012"] == ["0", "9", "0"]
    assert given.data == DataSection(5000, 262144)


@pytest.mark.parametrize(
    "said",
    [
        clients.HEAD,
        offer(data("0")).replace("a=ice-ufrag", "a=ice-nothing"),
        offer(rtp("audio", "0", "recvonly").replace("opus", "speex")),
        offer(data("0").replace("m=application 9", "m=application 0")),
    ],
)
def test_an_offer_with_nothing_to_answer_is_refused_and_changes_nothing(said: str) -> None:
    these = sections()
    before = answer(these, *RECEIVING)
    with pytest.raises(SdpError) as refused:
        these.answer(read(said), clients.LOCAL, ())
    assert refused.value.status == 488
    after = answer(these, *RECEIVING)
    assert before.sdp.replace(" 1 IN IP4", " 2 IN IP4", 1) == after.sdp


def test_each_description_is_a_version_of_one_session() -> None:
    these = sections()
    origins = [answer(these, *RECEIVING).sdp.split("\r\n")[1].split() for _ in range(3)]
    assert len({session for _, session, *_ in origins}) == 1
    assert [version for _, _, version, *_ in origins] == ["1", "2", "3"]


def setup_of(given: LocalAnswer) -> tuple[str, bool]:
    return given.setup, f"a=setup:{given.setup}\r\n" in given.sdp


def test_our_role_in_dtls() -> None:
    """RFC 8842 §5.3: ours to choose where the client says actpass, and then kept."""
    assert setup_of(answer(sections(), data("0"))) == ("passive", True)
    for theirs, ours in (("active", "passive"), ("passive", "active")):
        these = sections()
        said = data("0").replace("actpass", theirs)
        assert setup_of(answer(these, said)) == (ours, True)
        assert setup_of(answer(these, data("0"))) == (ours, True)
        assert setup_of(answer(these, data("0").replace("AB:", "CD:"))) == ("passive", True)


def test_an_ice_restart_is_new_credentials() -> None:
    these = sections()
    first = read(offer(*RECEIVING))
    assert not these.restarts_ice(first)
    these.answer(first, clients.LOCAL, ())
    assert not these.restarts_ice(first)
    assert these.restarts_ice(read(offer(*RECEIVING).replace("thei", "them")))
    assert not these.restarts_ice(read(clients.HEAD))


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_offer_is_answered_or_refused(seed: int) -> None:
    for text in clients.damaged(seed):
        these = sections()
        for sid, kind in (("TR_a", "audio"), ("TR_v", "video")):
            these.attach(out_track(sid, kind))
        try:
            described = read(text)
            cids = {section.track_id for section in described.sections}
            given = these.answer(described, clients.LOCAL, cids)
        except SdpError:
            continue
        ours = read(given.sdp)
        assert [(s.mid, s.kind) for s in ours.sections] == [
            (s.mid, s.kind) for s in described.sections
        ]
        assert ours.remote is not None


class AnyOrder(RuleBasedStateMachine):
    """Tracks come and go, the client offers what it likes: the rules hold after each answer."""

    def __init__(self) -> None:
        super().__init__()
        self.these = sections()
        self.said: dict[str, list[str]] = {}
        self.attached: set[str] = set()
        self.ssrcs: dict[int, str] = {}
        """Each with the track, its subscription and the section that had it."""
        self.subscription: dict[str, int] = {}
        self.given: LocalAnswer | None = None

    @rule(kind=st.sampled_from(["audio", "video"]), n=st.integers(0, 5), av1=st.booleans())
    def attach(self, kind: str, n: int, av1: bool) -> None:
        sid = f"TR_{kind}{n}"
        if sid in self.attached:
            return
        self.attached.add(sid)
        self.subscription[sid] = self.subscription.get(sid, 0) + 1
        codecs = clients.AV1 if av1 and kind == "video" else ()
        placed = self.these.attach(out_track(sid, kind, codecs))
        assert placed == (sid not in [track.track_sid for track in self.these.waiting])

    @rule(kind=st.sampled_from(["audio", "video"]), n=st.integers(0, 5))
    def detach(self, kind: str, n: int) -> None:
        self.attached.discard(f"TR_{kind}{n}")
        self.these.detach(f"TR_{kind}{n}")

    @rule(kind=st.sampled_from(["audio", "video", "application"]))
    def grow(self, kind: str) -> None:
        if len(self.said) < 12:
            self.said[str(len(self.said))] = [kind, "recvonly"]

    @rule(n=st.integers(0, 11), way=st.sampled_from(["recvonly", "sendonly", "inactive", "stop"]))
    def turn(self, n: int, way: str) -> None:
        if str(n) in self.said:
            self.said[str(n)][1] = way

    @rule()
    def offer(self) -> None:
        parts = []
        for mid, (kind, way) in self.said.items():
            direction = "inactive" if way == "stop" else way
            part = (
                data(mid) if kind == "application" else rtp(kind, mid, direction, f"msid:- c{mid}")
            )
            parts.append(part.replace(f"m={kind} 9", f"m={kind} 0") if way == "stop" else part)
        try:
            self.given = answer(self.these, *parts, cids=("c0", "c1", "c2", "c3"))
        except SdpError:
            assert all(way == "stop" for _, way in self.said.values())
            return
        self.check(self.given)

    def check(self, given: LocalAnswer) -> None:
        mids = [(mid, kind) for mid, kind, _ in shape(given.sdp)]
        assert mids == [(mid, kind) for mid, (kind, _) in self.said.items()]
        for mid, kind, way in shape(given.sdp):
            theirs = self.said[mid][1]
            if kind != "application":
                assert (way == "recvonly") == (theirs == "sendonly" and mid in "0123")
                assert theirs == "recvonly" or way != "sendonly"
        named = {
            mid: line.split()[-1]
            for mid in self.said
            for line in section_of(given.sdp, mid)
            if line.startswith("a=msid:")
        }
        assert named == given.mid_to_track_id
        assert len(set(named.values())) == len(named)
        assert set(named.values()) <= self.attached
        for sent in given.outgoing:
            owner = f"{sent.track_sid} {self.subscription[sent.track_sid]} {sent.mid}"
            for ssrc in (sent.ssrc, sent.rtx_ssrc):
                if ssrc is not None:
                    assert self.ssrcs.setdefault(ssrc, owner) == owner
            assert sent.payload_types

    @invariant()
    def each_track_is_somewhere(self) -> None:
        waiting = {track.track_sid for track in self.these.waiting}
        assert waiting <= self.attached
        if self.given is not None and not self.these.changed:
            described = set(self.given.mid_to_track_id.values())
            assert described | waiting == self.attached
            assert not described & waiting


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnyOrder = AnyOrder.TestCase
