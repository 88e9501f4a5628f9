"""Recorded conversations (conformance/signalling), brought to a form in which ours can be compared
with them: one line for each message, identifiers of a kind by order of appearance, no times, no
SDP."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from livekit.protocol.rtc import SignalResponse

FOLDER = Path(__file__).parents[1] / "data/conformance/signalling"
_ID = re.compile(r"\b(RM|PA|TR)_\w+")
_DROPPED = frozenset(
    (
        *("joined_at", "joined_at_ms", "creation_time", "creation_time_ms", "version"),
        *("turn_password", "sdp", "sif_trailer", "server_version", "node_id", "ice_servers"),
        *("last_ping_timestamp", "timestamp", "ssrc"),
    )
)
"""Times, secrets, descriptions, random numbers and what the configuration says."""


def load(name: str) -> list[dict[str, Any]]:
    """The entries of one recording, in order."""
    entries: list[dict[str, Any]] = json.loads((FOLDER / name).read_text("utf-8"))
    return entries


def lines(messages: list[SignalResponse]) -> list[str]:
    """One line for each message, `update` one for each participant in it; no candidates (they are
    in the description here). Our offers are counted from 1."""
    names: dict[str, str] = {}
    found = []
    offers = 0
    for message in messages:
        content = MessageToDict(message, preserving_proto_field_name=True)
        (kind,) = content
        if kind == "trickle":
            continue
        if kind == "offer":
            content[kind]["id"] = offers = offers + 1
        parts = content[kind]["participants"] if kind == "update" else [content[kind]]
        for part in parts:
            text = json.dumps(_bare(part), sort_keys=True)
            found.append(f"{kind} {_ID.sub(lambda match: _name(names, match), text)}")
    return found


def recorded(entries: list[dict[str, Any]]) -> list[str]:
    """The lines of the server's messages of a recording. What LiveKit says twice, back to back
    (a publication: facts §5.11), counts once."""
    messages = []
    for entry in entries:
        if entry.get("from") == "server" and "msg" in entry:
            message = SignalResponse()
            ParseDict(_readable(entry["msg"]), message, ignore_unknown_fields=True)
            messages.append(message)
    found = lines(messages)
    twice = {
        n for n, line in enumerate(found) if n and line == found[n - 1] and line[:7] == "update "
    }
    return [line for n, line in enumerate(found) if n not in twice]


def differences(theirs: list[str], ours: list[str]) -> list[str]:
    """What only one side has, in order and in short: `- ` theirs, `+ ` ours."""
    matcher = SequenceMatcher(None, theirs, ours, autojunk=False)
    found = []
    for _, a, b, c, d in (op for op in matcher.get_opcodes() if op[0] != "equal"):
        found += [f"- {_brief(line)}" for line in theirs[a:b]]
        found += [f"+ {_brief(line)}" for line in ours[c:d]]
    return found


def _brief(line: str) -> str:
    kind, _, text = line.partition(" ")
    if kind != "update":
        return kind
    info = json.loads(text)
    tracks = f" {len(info['tracks'])} track" if "tracks" in info else ""
    return f"update {info['identity']} {info.get('state', 'JOINING')}{tracks}"


def _name(names: dict[str, str], match: re.Match[str]) -> str:
    sid, kind = match.group(0), match.group(1)
    number = 1 + sum(name.startswith(kind) for name in names.values())
    return names.setdefault(sid, f"{kind}#{number}")


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items() if key not in _DROPPED}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _readable(value: Any) -> Any:
    """Without `sections`, which the recorder wrote in place of a description."""
    if isinstance(value, dict):
        return {key: _readable(inner) for key, inner in value.items() if key != "sections"}
    return [_readable(inner) for inner in value] if isinstance(value, list) else value
