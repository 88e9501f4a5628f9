"""Only SipError ever escapes: 10,000 inputs by Hypothesis, the mutated messages of RFC 4475."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.simulation.sip_fuzz import exercise, mutated, read_as_everything

from hookflash.base.errors import SipError
from hookflash.sip.codec import KeepAlive, StreamDecoder
from hookflash.sip.message import Message, Request, Response

pytestmark = pytest.mark.timeout(600)  # busy machines, and coverage

DATA = Path(__file__).parent.parent / "data" / "rfc4475"
MESSAGES = [path.read_bytes() for path in sorted(DATA.glob("*.dat"))]

WORDS = 'sip: SIP/2.0/UDP a b@c 1 INVITE ; , = ? & : " \\ < > @ %41 % [::1] * tag é \udcff \0 /'
PIECES = st.sampled_from([*WORDS.split(" "), " ", "\t", "9" * 30])
VALUES = st.lists(PIECES, max_size=12).map("".join)
KNOWN = (
    "Via v From f To Call-ID CSeq Contact m Route Record-Route Max-Forwards Expires Event o Allow "
    "Require Content-Length l Content-Type Session-Expires X-Other Bad:Name"
)
NAMES = st.sampled_from([*KNOWN.split(" "), ""])
FRAMES = st.binary(max_size=60) | st.sampled_from([b"\r\n", b"\r\n\r\n", b"\r", b"\n", MESSAGES[0]])


def bounded(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@bounded(2_500)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    exercise(data)


@bounded(3_500)
@given(VALUES)
def test_any_header_value(value: str) -> None:
    read_as_everything(value)


@bounded(2_000)
@given(
    st.sampled_from(["INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK"]) | VALUES,
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    st.binary(max_size=40),
)
def test_any_headers(start: str, items: list[tuple[str, str]], body: bytes) -> None:
    head = "".join([f"{start}\r\n", *(f"{name}: {value}\r\n" for name, value in items)])
    exercise(head.encode("utf-8", "surrogateescape") + b"\r\n" + body)


@bounded(1_000)
@given(
    st.text(max_size=12) | VALUES,
    st.text(max_size=20) | VALUES,
    st.text(max_size=20) | VALUES,
    st.integers(-1, 800),
)
def test_what_we_write_has_no_line_more(name: str, value: str, text: str, status: int) -> None:
    """Header injection is impossible: what is written reads as one header of that value."""
    for make in (
        lambda: Request("INFO", text, [(name, value)]),
        lambda: Request(text, "sip:a@b", [(name, value)]),
        lambda: Response(status, text, [(name, value)]),
    ):
        try:
            data = make().encode()
        except SipError:
            continue
        assert data.count(b"\r\n") == 4
        assert data.count(b"\r") == data.count(b"\n") == 4


@bounded(1_000)
@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_any_stream_in_any_pieces(frames: list[bytes], sizes: list[int]) -> None:
    data = b"".join(frames)
    whole, pieces = StreamDecoder(), StreamDecoder()
    expected = whole.feed(data)
    found = []
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        found += pieces.feed(data[position : position + size])
        position += size
        turn += 1
    assert [_seen(item) for item in found if not isinstance(item, KeepAlive)] == [
        _seen(item) for item in expected if not isinstance(item, KeepAlive)
    ]
    assert pieces.broken == whole.broken


def test_mutated_messages_of_rfc_4475() -> None:
    mutate(5_000, seed=4475)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_many_mutated_messages_of_rfc_4475(seed: int) -> None:
    mutate(50_000, seed=seed)


def mutate(count: int, *, seed: int) -> None:
    random = Random(seed)
    for turn in range(count):
        data = mutated(random, random.choice(MESSAGES), MESSAGES)
        try:
            exercise(data)
            StreamDecoder().feed(data)
        except Exception as error:
            raise AssertionError(f"seed {seed}, turn {turn}: {data!r}") from error


def _seen(item: object) -> object:
    if isinstance(item, SipError):
        return item.text, item.status
    assert isinstance(item, Message)
    return item.encode()
