"""Which section carries which track."""

from __future__ import annotations

from tests.webrtc import clients

from hookflash.webrtc.formats import formats_of
from hookflash.webrtc.slots import Slot, Slots


def slots(*kinds: str) -> Slots:
    made = [Slot(str(n), kind) for n, kind in enumerate(kinds)]
    return Slots(clients.ids(), made)


def mid_of(these: Slots, sid: str) -> str | None:
    return next((s.mid for s in these.slots if s.track and s.track.track_sid == sid), None)


def test_a_track_comes_into_the_first_free_section_of_its_kind() -> None:
    these = slots("audio", "video", "audio")
    assert these.attach(clients.out_track("TR_v", "video"))
    assert these.attach(clients.out_track("TR_a"))
    assert these.attach(clients.out_track("TR_b"))
    assert [mid_of(these, sid) for sid in ("TR_v", "TR_a", "TR_b")] == ["1", "0", "2"]
    assert these.changed


def test_without_one_it_waits_and_is_placed_first_come_first_served() -> None:
    these = slots("video")
    for sid in ("TR_a", "TR_b"):
        assert not these.attach(clients.out_track(sid))
    assert not these.changed
    assert list(these.waiting) == ["TR_a", "TR_b"]
    these.slots.append(Slot("9", "audio"))
    these.place()
    assert mid_of(these, "TR_a") == "9"
    assert list(these.waiting) == ["TR_b"]


def test_attaching_twice_changes_nothing() -> None:
    these = slots("audio", "audio")
    assert these.attach(clients.out_track("TR_a"))
    ssrc = these.slots[0].ssrc
    assert these.attach(clients.out_track("TR_a"))
    assert (these.slots[0].ssrc, these.slots[1].track) == (ssrc, None)


def test_only_where_the_client_can_read_a_codec_of_it() -> None:
    these = slots("video", "video")
    these.slots[0].formats = formats_of(clients.AV1)
    these.slots[1].formats = formats_of(clients.VP8)
    assert these.attach(clients.out_track("TR_v", "video"))
    assert mid_of(these, "TR_v") == "1"
    assert not these.attach(clients.out_track("TR_w", "video"))
    assert these.attach(clients.out_track("TR_x", "video", clients.AV1))


def test_a_freed_section_is_told_before_another_has_it() -> None:
    these = slots("audio")
    these.attach(clients.out_track("TR_a"))
    these.slots[0].described()
    assert not these.changed
    these.detach("TR_a")
    assert these.changed
    assert these.slots[0].frees
    assert not these.attach(clients.out_track("TR_b"))
    these.slots[0].described()
    these.place()
    assert mid_of(these, "TR_b") == "0"


def test_what_was_never_told_is_free_at_once() -> None:
    these = slots("audio")
    these.attach(clients.out_track("TR_a"))
    these.detach("TR_a")
    assert not these.changed
    assert not these.slots[0].used
    assert these.attach(clients.out_track("TR_b"))


def test_a_dead_section_is_nobodys() -> None:
    these = slots("audio")
    these.slots[0].dead = True
    assert not these.attach(clients.out_track("TR_a"))
    assert not these.slots[0].frees


def test_taken_out_it_waits_again() -> None:
    these = slots("audio")
    these.attach(clients.out_track("TR_a"))
    these.take_out(these.slots[0])
    these.take_out(these.slots[0])
    assert list(these.waiting) == ["TR_a"]
    assert these.slots[0].ssrc == 0


def test_no_ssrc_is_0_or_one_of_before() -> None:
    these = slots("audio")
    seen = {0}
    for _ in range(2000):
        these.attach(clients.out_track("TR_a"))
        new = {these.slots[0].ssrc, these.slots[0].rtx_ssrc}
        assert len(new - seen) == 2
        seen |= new
        these.detach("TR_a")


def test_the_next_ssrc_is_passed_over_where_the_client_has_it() -> None:
    these, other = slots("audio"), slots("audio")
    other.attach(clients.out_track("TR_a"))
    first = other.slots[0].ssrc
    these.taken = frozenset({first})
    these.attach(clients.out_track("TR_a"))
    assert first not in (these.slots[0].ssrc, these.slots[0].rtx_ssrc)


def test_retransmissions_have_an_ssrc_where_a_codec_has_them() -> None:
    these = slots("video")
    these.attach(clients.out_track("TR_v", "video"))
    slot = these.slots[0]
    assert slot.sent(()) is not None
    bare, with_rtx = slot.sent(clients.AV1), slot.sent(clients.VP8)
    assert bare is not None
    assert bare.rtx_ssrc is None
    assert with_rtx is not None
    assert with_rtx.rtx_ssrc == slot.rtx_ssrc
    assert (with_rtx.stream_id, with_rtx.track_id) == ("PA_b|TR_v", "TR_v")


def test_many_that_fit_nowhere_do_not_hold_up_the_others() -> None:
    these = slots(*["video"] * 500)
    for slot in these.slots:
        slot.formats = formats_of(clients.VP8)
    for n in range(500):
        these.waiting[f"TR_{n}"] = clients.out_track(f"TR_{n}", "video", clients.AV1)
    assert these.attach(clients.out_track("TR_v", "video"))
    assert mid_of(these, "TR_v") == "0"
