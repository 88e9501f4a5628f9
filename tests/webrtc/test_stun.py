"""STUN messages: the vectors of RFC 5769, what we build, and what is no message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import StunError
from hookflash.webrtc import stun

PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")

# RFC 5769 §2.1, §2.2 and §2.3.
REQUEST = bytes.fromhex(
    "00010058 2112a442 b7e7a701bc34d686fa87dfae"
    "80220010 5354554e207465737420636c69656e74"
    "00240004 6e0001ff"
    "80290008 932ff9b151263b36"
    "00060009 6576746a3a68367659202020"
    "00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004 e57a3bcf"
)
IPV4_RESPONSE = bytes.fromhex(
    "0101003c 2112a442 b7e7a701bc34d686fa87dfae"
    "8022000b 7465737420766563746f7220"
    "00200008 0001a147e112a643"
    "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004 c07d4c96"
)
IPV6_RESPONSE = bytes.fromhex(
    "01010048 2112a442 b7e7a701bc34d686fa87dfae"
    "8022000b 7465737420766563746f7220"
    "00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9"
    "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004 c8fb0b4c"
)


def test_rfc_5769_request() -> None:
    message = stun.parse(REQUEST)
    assert (message.kind, message.method, message.transaction) == ("request", 1, TRANSACTION)
    assert message.username == "evtj:h6vY"
    assert message.attributes[stun.PRIORITY] == bytes.fromhex("6e0001ff")
    assert message.attributes[stun.ICE_CONTROLLED] == bytes.fromhex("932ff9b151263b36")
    assert message.has(stun.FINGERPRINT)
    assert not message.has(stun.USE_CANDIDATE)
    assert message.is_signed_with(PASSWORD)
    assert not message.is_signed_with(PASSWORD + "x")
    assert message.size == len(REQUEST) == 108
    assert message.not_understood() == []


@pytest.mark.parametrize(
    ("data", "address"),
    [
        (IPV4_RESPONSE, ("192.0.2.1", 32853)),
        (IPV6_RESPONSE, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ],
)
def test_rfc_5769_responses(data: bytes, address: tuple[str, int]) -> None:
    message = stun.parse(data)
    assert (message.kind, message.transaction) == ("success", TRANSACTION)
    assert message.is_signed_with(PASSWORD)
    assert message.mapped_address() == address


@pytest.mark.parametrize("vector", [IPV4_RESPONSE, IPV6_RESPONSE])
def test_our_answer_has_the_attribute_of_the_vector(vector: bytes) -> None:
    theirs = stun.parse(vector)
    address = theirs.mapped_address()
    assert address is not None
    ours = stun.parse(stun.success(stun.parse(REQUEST), address, PASSWORD))
    assert list(ours.attributes) == [
        stun.XOR_MAPPED_ADDRESS,
        stun.MESSAGE_INTEGRITY,
        stun.FINGERPRINT,
    ]
    assert ours.attributes[stun.XOR_MAPPED_ADDRESS] == theirs.attributes[stun.XOR_MAPPED_ADDRESS]
    assert ours.transaction == TRANSACTION
    assert ours.is_signed_with(PASSWORD)


def test_a_scope_does_not_belong_to_the_address() -> None:
    answer = stun.parse(stun.success(stun.parse(REQUEST), ("fe80::1%eth0", 5), PASSWORD))
    assert answer.mapped_address() == ("fe80::1", 5)
    with pytest.raises(ValueError, match="no IP address"):
        stun.success(stun.parse(REQUEST), ("example.com", 5), PASSWORD)


@pytest.mark.parametrize("code", [400, 401, 487])
def test_errors(code: int) -> None:
    plain = stun.parse(stun.error(stun.parse(REQUEST), code))
    assert (plain.kind, plain.transaction) == ("error", TRANSACTION)
    value = plain.attributes[stun.ERROR_CODE]
    assert value[2] * 100 + value[3] == code
    assert value[4:] == stun.REASONS[code]
    assert not plain.has(stun.MESSAGE_INTEGRITY)
    signed = stun.parse(stun.error(stun.parse(REQUEST), code, PASSWORD))
    assert signed.is_signed_with(PASSWORD)


def test_what_must_be_understood_is_named() -> None:
    attributes = ((0x7FFE, b"abc"), (stun.USE_CANDIDATE, b""), (0x9999, b"\0" * 5), (0x0019, b""))
    message = stun.parse(stun.request(TRANSACTION, attributes, password=PASSWORD))
    assert message.not_understood() == [0x7FFE, 0x0019]
    answer = stun.parse(stun.error(message, 420, PASSWORD))
    assert answer.attributes[stun.UNKNOWN_ATTRIBUTES] == b"\x7f\xfe\x00\x19"


def test_a_request_without_a_password_is_bare() -> None:
    data = stun.request(TRANSACTION)
    assert data == b"\x00\x01\x00\x00\x21\x12\xa4\x42" + TRANSACTION
    message = stun.parse(data)
    assert not message.is_signed_with(PASSWORD)
    assert message.username == ""
    assert message.mapped_address() is None


def test_the_first_of_two_counts_and_none_behind_the_integrity() -> None:
    attributes = ((stun.USERNAME, b"first"), (stun.USERNAME, b"other"))
    data = stun.request(TRANSACTION, attributes, password=PASSWORD)
    bare = data[:-8]
    late = b"\x00\x25\x00\x00"  # USE-CANDIDATE that nobody has signed
    length = (len(bare) + len(late) - 20).to_bytes(2, "big")
    message = stun.parse(bare[:2] + length + bare[4:] + late)
    assert message.username == "first"
    assert message.is_signed_with(PASSWORD)
    assert not message.has(stun.USE_CANDIDATE)


@pytest.mark.parametrize("first", range(256))
def test_what_is_stun_rather_than_dtls_or_rtp(first: int) -> None:
    assert stun.is_stun(bytes((first,)) + REQUEST[1:]) is (first < 4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REQUEST[:19],
        b"\x80" + REQUEST[1:],
        REQUEST[:4] + b"\x21\x12\xa4\x43" + REQUEST[8:],
        REQUEST[:-4],
        REQUEST + b"\0\0\0\0",
        stun.request(TRANSACTION)[:3] + b"\x02" + stun.request(TRANSACTION)[4:] + b"ab",
        stun.request(TRANSACTION, ((stun.USERNAME, b"abcd"),))[:22] + b"\x00\x05abcd",
        REQUEST[:-1] + b"\xce",
        REQUEST[:21] + b"\x23" + REQUEST[22:],
        stun.request(TRANSACTION, ((stun.MESSAGE_INTEGRITY, bytes(19)),)),
        stun.request(TRANSACTION, ((stun.FINGERPRINT, bytes(8)),)),
        stun.request(TRANSACTION, ((stun.FINGERPRINT, bytes(4)), (stun.USERNAME, b"abcd"))),
    ],
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(StunError):
        stun.parse(data)


@pytest.mark.parametrize(
    "value", [b"", b"\0\1\0\0\0\0\0", b"\0\2" + bytes(6), b"\0\1" + bytes(18), b"\0\3" + bytes(6)]
)
def test_an_address_that_cannot_be_read(value: bytes) -> None:
    data = stun.request(TRANSACTION, ((stun.XOR_MAPPED_ADDRESS, value),))
    assert stun.parse(data).mapped_address() is None


@pytest.mark.parametrize(
    ("type_", "kind", "method"),
    [
        (0x0001, "request", 1),
        (0x0011, "indication", 1),
        (0x0101, "success", 1),
        (0x0111, "error", 1),
        (0x02EF, "request", 0xFF),
    ],
)
def test_class_and_method(type_: int, kind: str, method: int) -> None:
    data = type_.to_bytes(2, "big") + stun.request(TRANSACTION)[2:]
    message = stun.parse(data)
    assert (message.kind, message.method) == (kind, method)


def _only_stun_error(data: bytes) -> None:
    try:
        message = stun.parse(data)
    except StunError:
        return
    message.is_signed_with(PASSWORD)
    message.mapped_address()
    assert isinstance(message.username, str)
    for code in stun.REASONS:
        stun.parse(stun.error(message, code, PASSWORD))


@given(st.binary(max_size=100))
def test_noise_behind_a_header(noise: bytes) -> None:
    """Only StunError comes out."""
    _only_stun_error(noise)
    body = noise + bytes(-len(noise) % 4)
    head = b"\x00\x01" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + TRANSACTION
    _only_stun_error(head + body)
    _only_stun_error(head + noise)


@given(st.data(), st.sampled_from([REQUEST, IPV4_RESPONSE, IPV6_RESPONSE]))
def test_a_changed_octet_is_noticed(data: st.DataObject, vector: bytes) -> None:
    """By FINGERPRINT or by the signature, wherever it is."""
    position = data.draw(st.integers(0, len(vector) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda value: value != vector[position]))
    changed = vector[:position] + bytes((octet,)) + vector[position + 1 :]
    _only_stun_error(changed)
    try:
        message = stun.parse(changed)
    except StunError:
        return
    # Its own head was hit, or a length that swallows it together with the signature.
    assert not message.has(stun.FINGERPRINT)
    assert position >= len(vector) - 8 or not message.is_signed_with(PASSWORD)


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=8),
    st.binary(min_size=12, max_size=12),
)
def test_what_is_built_is_read(attributes: list[tuple[int, bytes]], transaction: bytes) -> None:
    special = {stun.MESSAGE_INTEGRITY, stun.FINGERPRINT}
    given_ = tuple(one for one in attributes if one[0] not in special)
    message = stun.parse(stun.request(transaction, given_, password=PASSWORD))
    expected: dict[int, bytes] = {}
    for attribute, value in given_:
        expected.setdefault(attribute, value)
    assert {
        attribute: value
        for attribute, value in message.attributes.items()
        if attribute not in special
    } == expected
    assert message.transaction == transaction
    assert message.is_signed_with(PASSWORD)
