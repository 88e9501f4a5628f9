"""Who is at which telephone."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator

import pytest

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.config import NetworkConfig, PhoneConfig
from hookflash.carrier.conversation import End, PhoneEnd
from hookflash.carrier.people import OccupiedError, People
from hookflash.carrier.routing import Numbers
from hookflash.carrier.telephone import Telephone

ANNA, BERT = PhoneConfig("+14155550100"), PhoneConfig("+15105550123")


class Ends(UserDict[str, End]):
    """Counts how often all of them are looked through."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        self.looks += 1
        return super().__iter__()


class Rig:
    """Two telephones, and what is done to them."""

    def __init__(self) -> None:
        self.ends = Ends()
        self.changed: list[str] = []
        self.hung_up: list[str] = []
        numbers = Numbers(NetworkConfig((), (ANNA, BERT)))
        self.people = People(numbers, self.ends, lambda end: self.hung_up.append(end.id))
        self.people.watch(self.changed.append)

    def call(self, end_id: str, phone: PhoneConfig) -> None:
        self.ends[end_id] = PhoneEnd(end_id, Telephone(phone))


def test_who_comes_before_a_call_is_in_it() -> None:
    rig = Rig()
    person = rig.people.come(ANNA.number, lambda _: None)
    assert rig.changed == []
    rig.call("PH_1", ANNA)
    rig.call("PH_2", BERT)
    assert rig.people.at("PH_1") is person
    assert rig.people.at("PH_2") is None
    assert rig.people.at("PH_3") is None


def test_who_comes_and_goes_in_a_call() -> None:
    """A number may be written as people do."""
    rig = Rig()
    rig.call("PH_1", ANNA)
    rig.call("PH_2", BERT)
    person = rig.people.come("+1 (415) 555-0100", lambda _: None)
    assert rig.changed == ["PH_1"]
    assert rig.people.at("PH_1") is person
    rig.people.leave(person)
    assert rig.changed == ["PH_1", "PH_1"]
    assert rig.hung_up == ["PH_1"]
    assert rig.people.at("PH_1") is None


def test_a_person_talks_in_the_first_of_two_calls() -> None:
    rig = Rig()
    person = rig.people.come(ANNA.number, lambda _: None)
    rig.call("PH_1", ANNA)
    rig.call("PH_2", ANNA)
    assert rig.people.at("PH_1") is person
    assert rig.people.at("PH_2") is None
    rig.people.leave(person)
    assert rig.hung_up == ["PH_1", "PH_2"]


def test_when_the_first_of_two_calls_is_over_a_person_is_in_the_second() -> None:
    rig = Rig()
    rig.call("PH_0", ANNA)
    rig.call("PH_1", BERT)
    rig.call("PH_2", BERT)
    person = rig.people.come(BERT.number, lambda _: None)
    rig.changed.clear()
    for end_id in ("PH_1", "PH_0"):
        end = rig.ends.pop(end_id)
        rig.people.call_over(end.number)
    assert rig.changed == ["PH_2"]
    assert rig.people.at("PH_2") is person
    del rig.ends["PH_2"]
    rig.people.call_over(BERT.number)
    assert rig.changed == ["PH_2"], "there is no call left"


def test_calls_are_looked_through_only_where_somebody_is_there() -> None:
    """There may be thousands of them."""
    rig = Rig()
    rig.call("PH_1", ANNA)
    rig.ends.looks = 0
    assert rig.people.at("PH_1") is None
    rig.people.call_over(ANNA.number)
    assert rig.ends.looks == 0
    rig.people.come(ANNA.number, lambda _: None)
    assert rig.people.at("PH_1") is not None
    assert rig.ends.looks > 0


def test_one_at_a_time_and_where_there_is_a_telephone() -> None:
    rig = Rig()
    person = rig.people.come(ANNA.number, lambda _: None)
    with pytest.raises(OccupiedError, match=r"somebody is at the telephone \+14155550100 already"):
        rig.people.come(ANNA.number, lambda _: None)
    rig.people.leave(person)
    rig.people.come(ANNA.number, lambda _: None)
    with pytest.raises(CarrierError, match=r"no telephone has the number \+1999"):
        rig.people.come("+1999", lambda _: None)
