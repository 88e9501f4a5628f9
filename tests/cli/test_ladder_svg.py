"""The picture of a ladder."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.doctor.test_seen import HEAD, entry

from hookflash.cli.ladder_svg import ladder_svg
from hookflash.cli.sip_ladder import lanes_of
from hookflash.doctor.seen import seen_from

SVG = "{http://www.w3.org/2000/svg}"


def test_it_is_xml_with_an_arrow_for_each_message_whatever_peers_write() -> None:
    evil = "Subject: </title><script>\x1b[2J\x00\r\n"
    seen = seen_from(
        [
            entry(f"INVITE sip:a@b SIP/2.0\r\n{HEAD}{evil}\r\n"),
            entry(f"SIP/2.0 200 <OK> & more\r\n{HEAD}\r\n", direction="sent", at=2.0),
            entry(f"SIP/2.0 603 No\r\n{HEAD}\r\n", remote="192.0.2.99:1"),
        ]
    )
    root = ElementTree.fromstring(ladder_svg("SCL_<1>", *lanes_of(seen), seen))
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert "SCL_<1>" in texts
    assert "200 <OK> & more" in texts
    assert "0.500 s" in texts
    assert {"[2001:db8::7]:5061", "192.0.2.99:1", "Hookflash"} <= set(texts)
    groups = root.findall(f"{SVG}g")
    assert [group.get("fill") for group in groups] == ["#0550ae", "#1a7f37", "#cf222e"]
    tooltip = groups[0].find(f"{SVG}title")
    assert tooltip is not None
    assert tooltip.text is not None
    assert "\\x1b[2J" in tooltip.text
    (first, second) = (group.find(f"{SVG}line") for group in groups[:2])
    assert first is not None
    assert second is not None
    assert (first.get("x1"), first.get("x2")) == (second.get("x2"), second.get("x1"))


def test_a_long_label_is_cut_and_its_tooltip_is_not() -> None:
    target = "tel:+1" + "5" * 500
    seen = seen_from([entry(f"REFER sip:a@b SIP/2.0\r\nRefer-To: <{target}>\r\n{HEAD}\r\n")])
    root = ElementTree.fromstring(ladder_svg("SCL_1", *lanes_of(seen), seen))
    (group,) = root.findall(f"{SVG}g")
    (*_, label) = group.iter(f"{SVG}text")
    assert label.text == f"REFER to {target}"[:46]
    tooltip = group.find(f"{SVG}title")
    assert tooltip is not None
    assert f"\nRefer-To: <{target}>\n" in str(tooltip.text)
