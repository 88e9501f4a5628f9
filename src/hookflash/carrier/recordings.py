"""The recordings of a running carrier: which telephones have one, and their files."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from ..base.errors import HookflashError
from .conversation import End, PhoneEnd
from .recording import Recording


class Tell(Protocol):
    """Says that something happened."""

    def __call__(self, name: str, **fields: object) -> None: ...


class Recordings:
    """Those of its telephones that want one. Files are written when the call is over, in a thread:
    nothing waits for a disk while sound goes by."""

    def __init__(self, ends: Mapping[str, End], clock: Callable[[], float], tell: Tell) -> None:
        """`ends`: of the switch. `clock`: in seconds. `tell`: of each file that is written."""
        self.all = False
        """Every telephone is recorded, as `of` gives it."""
        self._ends = ends
        self._clock = clock
        self.tell = tell
        self._wanted: set[str] = set()
        """Ids of ends that are recorded though their configuration does not say so."""
        self._live: dict[str, Recording] = {}
        self._last: dict[str, Recording] = {}
        """By number, of its last call."""
        self._files: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, end: PhoneEnd) -> None:
        """Record this telephone in this call."""
        self._wanted.add(end.id)

    def of(self, number: str) -> Recording | None:
        """That of the telephone's present or last call that was answered."""
        return self._last.get(number)

    def begin(self, end_id: str) -> Recording | None:
        """A telephone is connected: its recording, which goes on if it has begun."""
        end, found = self._ends.get(end_id), self._live.get(end_id)
        if found is not None or not isinstance(end, PhoneEnd):
            return found
        if not (self.all or end.phone.config.records or end_id in self._wanted):
            return None
        found = self._live[end_id] = self._last[end.number] = Recording(self._clock())
        return found

    def end(self, end: PhoneEnd) -> None:
        """Its call is over."""
        self._wanted.discard(end.id)
        found = self._live.pop(end.id, None)
        if found is None:
            return
        found.end(self._clock())
        if end.phone.config.records:
            self._files[end.number] += 1
            file = numbered(Path(end.phone.config.records), self._files[end.number])
            task = asyncio.get_running_loop().create_task(self._write(end.number, file, found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._tasks)

    async def _write(self, number: str, file: Path, found: Recording) -> None:
        try:
            await asyncio.to_thread(save, found, file)
        except RecordingError as error:
            self.tell("not_recorded", phone=number, why=str(error))
        else:
            self.tell("recorded", phone=number, file=str(file), seconds=round(found.seconds, 1))


class RecordingError(HookflashError):
    """A recording cannot be written; the text says which and why."""


def save(recording: Recording, file: Path) -> None:
    """Write it as a WAV file; raises RecordingError."""
    try:
        file.write_bytes(recording.wave())
    except OSError as error:
        raise RecordingError(f"{file} cannot be written ({error.strerror})") from None


def numbered(file: Path, count: int) -> Path:
    """`heard.wav` for the first call, then `heard-2.wav` and so on."""
    return file if count == 1 else file.with_stem(f"{file.stem}-{count}")
