"""Which telephones are recorded, and their files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.conversation import End, PhoneEnd
from hookflash.carrier.recording import Recording
from hookflash.carrier.recordings import RecordingError, Recordings, numbered, save
from hookflash.carrier.telephone import Telephone
from hookflash.carrier.wave_files import read_wave

Test = Callable[["Desk"], Awaitable[None]]
NUMBER = "+1510"


class Desk:
    """Recordings with a clock of their own."""

    def __init__(self) -> None:
        self.ends: dict[str, End] = {}
        self.now = 100.0
        self.told: list[tuple[str, dict[str, object]]] = []
        self.recordings = Recordings(self.ends, lambda: self.now, self._tell)

    def _tell(self, name: str, **fields: object) -> None:
        self.told.append((name, fields))

    def phone(self, ident: str, records: str = "") -> PhoneEnd:
        phone = Telephone(PhoneConfig(NUMBER, records=records))
        end = self.ends[ident] = PhoneEnd(ident, phone)
        return end


def run(test: Test) -> None:
    async def main() -> None:
        await test(Desk())

    asyncio.run(main())


def test_only_who_wants_one_has_one() -> None:
    async def test(desk: Desk) -> None:
        one, two = desk.phone("PH_1"), desk.phone("PH_2")
        desk.recordings.want(two)
        assert desk.recordings.begin("PH_1") is None
        assert desk.recordings.begin("ring SCL_1") is None
        found = desk.recordings.begin("PH_2")
        assert found is not None
        assert desk.recordings.begin("PH_2") is found, "it goes on where it is connected again"
        assert desk.recordings.of(NUMBER) is found
        assert desk.recordings.of("+1999") is None
        desk.now += 2.0
        desk.recordings.end(one)
        desk.recordings.end(two)
        desk.recordings.end(two)
        assert found.over
        assert found.seconds == 2.0
        assert desk.recordings.of(NUMBER) is found
        desk.recordings.all = True
        assert desk.recordings.begin("PH_1") is desk.recordings.of(NUMBER) is not found
        await desk.recordings.stop()
        assert desk.told == []

    run(test)


def test_each_call_has_a_file(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        file = tmp_path / "heard.wav"
        for ident in ("PH_1", "PH_2"):
            end = desk.phone(ident, str(file))
            found = desk.recordings.begin(ident)
            assert found is not None
            found.heard(desk.now, 7, 0, np.full(160, 1000, np.int16))
            desk.now += 1.0
            desk.recordings.end(end)
        await desk.recordings.stop()
        second = tmp_path / "heard-2.wav"
        told = {"phone": NUMBER, "seconds": 1.0}
        assert ("recorded", {**told, "file": str(file)}) in desk.told
        assert ("recorded", {**told, "file": str(second)}) in desk.told

    run(test)
    second = tmp_path / "heard-2.wav"
    assert sorted(tmp_path.iterdir()) == [second, tmp_path / "heard.wav"]
    assert len(read_wave("", second.read_bytes())) == 8000


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        file = tmp_path / "nowhere" / "heard.wav"
        end = desk.phone("PH_1", str(file))
        desk.recordings.begin("PH_1")
        desk.recordings.end(end)
        await desk.recordings.stop()
        why = f"{file} cannot be written (No such file or directory)"
        assert desk.told == [("not_recorded", {"phone": NUMBER, "why": why})]
        with pytest.raises(RecordingError, match="cannot be written"):
            save(Recording(0.0), file)

    run(test)


def test_names() -> None:
    assert numbered(Path("a/b.wav"), 1) == Path("a/b.wav")
    assert numbered(Path("a/b.wav"), 3) == Path("a/b-3.wav")
