"""A SIP ladder as a picture: SVG of its own, with each message as the tooltip of its arrow."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from ..base.text import printable
from ..doctor.seen import SeenMessage
from ..sip.flow import Address

_LEFT: Final = 120
_LANE: Final = 280
_TOP: Final = 70
_ROW: Final = 30
_LONGEST: Final = 46
"""Characters of a label."""
_COLOURS: Final = {"1": "#777777", "2": "#1a7f37", "REFER": "#9a6700", "NOTIFY": "#9a6700"}
_REQUEST, _REFUSAL = "#0550ae", "#cf222e"


def ladder_svg(
    title: str, names: Sequence[str], lanes: dict[Address | None, int], seen: Sequence[SeenMessage]
) -> str:
    """The whole file. `names` are the lanes from left to right, `lanes` their numbers by peer
    (None: our own)."""
    width = _LEFT + _LANE * (len(names) - 1) + _LEFT
    height = _TOP + _ROW * (len(seen) + 1)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="monospace" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="8" y="20">{_text(title)}</text>',
    ]
    for number, name in enumerate(names):
        x = _LEFT + _LANE * number
        out.append(
            f'<text x="{x}" y="48" text-anchor="middle" font-weight="bold">{_text(name)}</text>'
        )
        out.append(f'<line x1="{x}" y1="56" x2="{x}" y2="{height - 8}" stroke="#bbbbbb"/>')
    for row, one in enumerate(seen):
        out += _arrow(one, _TOP + _ROW * row + 10, lanes, seen[0].at)
    return "\n".join([*out, "</svg>", ""])


def _arrow(one: SeenMessage, y: int, lanes: dict[Address | None, int], began: float) -> list[str]:
    peer, us = (_LEFT + _LANE * lanes[key] for key in (one.remote, None))
    start, end = (peer, us) if one.received else (us, peer)
    back = -8 if end > start else 8
    label, colour = one.label[:_LONGEST], _colour(one)
    whole = one.data.decode("utf-8", "replace").replace("\r\n", "\n")
    return [
        f'<g fill="{colour}" stroke="none"><title>{_lines(whole)}</title>',
        f'<text x="8" y="{y + 4}" fill="#777777">{one.at - began:.3f} s</text>',
        f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="{colour}"/>',
        f'<polygon points="{end},{y} {end + back},{y - 4} {end + back},{y + 4}"/>',
        f'<text x="{(start + end) // 2}" y="{y - 4}" text-anchor="middle">{_text(label)}</text>',
        "</g>",
    ]


def _colour(one: SeenMessage) -> str:
    if one.status:
        return _COLOURS.get(str(one.status)[0], _REFUSAL)
    return _COLOURS.get(one.method, _REQUEST)


def _text(text: str) -> str:
    return escape(printable(text))


def _lines(text: str) -> str:
    return "\n".join(_text(line) for line in text.split("\n"))
