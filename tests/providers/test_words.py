"""A preset in words, for the terminal and for the docs."""

from __future__ import annotations

from hookflash.providers import words
from hookflash.providers.preset import UNKNOWN, Fact, FactSource, Preset

PAGE = FactSource("doc", "https://acme.example/refer", "2026-10")
THREAD = FactSource("issue", "a thread", "2026-09-30")
ACME = Preset(
    "acme",
    "Acme Trunks",
    {
        "refer": Fact("switch", PAGE, note="blind only"),
        "switch_on": Fact("one\ntwo", THREAD),
        "refer_to": Fact("sip:{number}@{domain}", assumed=True),
        "number": Fact("e164", PAGE),
        "headers": Fact("Diversion: <sip:{ours}@{domain}>", PAGE),
        "notify": Fact(UNKNOWN, note="nothing was found"),
        "cost": Fact(UNKNOWN),
        "address": Fact("sip.acme.example", PAGE),
    },
)


def test_values_in_words() -> None:
    assert words.values(ACME, "refer") == ["yes, once it is switched on (blind only)"]
    assert words.values(ACME, "switch_on") == ["one", "two"]
    assert words.values(ACME, "notify") == ["not known: nothing was found"]
    assert words.values(ACME, "cost") == ["not known"]
    assert words.values(ACME, "number") == ["+ and country code"]


def test_a_list_has_its_name_once_and_each_line_its_source() -> None:
    marks = words.sources_of(ACME)
    assert marks == {PAGE: 1, THREAD: 2}
    lines = [(line.what, words.mark_of(line, marks)) for line in words.fact_lines(ACME)]
    assert lines[:5] == [
        ("takes REFER", "1"),
        ("to switch on", "2"),
        ("", "2"),
        ("Refer-To", "assumed"),
        ("numbers in it", "1"),
    ]
    assert lines[-2:] == [("costs", ""), ("address of an outbound trunk", "1")]


def test_commands() -> None:
    assert words.commands(ACME) == [
        "hookflash trunk inbound add --number +15105550100 --provider acme",
        "HOOKFLASH_TRUNK_PASSWORD=PASSWORD hookflash trunk outbound add "
        "--address sip.acme.example --number +15105550100 --user USER --provider acme",
        "hookflash rule add --room lobby",
    ]


def test_of_an_exchange_of_ones_own_and_without_an_address() -> None:
    facts = {**ACME.facts, "number": Fact("as_dialled"), "address": Fact(UNKNOWN)}
    assert words.commands(Preset("pbx", "PBX", facts))[1] == (
        "hookflash trunk outbound add --address SIP-HOST --number +15105550100 --provider pbx"
    )


def test_for_programs() -> None:
    shown = words.as_json(ACME)
    assert shown["facts"]["switch_on"] == {
        "value": ["one", "two"],
        "source": {"kind": "issue", "at": "a thread", "date": "2026-09-30"},
    }
    assert shown["facts"]["refer_to"]["assumed"] is True
    assert shown["facts"]["refer"]["note"] == "blind only"
    assert shown["facts"]["cost"] == {"value": UNKNOWN}
    assert shown["facts"]["headers"]["value"] == ["Diversion: <sip:{ours}@{domain}>"]


def test_for_the_docs() -> None:
    facts = {**ACME.facts, "refer": Fact("no"), "refer_to": Fact(UNKNOWN)}
    bare = Preset("bare", "Bare", {**facts, "refer": Fact(UNKNOWN)})
    assert words.overview([ACME, Preset("none", "None", facts), bare]).splitlines()[2:] == [
        "| [Acme Trunks](#acme) | yes, once it is switched on (blind only) "
        "| `sip:{number}@{domain}` | one; two |",
        "| [None](#none) | no |  | one; two |",
        "| [Bare](#bare) | not known | as asked | one; two |",
    ]
    section = words.page_section(ACME)
    assert section.startswith("## acme\n\nAcme Trunks.\n\n|")
    assert "| Refer-To | `sip:{number}@{domain}` | assumed |\n" in section
    assert "| headers wanted | `Diversion: <sip:{ours}@{domain}>` | 1 |\n" in section
    assert (
        "\n1. doc, 2026-10: <https://acme.example/refer>\n2. issue, 2026-09-30: a thread\n"
        in section
    )
    assert section.endswith("```sh\n" + "\n".join(words.commands(ACME)) + "\n```\n")
