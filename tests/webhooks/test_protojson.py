"""Our JSON against protobuf's own."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.metrics import MetricSample
from livekit.protocol.models import ParticipantInfo, ParticipantPermission, RTPStats, TrackInfo
from livekit.protocol.room import ListRoomsRequest
from livekit.protocol.rtc import SimulateScenario
from livekit.protocol.sip import SIPCallInfo, SIPTransferInfo

from hookflash.webhooks.protojson import to_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
LONG = st.integers(-(2**63), 2**63 - 1)


@given(
    st.builds(
        ParticipantInfo,
        sid=TEXT,
        state=st.integers(0, 9),
        joined_at=LONG,
        version=st.integers(0, 2**32 - 1),
        is_publisher=st.booleans(),
        attributes=st.dictionaries(TEXT, TEXT, max_size=4),
        kind_details=st.lists(st.integers(0, 3), max_size=3),
        tracks=st.lists(st.builds(TrackInfo, name=TEXT, muted=st.booleans()), max_size=2),
        permission=st.builds(
            ParticipantPermission,
            can_publish_sources=st.lists(st.integers(0, 4), max_size=3),
        ),
    )
)
def test_the_same_as_protobufs_own_writer(message: ParticipantInfo) -> None:
    assert to_json(message) == MessageToDict(message)


def test_order_is_that_of_declaration() -> None:
    message = ParticipantInfo(name="n", joined_at_ms=1, joined_at=1, kind=3, sid="s")  # type: ignore[arg-type]
    assert list(to_json(message)) == ["sid", "joinedAt", "joinedAtMs", "name", "kind"]


def test_map_keys_are_sorted() -> None:
    message = ParticipantInfo(attributes={"b": "1", "a": "2"})
    assert list(to_json(message)["attributes"]) == ["a", "b"]


@pytest.mark.parametrize("message", [SIPTransferInfo(reason="STR_COMPLETED"), SIPCallInfo()])
def test_sip_records(message: Message) -> None:
    assert to_json(message) == MessageToDict(message)


@pytest.mark.parametrize(
    "message", [MetricSample(value=1.0), Duration(seconds=1), RTPStats(gap_histogram={1: 2})]
)
def test_what_has_no_json_form_here_is_refused(message: Message) -> None:
    with pytest.raises(TypeError):
        to_json(message)


def test_lists_of_texts_are_lists() -> None:
    assert to_json(ListRoomsRequest(names=["a", "b"])) == {"names": ["a", "b"]}


def test_unset_messages_are_left_out() -> None:
    assert to_json(SimulateScenario()) == {}
