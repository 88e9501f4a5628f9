"""Dialogs of both sides: route sets, strict and loose routing, targets, numbers (RFC 3261 §12)."""

from __future__ import annotations

import pytest
from tests.support.sip_messages import OUR_ADDRESS, flow_to, request_of, response_of

from hookflash.base.errors import SipError
from hookflash.sip.codec import parse
from hookflash.sip.dialog import Dialog, request_uri
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response
from hookflash.sip.uri import Uri

UDP = flow_to()
OURS = Uri.parse("sip:192.0.2.10:5060")
CONTACT = ("Contact", "<sip:caller@10.0.0.1:5062>")
P1, P2 = "<sip:p1.example;lr>", "<sip:p2.example;lr>"


def uas(*headers: tuple[str, str], uri: str = "sip:100@192.0.2.10", flow: Flow = UDP) -> Dialog:
    invite = request_of("INVITE", headers=[CONTACT, *headers], cseq=7, uri=uri)
    return Dialog.uas(invite, local_tag="ours", contact=OURS, flow=flow)


def invite_of_ours() -> Request:
    return request_of(
        "INVITE", uri="sip:200@peer.example", cseq=3, headers=[("Contact", "<sip:192.0.2.10>")]
    )


def uac(status: int, *headers: tuple[str, str], tag: str = "theirs") -> Dialog:
    request = invite_of_ours()
    response = response_of(request.encode(), status, tag=tag, headers=headers)
    return Dialog.uac(request, response, flow=UDP)


def read(request: Request) -> Request:
    message = parse(request.encode())
    assert isinstance(message, Request)
    return message


def test_the_callee_takes_everything_from_the_request() -> None:
    dialog = uas(("Record-Route", P1), ("Record-Route", P2))
    assert dialog.key == ("call-1", "ours", "peer")
    assert str(dialog.remote_target) == "sip:caller@10.0.0.1:5062"
    assert [str(route) for route in dialog.route_set] == [P1, P2]
    assert (dialog.local_cseq, dialog.remote_cseq) == (0, 7)
    assert dialog.local_uri.tag == "ours"
    assert dialog.remote_tag == "peer"
    assert dialog.contact == OURS
    assert dialog.peer_flow == UDP
    assert not dialog.secure


def test_the_callee_of_a_request_with_to_tag_keeps_it() -> None:
    invite = request_of("INVITE", to_tag="there")
    dialog = Dialog.uas(invite, local_tag="there", contact=OURS, flow=UDP)
    assert dialog.local == "<sip:100@192.0.2.10>;tag=there"


@pytest.mark.parametrize("contact", [[], [("Contact", "<tel:+15105550100>")]])
def test_an_invite_needs_a_sip_contact(contact: list[tuple[str, str]]) -> None:
    invite = request_of("INVITE", headers=contact)
    with pytest.raises(SipError) as caught:
        Dialog.uas(invite, local_tag="ours", contact=OURS, flow=UDP)
    assert (caught.value.status, caught.value.message) == (400, invite)


def test_what_no_request_line_may_have_is_cut_off_a_contact() -> None:
    contact = "<sip:a@10.0.0.1;transport=tcp;method=INVITE?Subject=x>"
    invite = request_of("INVITE", headers=[("Contact", contact)])
    dialog = Dialog.uas(invite, local_tag="ours", contact=OURS, flow=UDP)
    request, _ = dialog.make_request("REFER")
    assert request.uri_text == "sip:a@10.0.0.1;transport=tcp"
    update = request_of("UPDATE", headers=[("Contact", "<sip:b@10.0.0.1?Subject=x>")])
    assert dialog.refresh_target(update)
    assert dialog.make_request("BYE")[0].uri_text == "sip:b@10.0.0.1"


def test_a_peer_of_rfc_2543_has_no_tag() -> None:
    invite = request_of("INVITE")
    invite.headers.set("From", "<sip:caller@198.51.100.7>")
    dialog = Dialog.uas(invite, local_tag="ours", contact=OURS, flow=UDP)
    assert dialog.remote_tag == ""
    assert read(dialog.make_request("BYE")[0]).to.tag is None


def test_secure_needs_sips_and_tls() -> None:
    tls = flow_to("tls")
    assert uas(uri="sips:100@192.0.2.10", flow=tls).secure
    assert not uas(uri="sips:100@192.0.2.10").secure
    assert not uas(flow=tls).secure


def test_the_caller_reverses_the_route() -> None:
    dialog = uac(200, ("Record-Route", f"{P1}, {P2}"), ("Contact", "<sip:200@10.9.9.9>"))
    assert dialog.key == ("call-1", "peer", "theirs")
    assert [str(route) for route in dialog.route_set] == [P2, P1]
    assert str(dialog.remote_target) == "sip:200@10.9.9.9"
    assert (dialog.local_cseq, dialog.remote_cseq) == (3, None)
    assert str(dialog.contact) == "sip:192.0.2.10"


def test_forks_are_dialogs_of_their_own() -> None:
    assert uac(180, tag="a").key != uac(180, tag="b").key


def test_an_early_dialog_without_contact_goes_to_the_request_uri() -> None:
    dialog = uac(180)
    request, hop = dialog.make_request("PRACK")
    assert request.uri_text == "sip:200@peer.example"
    assert hop.uri == Uri.parse("sip:200@peer.example")


def test_confirmation_fixes_route_and_target() -> None:
    request = invite_of_ours()
    early = response_of(
        request.encode(), 180, headers=[("Record-Route", P1), ("Contact", "<sip:early@10.0.0.9>")]
    )
    dialog = Dialog.uac(request, early, flow=UDP)
    final = response_of(
        request.encode(), 200, headers=[("Record-Route", P2), ("Contact", "<sip:final@10.0.0.9>")]
    )
    dialog.confirm(final)
    assert [str(route) for route in dialog.route_set] == [P2]
    assert str(dialog.remote_target) == "sip:final@10.0.0.9"


def test_a_caller_without_contact_is_no_hindrance() -> None:
    request = request_of("INVITE", headers=[])
    dialog = Dialog.uac(request, response_of(request.encode(), 200), flow=UDP)
    assert dialog.contact is None
    assert dialog.make_request("INVITE")[0].contact is None


def test_requests_count_up_and_are_complete() -> None:
    dialog = uas()
    first, hop = dialog.make_request("BYE", [("Reason", "Q.850;cause=16")])
    assert first.header("Via") is None
    message = read(first)
    assert message.uri_text == "sip:caller@10.0.0.1:5062"
    assert str(message.cseq) == "1 BYE"
    assert message.call_id == "call-1"
    assert (message.from_.tag, message.to.tag) == ("ours", "peer")
    assert message.max_forwards == 70
    assert message.header("Reason") == "Q.850;cause=16"
    assert message.routes == []
    assert message.contact is None
    assert (str(hop.uri), hop.flow, hop.routed) == ("sip:caller@10.0.0.1:5062", UDP, False)
    second, _ = dialog.make_request("INFO", body=b"x", content_type="text/plain")
    assert str(second.cseq) == "2 INFO"
    assert (second.content_type, second.body) == ("text/plain", b"x")


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY"])
def test_a_contact_is_added_where_it_must_be(method: str) -> None:
    request, _ = uas().make_request(method)
    assert request.headers.get_all("Contact") == ["<sip:192.0.2.10:5060>"]
    request, _ = uas().make_request(method, [("m", "<sip:mine>")])
    assert request.headers.get_all("Contact") == ["<sip:mine>"]


def test_loose_routing() -> None:
    dialog = uas(("Record-Route", P1), ("Record-Route", P2))
    request, hop = dialog.make_request("REFER")
    assert request.uri_text == "sip:caller@10.0.0.1:5062"
    assert [str(route) for route in request.routes] == [P1, P2]
    assert (str(hop.uri), hop.routed) == ("sip:p1.example;lr", True)


def test_strict_routing_puts_the_target_last() -> None:
    dialog = uas(("Record-Route", "<sip:p1.example;method=INVITE?X=y>"), ("Record-Route", P2))
    request, hop = dialog.make_request("REFER")
    assert request.uri_text == "sip:p1.example"
    assert [str(route) for route in request.routes] == [P2, "<sip:caller@10.0.0.1:5062>"]
    assert (hop.uri.host, hop.routed) == ("p1.example", True)


def test_request_uri_drops_what_may_not_stand_there() -> None:
    assert str(request_uri(Uri.parse("sip:a@b;method=BYE;x=1?Subject=z"))) == "sip:a@b;x=1"


def test_ack_has_the_number_of_its_invite() -> None:
    dialog = uac(200, ("Record-Route", P1), ("Contact", "<sip:200@10.9.9.9>"))
    dialog.make_request("UPDATE")
    ack, hop = dialog.make_ack(3)
    assert str(ack.cseq) == "3 ACK"
    assert [str(route) for route in ack.routes] == [P1]
    assert hop.routed
    assert dialog.local_cseq == 4
    assert ack.content_type == ""
    ack, _ = dialog.make_ack(3, [("X", "y")], b"v=0\r\n")
    assert (ack.content_type, ack.header("X")) == ("application/sdp", "y")


def test_numbers_of_the_peer_never_go_down() -> None:
    dialog = uas()
    elsewhere = Flow("udp", OUR_ADDRESS, ("198.51.100.7", 6000))
    assert dialog.request_received(request_of("INFO", cseq=9), UDP)
    assert not dialog.request_received(request_of("INFO", cseq=8), elsewhere)
    assert dialog.peer_flow == UDP
    assert dialog.request_received(request_of("INFO", cseq=9), elsewhere)
    assert dialog.peer_flow == elsewhere
    assert dialog.remote_cseq == 9


@pytest.mark.parametrize("overtakers", [(5,), (9, 6, 8)])
def test_a_bye_that_only_notifys_overtook_is_in_order(overtakers: tuple[int, ...]) -> None:
    """Refused, it would leave a dead call up."""
    dialog = uas()
    dialog.request_received(request_of("INFO", cseq=8), UDP)
    for number in overtakers:
        dialog.request_received(request_of("NOTIFY", cseq=20 + number), UDP)
    assert not dialog.request_received(request_of("BYE", cseq=7), UDP)
    assert not dialog.request_received(request_of("INFO", cseq=9), UDP)
    assert dialog.request_received(request_of("BYE", cseq=9), UDP)
    assert dialog.remote_cseq == 20 + max(overtakers)


def test_a_notify_that_was_overtaken_itself_moves_no_number() -> None:
    dialog = uas()
    dialog.request_received(request_of("INFO", cseq=12), UDP)
    assert not dialog.request_received(request_of("NOTIFY", cseq=9), UDP)
    assert dialog.remote_cseq == 12
    assert not dialog.request_received(request_of("BYE", cseq=11), UDP)


def test_so_it_is_where_the_peer_sent_nothing_before() -> None:
    dialog = uac(200)
    dialog.request_received(request_of("NOTIFY", cseq=9), UDP)
    assert dialog.request_received(request_of("BYE", cseq=8), UDP)


def test_ack_and_cancel_have_no_number_of_their_own() -> None:
    dialog = uas()
    dialog.request_received(request_of("INFO", cseq=9), UDP)
    assert dialog.request_received(request_of("ACK", cseq=7), UDP)
    assert dialog.request_received(request_of("CANCEL", cseq=7), UDP)
    assert dialog.remote_cseq == 9


def test_the_first_request_to_a_caller_sets_the_number() -> None:
    dialog = uac(200)
    assert dialog.request_received(request_of("BYE", cseq=4000), UDP)
    assert dialog.remote_cseq == 4000


def test_the_target_is_refreshed_by_what_the_owner_says() -> None:
    dialog = uas()
    moved = request_of("INVITE", headers=[("Contact", "<sip:caller@10.0.0.2>")])
    assert dialog.refresh_target(moved)
    assert not dialog.refresh_target(moved)
    assert str(dialog.remote_target) == "sip:caller@10.0.0.2"
    assert not dialog.refresh_target(request_of("UPDATE", headers=[]))
    assert not dialog.refresh_target(request_of("UPDATE", headers=[("Contact", "<sip:a@b")]))
    assert not dialog.refresh_target(Response.reply(moved, 200))
    assert str(dialog.remote_target) == "sip:caller@10.0.0.2"


def test_a_revived_dialog_hangs_up_where_the_old_one_would_have() -> None:
    dialog = uas(("Record-Route", P1))
    dialog.make_request("INFO")
    record = dialog.record("SCL_1", "tcp", ("192.0.2.10", 5060), ("203.0.113.5", 5061))
    assert (record.call_id, record.sip_call_id) == ("SCL_1", "call-1")
    revived = Dialog.revive(record)
    assert revived.key == dialog.key
    assert revived.remote_cseq is None
    bye, hop = revived.make_request("BYE")
    assert str(bye.cseq) == "101 BYE"
    before, _ = dialog.make_request("BYE")
    for name in ("From", "To", "Call-ID", "Route"):
        assert bye.header(name) == before.header(name)
    assert bye.uri_text == before.uri_text
    assert hop.flow == Flow("tcp", ("192.0.2.10", 5060), ("203.0.113.5", 5061))


def test_a_broken_record_is_a_sip_error() -> None:
    record = uas().record("SCL_1", "udp", OUR_ADDRESS, OUR_ADDRESS)
    broken = type(record)(
        **{name: getattr(record, name) for name in record.__slots__ if name != "remote_target"},
        remote_target="nonsense",
    )
    with pytest.raises(SipError):
        Dialog.revive(broken)
