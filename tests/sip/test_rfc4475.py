"""The torture messages of RFC 4475, each with what its section asks. Data: tests/data/rfc4475.

Chosen where the RFC leaves it open: LWSSTART, LWSRURI, TRWS, LTGTRURI, ESCRURI and REGBADCT are
refused with 400; the names of QUOTBAL and BADDN are dropped, the spaces of BADASPEC too, and the
calls taken; the Date of BADDATE is not looked at; MISMATCH02 is 501; a response that is bad is
dropped. What needs a dialog or the application (415, 420, 481, 405) is tested
where it is decided; here are the values on which that decision rests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.codec import StreamDecoder, parse
from hookflash.sip.fields import Credentials, CSeq, NameAddr, Via
from hookflash.sip.message import Message, Request, Response
from hookflash.sip.multipart import parts
from hookflash.sip.uri import Uri
from hookflash.sip.validate import check_request, check_response

DATA = Path(__file__).parent.parent / "data" / "rfc4475"


def raw(name: str) -> bytes:
    (path,) = DATA.glob(f"TC_{name}[_.]*")
    return path.read_bytes()


def read(name: str) -> Message:
    """Parsed, and by the validator found good."""
    message = parse(raw(name))
    if isinstance(message, Request):
        check_request(message)
    else:
        assert isinstance(message, Response)
        check_response(message)
    return message


def request(name: str) -> Request:
    message = read(name)
    assert isinstance(message, Request)
    return message


def refused(name: str, status: int = 400, data: bytes | None = None) -> str:
    """The text of the refusal of a request that can be answered with `status`."""
    with pytest.raises(SipError) as caught:
        message = parse(raw(name) if data is None else data)
        assert isinstance(message, Request)
        check_request(message)
    error = caught.value
    assert error.status == status
    assert isinstance(error.message, Request)
    answer = parse(Response.reply(error.message, error.status, to_tag="us").encode())
    assert isinstance(answer, Response)
    assert answer.status == status
    assert answer.headers.get_all("Via") == error.message.headers.get_all("Via")
    return error.text


def dropped(name: str) -> str:
    """The text of the refusal of a response: nothing is left to answer with."""
    with pytest.raises(SipError) as caught:
        message = parse(raw(name))
        assert isinstance(message, Response)
        check_response(message)
    assert caught.value.message is None
    return caught.value.text


def test_every_message_has_its_test() -> None:
    names = {path.stem.removeprefix("TC_").rpartition("_")[0] for path in DATA.glob("*_[VI].dat")}
    names |= {path.stem.removeprefix("TC_") for path in DATA.glob("*.dat")} - {
        path.stem.removeprefix("TC_") for path in DATA.glob("*_[VI].dat")
    }
    assert len(names) == 50
    assert names <= {
        name.removeprefix("test_").partition("_")[0].upper()
        for name in globals()
        if name.startswith("test_")
    }


# --- 3.1.1 valid ----------------------------------------------------------------------------------


def test_wsinv_whitespace_folding_and_compact_forms() -> None:
    message = request("WSINV")
    assert message.method == "INVITE"
    assert message.uri.host == "chair-dnrc.example.com"
    assert message.uri.param("unknownparam") == ""
    assert message.to == NameAddr(
        "", Uri("sip", "vivekg", host="chair-dnrc.example.com"), (("tag", "1918181833n"),)
    )
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert message.max_forwards == 68
    assert message.call_id == "wsinv.ndaksdj@192.0.2.1"
    assert message.cseq == CSeq(9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.header("Subject") == ""
    assert message.header("newfangledheader") == "newfangled value continued newfangled value"
    assert message.header("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    (route,) = message.routes
    assert route.uri.has_param("lr")
    assert (route.uri.param("unknownwith"), route.uri.param("unknown-no-value")) == ("value", "")
    contact = message.contact
    assert contact is not None
    assert contact.display == 'Quoted string ""'
    assert contact.params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert len(message.body) == 150


def test_intmeth_the_widest_range_of_characters() -> None:
    message = request("INTMETH")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.uri.host == "example.com"
    assert message.to.display == "BEL:\x07 NUL:\0 DEL:\x7f"
    assert message.to.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.param("fromParam''~+*_!.-%") == "работающий"
    assert message.from_.tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.cseq == CSeq(139122385, message.method)
    assert message.max_forwards == 255
    assert message.top_via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.header("extensionHeader-!.%*+_`'~") == "\ufeff大停電"
    answer = Response.reply(message, 501, to_tag="us").encode()
    assert b'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual' in answer


def test_esc01_escapes_in_uris() -> None:
    message = request("ESC01")
    assert message.uri.user_text == "sips:user@example.com"
    assert message.uri.host == "example.net"
    assert message.to.uri.user_text == "user"
    assert message.to.uri.equivalent(Uri.parse("sip:user@example.com"))
    assert message.from_.uri.user_text == "I have spaces"
    contact = message.contact
    assert contact is not None
    assert contact.uri.user_text == "caller"
    assert contact.uri.equivalent(
        Uri.parse("sip:caller@host5.example.net;%6C%72;name=value%25%34%31")
    )
    assert contact.uri.has_param("lr")
    assert contact.uri.param("name") == "value%41"
    assert message.content_type == "application/sdp"


def test_escnull_null_in_users() -> None:
    message = request("ESCNULL")
    assert message.to.uri.user_text == message.from_.uri.user_text == "null-\0-null"
    assert [contact.uri.user_text for contact in message.contacts] == ["\0", "\0\0"]
    assert message.contacts[0].uri != message.contacts[1].uri


def test_esc02_percent_where_it_means_nothing() -> None:
    message = request("ESC02")
    assert message.method == "RE%47IST%45R"
    assert message.method != "REGISTER"
    assert message.to.display == message.from_.display == "%Z%45"
    assert message.top_via.branch == "z9hG4bK209%fzsnel234"
    assert [contact.uri.user for contact in message.contacts] == ["alias1", "alias3"]
    assert message.header("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_lwsdisp_no_space_before_the_bracket() -> None:
    message = request("LWSDISP")
    assert message.from_.display == "caller"
    assert message.from_.uri == Uri("sip", "caller", host="example.com")


def test_longreq_long_values() -> None:
    message = request("LONGREQ")
    assert len(message.vias) == 34
    assert message.vias[0].host == "sip33.example.com"
    assert message.vias[-1].host == "host.example.com"
    assert message.vias[-1].received == "192.0.2.5"
    assert message.vias[-1].branch.startswith("verylonglong")
    assert message.to.display.startswith("I have a user name of extremeextreme")
    assert message.to.uri.port == 6000
    assert [len(name) for name, _ in message.to.uri.params] == [13, 109, 128]
    assert message.to.uri.param("longparam" + "name" * 25) == "shortvalue"
    assert message.to.uri.params[2][1] is None
    assert len(message.from_.uri.user or "") == 115
    assert (message.from_.tag or "").startswith("129829829829")
    assert message.call_id.endswith("longcallid")
    assert len(message.body) == 150


def test_dblreq_two_requests_in_one_datagram() -> None:
    """A datagram is one message; what follows is ignored. A stream has both."""
    message = request("DBLREQ")
    assert message.method == "REGISTER"
    assert message.call_id == "dblreq.0ha0isndaksdj99sdfafnl3lk233412"
    assert message.body == b""
    first, second = [
        item for item in StreamDecoder().feed(raw("DBLREQ")) if isinstance(item, Request)
    ]
    assert first.call_id == message.call_id
    assert second.method == "INVITE"
    assert len(second.body) == 150


def test_semiuri_semicolon_in_the_user() -> None:
    message = request("SEMIURI")
    assert message.uri.user == "user;par=u%40example.net"
    assert message.uri.user_text == "user;par=u@example.net"
    assert message.uri.host == "example.com"
    assert message.uri.params == ()
    assert message.headers.split("Accept") == [
        "application/sdp",
        "application/pkcs7-mime",
        "multipart/mixed",
        "multipart/signed",
        "message/sip",
        "message/sipfrag",
    ]


def test_transports_known_and_unknown() -> None:
    message = request("TRANSPORTS")
    assert [via.transport for via in message.vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]
    assert message.vias[3].branch == "z9hG4bKasd0f3en"


def test_mpart01_binary_parts() -> None:
    message = request("MPART01")
    text, signature = parts(message.body, message.header("Content-Type") or "")
    assert (text.content_type, text.body) == ("text/plain", b"Hello")
    assert signature.content_type == "application/octet-stream"
    assert signature.headers.get("Content-Transfer-Encoding") == "binary"
    assert signature.body[:4] == b"0\x82\x01R"
    assert len(signature.body) == 0x152 + 4  # the length that its DER says
    assert text.handling == ""


def test_unreason_utf8_reason() -> None:
    message = read("UNREASON")
    assert isinstance(message, Response)
    assert message.status == 200
    assert message.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert parse(message.encode()).encode() == message.encode()


def test_noreason_empty_reason() -> None:
    message = read("NOREASON")
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (100, "")


# --- 3.1.2 invalid --------------------------------------------------------------------------------


def test_badinv01_stray_separators() -> None:
    assert refused("BADINV01") == "Bad parameter"
    message = parse(raw("BADINV01"))
    with pytest.raises(SipError):
        _ = message.top_via
    with pytest.raises(SipError):
        _ = message.contacts


def test_clerr_content_length_too_large() -> None:
    assert refused("CLERR") == "Content-Length is larger than the message"


def test_ncl_negative_content_length() -> None:
    assert refused("NCL") == "Bad Content-Length"
    decoder = StreamDecoder()
    (error,) = decoder.feed(raw("NCL"))
    assert isinstance(error, SipError)
    assert decoder.broken


def test_scalar02_numbers_too_large() -> None:
    assert refused("SCALAR02") == "Bad CSeq"
    good = raw("SCALAR02").replace(b"36893488147419103232", b"1")
    assert refused("SCALAR02", data=good) == "Bad Max-Forwards"
    good = good.replace(b"Max-Forwards: 300", b"Max-Forwards: 255")
    assert parse(good).expires is None  # a wish: what cannot be read is none


def test_scalarlg_response_with_numbers_too_large() -> None:
    assert dropped("SCALARLG") == "Bad CSeq"
    message = parse(raw("SCALARLG").replace(b"9292394834772304023312", b"1"))
    assert isinstance(message, Response)
    check_response(message)  # its Retry-After is no reason to wait for another answer


def test_quotbal_unbalanced_quote() -> None:
    """Taken, though the RFC lets us refuse it: the address can be read, the name is dropped."""
    to = request("QUOTBAL").to
    assert (to.display, str(to.uri)) == ("", "sip:j.user@example.com")


def test_ltgtruri_request_uri_in_brackets() -> None:
    assert refused("LTGTRURI") == "Bad URI"


def test_lwsruri_whitespace_in_the_request_uri() -> None:
    """Refused, though the RFC would let us repair it."""
    assert refused("LWSRURI") == "Bad Request-Line"


def test_lwsstart_double_spaces() -> None:
    """Refused, though the RFC would let us repair it."""
    assert refused("LWSSTART") == "Bad Request-Line"


def test_trws_trailing_space() -> None:
    """Refused, though the RFC would let us repair it."""
    assert refused("TRWS") == "Bad Request-Line"


def test_escruri_headers_in_the_request_uri() -> None:
    assert refused("ESCRURI") == "Headers in Request-URI"
    assert parse(raw("ESCRURI")).headers.get("Route") is None


def test_baddate_other_time_zone() -> None:
    """The Date is ignored, which the RFC allows."""
    message = request("BADDATE")
    assert message.header("Date") == "Fri, 01 Jan 2010 16:00:00 EST"
    assert len(message.body) == 150


def test_regbadct_contact_with_headers_unbracketed() -> None:
    assert refused("REGBADCT") == "Address needs <>"


def test_badaspec_spaces_inside_brackets() -> None:
    """The spaces are ignored, as the RFC lets us."""
    message = request("BADASPEC")
    assert str(message.to.uri) == "sip:t.watson@example.org"
    assert message.from_.display == "Bell, Alexander"


def test_baddn_comma_in_unquoted_name() -> None:
    """Taken without the name, as the RFC lets us. The file ends without its empty line, too."""
    from_ = request("BADDN").from_
    assert (from_.display, str(from_.uri), from_.tag) == ("", "sip:a.g.bell@example.com", "43")


def test_badvers_version_7() -> None:
    assert refused("BADVERS", 505) == "SIP version not supported"


def test_mismatch01_cseq_of_another_method() -> None:
    assert refused("MISMATCH01") == "CSeq method differs from the request's"


def test_mismatch02_unknown_method_and_another_in_cseq() -> None:
    """501, where the RFC allows 400 as well."""
    assert refused("MISMATCH02", 501) == "Unknown method"


def test_bigcode_status_out_of_range() -> None:
    assert dropped("BIGCODE") == "Bad Status-Line"


# --- 3.2 transaction ------------------------------------------------------------------------------


def test_badbranch_only_the_cookie() -> None:
    """Parsed; such a branch names no transaction, so it is matched by the rules of RFC 2543."""
    message = request("BADBRANCH")
    assert message.top_via == Via("UDP", "192.0.2.1", None, (("branch", "z9hG4bK"),))


# --- 3.3 application ------------------------------------------------------------------------------


def test_insuf_no_call_id_from_to() -> None:
    assert refused("INSUF") == "Missing From header"


def test_unkscm_unknown_scheme() -> None:
    assert refused("UNKSCM", 416) == "Unsupported URI scheme"
    message = parse(raw("UNKSCM"))
    assert isinstance(message, Request)
    assert message.uri == Uri("nobodyknowsthisscheme", opaque="totallyopaquecontent")


def test_novelsc_scheme_of_another_protocol() -> None:
    assert refused("NOVELSC", 416) == "Unsupported URI scheme"
    message = parse(raw("NOVELSC"))
    assert isinstance(message, Request)
    assert str(message.uri) == message.uri_text == "soap.beep://192.0.2.103:3002"


def test_unksm2_unknown_schemes_in_addresses() -> None:
    message = request("UNKSM2")
    assert message.to.uri == Uri("isbn", opaque="2983792873")
    assert message.from_.uri == Uri("http", opaque="//www.example.com")
    assert message.from_.tag == "3234233"
    assert message.contacts == [NameAddr("", Uri("name", opaque="John_Smith"))]


def test_bext01_unknown_extensions() -> None:
    """420 by the one who knows what is supported."""
    message = request("BEXT01")
    assert message.require == {"nothingsupportsthis", "nothingsupportsthiseither"}
    assert message.headers.split("Proxy-Require") == [
        "noProxiesSupportThis",
        "norDoAnyProxiesSupportThis",
    ]


def test_invut_unknown_body_type() -> None:
    message = request("INVUT")
    assert message.content_type == "application/unknownformat"
    assert message.body == b'<audio>\r\n <pcmu port="443"/>\r\n</audio>\r\n'


def test_regaut01_unknown_authentication_scheme() -> None:
    message = request("REGAUT01")
    credentials = Credentials.parse(message.header("Authorization") or "")
    assert credentials.scheme == "NoOneKnowsThisScheme"
    assert not credentials.is_digest
    assert credentials.param("opaque-data") == "here"


def test_multi01_single_headers_twice() -> None:
    assert refused("MULTI01").startswith("Repeated ")


def test_mcl01_two_content_lengths() -> None:
    assert refused("MCL01") == "Repeated Content-Length header"
    decoder = StreamDecoder()
    (error,) = decoder.feed(raw("MCL01"))
    assert isinstance(error, SipError)
    assert decoder.broken


def test_bcast_second_via() -> None:
    """A response with a Via below ours is not ours: dropped."""
    assert dropped("BCAST") == "More than one Via in a response"


def test_zeromf_processed() -> None:
    """We are the endpoint: 0 is no reason to refuse."""
    assert request("ZEROMF").max_forwards == 0


def test_cparam01_parameter_of_the_header() -> None:
    contact = request("CPARAM01").contact
    assert contact is not None
    assert contact.has_param("unknownparam")
    assert contact.uri.params == ()


def test_cparam02_parameter_of_the_uri() -> None:
    contact = request("CPARAM02").contact
    assert contact is not None
    assert contact.params == ()
    assert contact.uri.has_param("unknownparam")


def test_regescrt_headers_in_a_contact() -> None:
    contact = request("REGESCRT").contact
    assert contact is not None
    assert contact.uri.headers == (("Route", "%3Csip:sip.example.com%3E"),)
    assert contact.uri.header("route") == "<sip:sip.example.com>"


def test_sdp01_unacceptable_accept() -> None:
    message = request("SDP01")
    assert message.headers.split("Accept") == ["text/nobodyKnowsThis"]
    assert message.content_type == "application/sdp"


# --- 3.4 compatibility ----------------------------------------------------------------------------


def test_inv2543_accepted() -> None:
    message = request("INV2543")
    assert message.top_via == Via("UDP", "iftgw.example.com")
    assert message.top_via.branch == ""
    assert message.from_.tag is None
    assert message.from_.uri.number == "+13035551111"
    assert message.to.params == (("user", "phone"),)
    assert message.record_routes[0].uri.param("maddr") == "ss1.example.com"
    assert message.contact is None
    assert message.max_forwards is None
    assert len(message.body) == 105  # without Content-Length: the rest of the datagram


# --- not in the RFC -------------------------------------------------------------------------------


def test_test_no_version() -> None:
    with pytest.raises(SipError) as caught:
        parse(raw("TEST"))
    assert caught.value.status == 400
    assert caught.value.message is None
