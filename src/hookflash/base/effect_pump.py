"""Effects, performed in order with everything that they cause. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Effect = TypeVar("Effect")


class EffectPump(Generic[Effect]):
    """What comes of an effect is performed after all that waited before it."""

    def __init__(self, perform: Callable[[Effect], object]) -> None:
        self._perform = perform
        self._queue: deque[Effect] = deque()
        self._working = False

    def do(self, effects: Iterable[Effect]) -> bool:
        """Perform these. False where an effect that is being performed asked for it: then whoever
        performs that one does these too."""
        self._queue.extend(effects)
        if self._working:
            return False
        self._working = True
        try:
            while self._queue:
                self._perform(self._queue.popleft())
        finally:
            self._working = False
        return True
