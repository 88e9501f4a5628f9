"""What /metrics says of WebRTC clients."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer
from websockets.exceptions import InvalidStatus

from hookflash.runtime.rtc.counts import REASONS, RtcCounts
from hookflash.runtime.rtc.transport import PeerTransport


def test_refusals_are_counted_by_reason() -> None:
    counts = RtcCounts()
    for code in (*REASONS, "not_found", "of tomorrow"):
        counts.join_refused(code)
    assert counts.joins_refused == {**dict.fromkeys(REASONS.values(), 1), "no_room": 2, "other": 1}
    for reason in ("too_long", "too_long", "unreadable"):
        counts.packet_refused(reason)
    assert counts.data_refused == {"too_long": 2, "unreadable": 1}


def test_the_page_tells_reasons_and_packets() -> None:
    async def check(lab: Lab) -> None:
        def said(metric: str) -> float:
            lines = lab.server.metrics.page().decode().splitlines()
            return next(float(x.split()[-1]) for x in lines if x.startswith(f"hookflash_{metric} "))

        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            await bob.hears(await ann.speak(440.0), 440.0)
            heard = said("rtc_audio_sent")
            assert heard > 0
            with pytest.raises(InvalidStatus):
                await RtcPeer(lab, "eve", name="n" * 257).open()
            assert said('rtc_joins_refused{reason="invalid"}') == 1
            assert said('rtc_joins_refused{reason="no_room"}') == 0
            assert said('rtc_dropped{reason="unknown_path"}') >= 0
            connection = lab.server.rtc._clients[bob.sid].publisher
            connection.rtp_received(b"\x80\x6f" + bytes(20), 0.0)
            cast(PeerTransport, connection.transport).received(b"\x80\x6f" + bytes(40), 0.0)
            assert said('rtc_dropped{reason="undescribed"}') == 1
            (track,) = lab.server.rtc._clients[ann.sid].publisher.published.values()
            track.packet(bytearray(b"\x80\x7f" + bytes(20)), 0.0)
            assert said('rtc_dropped{reason="unknown_payload"}') == 1
            to_ann: Any = ann.publisher.sctp
            before = said('rtc_dropped{reason="bad_sctp"}')
            await to_ann.transport._send_data(b"no packet of SCTP")
            await ann.until(lambda: said('rtc_dropped{reason="bad_sctp"}') > before)
            assert said('rtc_dropped{reason="undecryptable"}') == 1
            await bob.ask(leave={})
            await bob.ended()
            assert said('rtc_dropped{reason="undecryptable"}') == 1
            assert said('rtc_checks_refused{reason="unauthorized"}') == 0
            assert said("rtc_audio_sent") >= heard

    run(check)
