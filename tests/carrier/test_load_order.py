"""The terms of a load run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hookflash.base.errors import ConfigError
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig, example_config
from hookflash.carrier.load_order import (
    TERMS,
    LoadOrder,
    dialled_numbers,
    load_network,
    read_load,
)
from hookflash.sip.uri import Uri

EXCHANGE = Uri.sip(None, "192.0.2.2", 5060)


def read(*terms: str, lasts: str = "") -> LoadOrder:
    return read_load(terms, lasts, example_config())


def test_as_it_is_written_in_the_design() -> None:
    order = read("calls=200", "rate=20", lasts="60s")
    assert order == LoadOrder(calls=200, rate=20.0, seconds=60.0, hold=10.0)


def test_terms_in_one_text_in_any_order() -> None:
    order = read("rate=2.5  calls=3 hold=1m", "sound=no", "room=lobby", lasts="0.5h")
    assert order == LoadOrder(
        calls=3, rate=2.5, hold=60.0, sound=False, room="lobby", seconds=1800.0
    )


@pytest.mark.parametrize(
    ("terms", "hold"), [(["calls=30", "rate=2"], 15.0), (["calls=1", "rate=20"], 1.0)]
)
def test_a_call_lasts_so_long_that_all_telephones_have_one(terms: list[str], hold: float) -> None:
    assert read(*terms).hold == hold


def test_the_target_is_the_first_telephone_that_is_answered() -> None:
    assert read("transfers=0.5").to == "+15105550123"
    assert read("transfers=0.5", "to=sip:sales@example.com").to == "sip:sales@example.com"
    assert read("rate=1").to == ""


@pytest.mark.parametrize(
    ("terms", "lasts", "fault"),
    [
        (["call=1"], "", f"--load: 'call' is unknown; allowed: {', '.join(TERMS)}"),
        (["calls=1", "calls=2"], "", "--load: 'calls' is there twice; allowed: each term once"),
        (["calls=0"], "", "--load calls: '0' is not allowed; allowed: a whole number from 1 to"),
        (["calls=10001"], "", "--load calls: '10001' is not allowed; allowed: a whole number"),
        (["calls"], "", "--load calls: '' is not allowed"),
        (["rate=fast"], "", "--load rate: 'fast' is not allowed; allowed: calls a second from"),
        (["rate=0"], "", "--load rate: '0' is not allowed; allowed: calls a second from 0.01 to"),
        (["rate=1e3"], "", "--load rate: '1e3' is not allowed"),
        (["hold=10x"], "", "--load hold: '10x' is not allowed; allowed: a time such as 60s, 10m"),
        (["hold=0.5"], "", "--load hold: '0.5' is not allowed"),
        (["transfers=2"], "", "--load transfers: '2' is not allowed; allowed: a share of the call"),
        (["to=sales"], "", "--load to: 'sales' is not allowed; allowed: a number such as"),
        (["sound=off"], "", "--load sound: 'off' is not allowed; allowed: one of yes, no"),
        (["calls=1"], "forever", "--for: 'forever' is not allowed; allowed: a time such as"),
        (["calls=1"], "25h", "--for: '25h' is not allowed"),
    ],
)
def test_what_is_wrong_is_named(terms: list[str], lasts: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(*terms, lasts=lasts)
    assert str(caught.value).startswith(fault)


def test_nobody_to_transfer_to() -> None:
    caller, busy = PhoneConfig("+1411"), PhoneConfig("+1412", does="busy")
    config = replace(example_config(), phones=(caller, busy))
    with pytest.raises(ConfigError, match="no other telephone of this carrier is answered"):
        read_load(["transfers=1"], "", config)


def test_a_telephone_for_each_call() -> None:
    """As the first one, but for its number, which nobody else has."""
    first = PhoneConfig("+14155550100", "caller", tone=330.0, presses="1", calls="+15550000001")
    taken = PhoneConfig("+14156000001")
    trunk = TrunkConfig("a", ("+15550000001", "+14156000002"), EXCHANGE)
    config = NetworkConfig((trunk,), (first, taken))
    network, callers = load_network(LoadOrder(calls=3), config)
    assert callers == ["+14156000000", "+14156000003", "+14156000004"]
    assert network.phones[:2] == config.phones
    assert [phone.number for phone in network.phones[2:]] == callers
    assert {(phone.tone, phone.presses, phone.calls) for phone in network.phones[2:]} == {
        (330.0, "1", "")
    }


def test_nobody_to_call() -> None:
    nowhere = TrunkConfig("a", ("+15550000001",), None)
    config = replace(example_config(), trunks=(nowhere,))
    assert dialled_numbers(config) == []
    with pytest.raises(ConfigError, match=r"--config: trunks: \['a'\] is not allowed; allowed: on"):
        load_network(LoadOrder(), config)


def test_every_number_that_leads_to_an_exchange_is_called() -> None:
    trunks = (
        TrunkConfig("a", ("+1551", "+1552"), EXCHANGE),
        TrunkConfig("b", ("+1553",), None),
        TrunkConfig("c", ("+1554",), EXCHANGE),
    )
    config = replace(example_config(), trunks=trunks)
    assert dialled_numbers(config) == ["+1551", "+1552", "+1554"]
