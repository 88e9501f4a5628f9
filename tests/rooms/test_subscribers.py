"""Who may subscribe (SubscriptionPermission)."""

from __future__ import annotations

import time

from livekit.protocol.rtc import SubscriptionPermission, TrackPermission

from hookflash.rooms.subscribers import EVERYBODY, Subscribers


def of(*entries: TrackPermission, everybody: bool = False) -> Subscribers:
    return Subscribers.of(
        SubscriptionPermission(all_participants=everybody, track_permissions=entries)
    )


def test_everybody_and_nobody() -> None:
    assert EVERYBODY.admit("a", "PA_a", "TR_1")
    assert of(everybody=True).admit("a", "PA_a", "TR_1")
    assert not of().admit("a", "PA_a", "TR_1")


def test_by_identity_or_sid_and_by_track() -> None:
    chosen = of(
        TrackPermission(participant_identity="a", track_sids=["TR_1"]),
        TrackPermission(participant_identity="a", track_sids=["TR_2"]),
        TrackPermission(participant_sid="PA_b", all_tracks=True),
        TrackPermission(participant_sid="PA_b", track_sids=["TR_1"]),
    )
    assert chosen.admit("a", "PA_a", "TR_1")
    assert chosen.admit("a", "PA_a", "TR_2")
    assert not chosen.admit("a", "PA_a", "TR_3")
    assert chosen.admit("b", "PA_b", "TR_3")
    assert not chosen.admit("c", "PA_c", "TR_1")


def test_tracks_that_have_other_sids_are_for_the_same_people() -> None:
    entries = [
        TrackPermission(participant_identity="a", track_sids=["TR_1", "TR_2"]),
        TrackPermission(participant_identity="b", all_tracks=True),
    ]
    again = of(*entries).renamed({"TR_1": "TR_3"})
    assert again == Subscribers(False, {"a": frozenset(["TR_3"]), "b": None})
    assert EVERYBODY.renamed({"TR_1": "TR_3"}) == EVERYBODY


def test_many_entries_of_one_participant_cost_in_proportion() -> None:
    """A message of a client has room for tens of thousands."""

    def seconds(times: int) -> float:
        entries = [
            TrackPermission(participant_sid="PA_a", track_sids=[f"TR_{n}"]) for n in range(times)
        ]
        message = SubscriptionPermission(track_permissions=entries)
        best = 9.0
        for _ in range(5):
            start = time.perf_counter()
            Subscribers.of(message)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(8000) < 100 * seconds(500)  # 16 times the entries
