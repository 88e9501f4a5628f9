"""What a client sees of two calls, as it was recorded with LiveKit's own server
(`data/conformance/room-events.json`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from livekit import api, rtc
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import MODES, SdkClient, client

from hookflash.carrier.phone import Behaviour

pytestmark = pytest.mark.interop

RECORDED = Path(__file__).resolve().parents[2] / "data/conformance/room-events.json"
FIRST, SECOND, TARGET = "+14150000001", "+14150000002", "+14150000009"
ROOM = f"call-_{NUMBER}"
LOW, HIGH = 440.0, 700.0
TIMED = ("active_speakers", "quality", "room_updated")
"""They come by the clock, at any place among the others."""
DONE = ("published", "connected", "DeleteRoom")
"""Lines of the record that say what was done; those of calls and transfers begin otherwise."""
OURS = {"hookflash.codec"}


EVENTS: tuple[Any, ...] = (
    "participant_connected",
    "participant_attributes_changed",
    "track_published",
    "track_subscribed",
    "sip_dtmf_received",
    "track_unsubscribed",
    "track_unpublished",
    "participant_disconnected",
    "disconnected",
)


def told(name: str, details: tuple[Any, ...]) -> dict[str, Any] | None:
    """An event as the record has it; None for one that it has not."""
    match name:
        case "participant_connected":
            (who,) = details
            return {
                "event": name,
                "identity": who.identity,
                "name": who.name,
                "kind": rtc.ParticipantKind.Name(who.kind),
                "attributes": sorted(set(who.attributes) - OURS),
                "status": who.attributes["sip.callStatus"],
            }
        case "participant_attributes_changed":
            changed, who = details
            changed = {key: value for key, value in changed.items() if key not in OURS}
            event = {"event": "attributes_changed", "identity": who.identity, "changed": changed}
            return event if changed else None
        case "track_published" | "track_unpublished":
            publication, who = details
            event = {"event": name, "identity": who.identity}
            if name == "track_published":
                event |= {
                    "name": publication.name,
                    "kind": publication.kind,
                    "source": publication.source,
                    "mime": publication.mime_type,
                    "muted": publication.muted,
                }
            return event
        case "track_subscribed" | "track_unsubscribed":
            _, publication, who = details
            named = {"name": publication.name} if name == "track_subscribed" else {}
            return {"event": name, "identity": who.identity, **named}
        case "sip_dtmf_received":
            (key,) = details
            who = key.participant.identity
            return {"event": "sip_dtmf", "code": key.code, "digit": key.digit, "identity": who}
        case "participant_disconnected":
            (who,) = details
            return {
                "event": name,
                "identity": who.identity,
                "reason": str(who.disconnect_reason),
            }
        case "disconnected":
            (reason,) = details
            return {"event": name, "reason": str(reason)}
    return None


def watch(one: SdkClient, seen: list[dict[str, Any]]) -> None:
    """Note what it is told, at once: the SDK changes its participants later."""

    def noting(name: str) -> Callable[..., None]:
        def note(*details: Any) -> None:
            event = told(name, details)
            if event is not None:
                seen.append(event)

        return note

    for name in EVENTS:
        one.room.on(name, noting(name))


def chosen(events: list[dict[str, Any]], of_tracks: bool) -> list[dict[str, Any]]:
    """Those of tracks or the others, each in their order: a telephone's track is there from its
    join here, and from its answer with LiveKit."""
    return [event for event in events if event["event"].startswith("track_") == of_tracks]


def recorded() -> list[dict[str, Any]]:
    events = []
    for line in json.loads(RECORDED.read_text()):
        event = {key: value for key, value in line.items() if key not in ("t", "sid")}
        name = event["event"]
        if " " in name or name in TIMED or name in DONE:
            continue
        if name == "participant_connected":
            who = event.pop("participant")
            event |= {key: who[key] for key in ("identity", "name", "kind")}
            event["attributes"] = sorted(who["attributes"])
            event["status"] = who["attributes"]["sip.callStatus"]
        events.append(event)
    return events


@MODES
def test_two_calls_are_told_as_recorded(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready(ROOM)
        first, second = [await lab.carrier.phone(n, tone=LOW) for n in (FIRST, SECOND)]
        target = await lab.carrier.phone(TARGET)
        async with client(lab, "agent-1", ROOM, **mode) as agent:
            seen: list[dict[str, Any]] = []
            watch(agent, seen)
            await agent.speak(HIGH)
            call = await first.call(NUMBER, proxy=lab.sip)
            await agent.told("track_subscribed")
            for count, key in enumerate("1#A", 1):
                await call.press(key)
                await agent.told("sip_dtmf_received", count)
            await agent.room.local_participant.publish_dtmf(code=5, digit="5")
            await call.pressed("5")
            await lab.transfer(f"sip_{FIRST}", f"tel:{TARGET}", room=ROOM)
            await agent.told("participant_disconnected")
            await call.ended()
            await second.call(NUMBER, proxy=lab.sip)
            await agent.told("track_subscribed", 2)
            target.behaviour = Behaviour(answer=486, ring=0.5)
            with pytest.raises(api.TwirpError) as caught:
                await lab.transfer(f"sip_{SECOND}", f"tel:{TARGET}", room=ROOM, play_dialtone=True)
            assert caught.value.status == 429
            assert caught.value.message.endswith("sip status: 486: Busy Here")
            await agent.until(lambda: {"agent-1"} <= set().union(*agent.speakers()))
            await lab.api.room.delete_room(api.DeleteRoomRequest(room=ROOM))
            await agent.told("disconnected")
            wanted = recorded()
            for of_tracks in (False, True):
                assert chosen(seen, of_tracks) == chosen(wanted, of_tracks)
            assert seen[-1] == wanted[-1]

    run(check)
