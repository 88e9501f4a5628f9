"""Where speeches come from: wave files, and texts that espeak-ng reads aloud.

Takes its time, so it is done before a call, and in a thread of its own where a loop runs.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..audio.tone_bank import Pcm
from ..base.errors import ConfigError
from .reading import is_wave
from .speech import Speech, word_tones
from .wave_files import LARGEST, read_wave, wrong_wave

PROGRAM: Final = "espeak-ng"
OPTIONS: Final = ("--stdin", "--stdout", "-s", "150")
"""The text is its input: whatever stands there, it is no option."""
WITHIN: Final = 30.0
"""Seconds for a text, on a busy machine."""
MISSING: Final = f"{PROGRAM} is not installed, so texts are said as tones, one for each word"


class Speaker:
    """Makes speeches where a loop runs."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell`: called with `no_voice`, once, where texts cannot be spoken."""
        self.tell = tell
        self._told = False

    async def speech(self, says: str) -> Speech:
        """As `speech_of`."""
        if not (self._told or is_wave(says) or can_speak()):
            self._told = True
            self.tell("no_voice")
        return await asyncio.to_thread(speech_of, says)


def can_speak() -> bool:
    """Whether texts are spoken, and not said as tones."""
    return shutil.which(PROGRAM) is not None


def speech_of(says: str) -> Speech:
    """The name of a wave file, or a text, made ready to be said.

    Raises:
        ConfigError: names the file, what it is and what is allowed.
    """
    return Speech(_file(Path(says)) if is_wave(says) else _text(says))


def _file(path: Path) -> Pcm:
    name = str(path)
    try:
        if not path.is_file():
            raise wrong_wave(name, "no file")
        if path.stat().st_size > LARGEST:
            raise wrong_wave(name, f"larger than {LARGEST} octets")
        return read_wave(name, path.read_bytes())
    except OSError as error:
        raise wrong_wave(name, f"unreadable ({error.strerror})") from None


def _text(text: str) -> Pcm:
    program = shutil.which(PROGRAM)
    if program is None:
        return word_tones(text)
    try:
        done = subprocess.run(  # noqa: S603  # the text is no argument
            [program, *OPTIONS],
            input=text.encode(),
            capture_output=True,
            timeout=WITHIN,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError("says", text, "a text", wrong=f"cannot be spoken ({error})") from None
    return read_wave(PROGRAM, done.stdout)
